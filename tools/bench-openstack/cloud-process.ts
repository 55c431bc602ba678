/** The cloud that the bench measures against, in a process of its own: the double, and SSH on its servers. */
import { createOpenStackDouble, PASSWORD, type Behaviour, type OpenStackDouble } from '../openstack-double/index.ts';
import { createForeignServers } from './foreign-servers.ts';
import { answerQuestions } from './questions.ts';
import { startSshServers } from './ssh-servers.ts';

export interface CloudAccess {
  readonly authUrl: string;
  readonly user: string;
  readonly password: string;
  readonly sshPort: number;
}

/** When a server came up, in epoch milliseconds. */
export interface Life {
  readonly id: string;
  readonly activeAt: number;
  /** From here on SSH answers. */
  readonly sshAt: number;
}

/** One request to the cloud. */
export interface Request {
  /** `compute POST /v2.1/servers` */
  readonly call: string;
  readonly at: number;
  readonly status: number | null;
}

export interface CloudSettings {
  readonly quota: number;
  readonly behaviour: Partial<Behaviour>;
  /** Servers that belong to nobody whom the pool knows. */
  readonly foreign: number;
  /** Consoles show the host keys, as those of images with cloud-init do. */
  readonly showsHostKeys: boolean;
}

/** From ACTIVE until SSH answers. */
const SSH_MS = { least: 2000, spread: 3000 };

/** Addresses are learned before anybody can answer there. */
const LOOK_MS = 250;

export interface CloudAnswers {
  open(settings: CloudSettings): Promise<CloudAccess>;
  /** Servers that came up since the double was opened. */
  lives(): readonly Life[];
  /** Since they were forgotten last, oldest first. */
  requests(): readonly Request[];
  forgetRequests(): void;
  serverCount(): number;
}

const lives = new Map<string, Life>();
let up = new Map<string, Life>();
let double: OpenStackDouble | null = null;

function opened(): OpenStackDouble {
  if (double === null) throw new Error('the double is not open yet');
  return double;
}

/** Takes down when servers come up, and where. */
function look(): void {
  const known = new Map<string, Life>();
  for (const { id, activeAt, addresses, status, task } of opened().servers()) {
    if (status !== 'ACTIVE' || task === 'deleting') continue;
    const sshAt = activeAt + SSH_MS.least + Math.random() * SSH_MS.spread;
    const life = lives.get(id) ?? { id, activeAt, sshAt };
    lives.set(id, life);
    for (const address of addresses) known.set(address, life);
  }
  up = known;
}

async function open(settings: CloudSettings): Promise<CloudAccess> {
  const { port, hostKey } = await startSshServers((address) => (up.get(address)?.sshAt ?? Infinity) <= Date.now());
  const keys = `-----BEGIN SSH HOST KEY KEYS-----\n${hostKey} root@server\n-----END SSH HOST KEY KEYS-----\n`;
  const plenty = 1_000_000;
  const quota = { instances: settings.quota, cores: plenty, ram: 10 * plenty * 1024, ports: plenty, keypairs: plenty };
  double = await createOpenStackDouble({
    behaviour: settings.behaviour,
    projects: [{ name: 'bench', quota }],
    networks: [{ name: 'private', cidr: '10.0.0.0/8' }],
    addresses: (n) => [`127.${2 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`],
    ...(settings.showsHostKeys ? { console: () => keys } : {}),
  });
  const { url, authUrl } = double;
  await createForeignServers({ url, authUrl, project: 'bench', password: PASSWORD, count: settings.foreign });
  setInterval(look, LOOK_MS);
  return { authUrl, user: 'bench', password: PASSWORD, sshPort: port };
}

answerQuestions<CloudAnswers>({
  open,
  lives: () => [...lives.values()],
  requests: () =>
    opened().requests.map(({ service, method, route, target, at, status }) => ({
      call: `${service} ${method} ${route ?? target}`,
      at,
      status,
    })),
  forgetRequests: () => opened().forgetRequests(),
  serverCount: () => opened().servers().length,
});
