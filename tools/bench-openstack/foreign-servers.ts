/** Servers in the pool's project that are not the pool's. */

export interface ForeignServers {
  /** Of the double. */
  readonly url: string;
  readonly authUrl: string;
  readonly project: string;
  readonly password: string;
  readonly count: number;
}

export async function createForeignServers({ url, count, ...login }: ForeignServers): Promise<void> {
  if (count === 0) return;
  const token = await logIn(login);
  const compute = `${url}/compute/v2.1`;
  const { flavors } = (await ask(`${compute}/flavors`, token)) as { flavors: readonly { id: string }[] };
  const { images } = (await ask(`${url}/image/v2/images`, token)) as { images: readonly { id: string }[] };
  const server = { name: 'foreign', flavorRef: flavors[0]?.id, imageRef: images[0]?.id };
  for (let n = 0; n < count; n += 1) await ask(`${compute}/servers`, token, { server });
}

async function logIn({ authUrl, project, password }: Omit<ForeignServers, 'url' | 'count'>): Promise<string> {
  const domain = { name: 'Default' };
  const identity = { methods: ['password'], password: { user: { name: project, domain, password } } };
  const answer = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope: { project: { name: project, domain } } } }),
  });
  return answer.headers.get('X-Subject-Token') ?? '';
}

async function ask(url: string, token: string, body?: unknown): Promise<unknown> {
  const headers = { 'X-Auth-Token': token, 'Content-Type': 'application/json' };
  const answer = await fetch(
    url,
    body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) },
  );
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
