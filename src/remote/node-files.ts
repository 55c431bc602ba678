/** The files that tell a finished server what it is: the classic contract with scripts and jobs on nodes. */
import type { ServerId } from '../lib/ids.ts';
import type { KeyPair } from './key-pair.ts';
import { assignments } from './quote.ts';
import type { RemoteFile } from './shell.ts';

/** Exists on every image; it is not made here, so that an image that was never prepared is noticed. */
const DIRECTORY = '/etc/nodepool';

export interface SetServer {
  readonly serverId: ServerId;
  readonly ip: string;
  /** null: the cloud has no private addresses; the public one then stands for it. */
  readonly ipPrivate: string | null;
}

/** A node with its subnodes, as its servers are told about it. */
export interface NodeSet {
  readonly provider: string;
  readonly cloud: string | null;
  readonly region: string | null;
  readonly az: string | null;
  readonly primary: SetServer;
  readonly subnodes: readonly SetServer[];
  /** Lets the servers of the set log in to each other; null: they get none. */
  readonly keyPair: KeyPair | null;
}

export interface NodeFiles {
  readonly server: SetServer;
  readonly files: readonly RemoteFile[];
}

/** The files of each server of the set: subnodes first, so that the primary finds them ready. */
export function nodeFiles(set: NodeSet): readonly NodeFiles[] {
  const shared = sharedFiles(set);
  return [...set.subnodes, set.primary].map((server) => ({
    server,
    files: [
      file('role', line(server === set.primary ? 'primary' : 'sub')),
      file('node', line(server.ip)),
      file('node_private', line(privateAddress(server))),
      ...shared,
      file('uuid', line(server.serverId)),
    ],
  }));
}

/** What all servers of the set are told alike. */
function sharedFiles(set: NodeSet): readonly RemoteFile[] {
  const keys = set.keyPair
    ? [file('id_rsa', set.keyPair.privateKey, 0o600), file('id_rsa.pub', set.keyPair.publicKey)]
    : [];
  return [
    file('primary_node', line(set.primary.ip)),
    file('primary_node_private', line(privateAddress(set.primary))),
    file('sub_nodes', set.subnodes.map(({ ip }) => line(ip)).join('')),
    file('sub_nodes_private', set.subnodes.map((server) => line(privateAddress(server))).join('')),
    ...keys,
    file('provider', providerVariables(set)),
  ];
}

function providerVariables(set: NodeSet): string {
  return assignments({
    NODEPOOL_PROVIDER: set.provider,
    NODEPOOL_CLOUD: set.cloud ?? '',
    NODEPOOL_REGION: set.region ?? '',
    NODEPOOL_AZ: set.az ?? '',
  })
    .map(line)
    .join('');
}

function privateAddress(server: SetServer): string {
  return server.ipPrivate ?? server.ip;
}

function line(text: string): string {
  return `${text}\n`;
}

function file(name: string, content: string, mode = 0o644): RemoteFile {
  return { path: `${DIRECTORY}/${name}`, content, mode };
}
