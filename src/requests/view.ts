/** A request as machines see it, the same on the command line and over HTTP. Times are ISO 8601, in UTC. */
import type { Config } from '../config/types.ts';
import type { NodeRecord, RequestRecord, ServerSlot } from '../lifecycle/records.ts';
import type { Explanation } from '../planning/explanation.ts';
import type { RequestWithNodes } from '../store/store.ts';

/** The port on which every server answers SSH. */
const SSH_PORT = 22;

/** How to log in to a server. */
export interface ServerView {
  readonly hostname: string | null;
  readonly ip: string | null;
  readonly ip_private: string | null;
  readonly port: number;
  readonly username: string | null;
  /** As lines of a known_hosts file end: `ssh-ed25519 AAAA...`. */
  readonly host_keys: readonly string[];
  readonly server_id: string | null;
}

export interface GrantedNodeView extends ServerView {
  readonly id: number;
  readonly label: string;
  readonly provider: string;
  readonly az: string | null;
  readonly image: string | null;
  /** Epoch seconds of the image's build; null: not known any more. */
  readonly image_version: number | null;
  readonly state: NodeRecord['state'];
  readonly subnodes: readonly ServerView[];
}

export interface RequestView {
  readonly id: number;
  readonly label: string;
  readonly count: number;
  readonly priority: number;
  readonly requestor: string;
  readonly reason: string | null;
  /** Seconds. */
  readonly ttl: number;
  readonly state: RequestRecord['state'];
  readonly end_reason: RequestRecord['endReason'];
  readonly created_at: string;
  readonly granted_at: string | null;
  readonly expires_at: string | null;
  readonly ended_at: string | null;
  readonly nodes: readonly GrantedNodeView[];
  /** Only while it waits, and a daemon can tell. */
  readonly waiting?: WaitingView;
}

export interface WaitingView {
  readonly position: number;
  readonly nodes_ahead: number;
  readonly ready: number;
  readonly building: number;
  readonly why: readonly string[];
  readonly expected_at: string | null;
}

export function viewRequest(
  { request, nodes, imageVersions }: RequestWithNodes,
  config: Config,
  explanation: Explanation | null = null,
): RequestView {
  const view = viewFacts(
    request,
    nodes.map((node) => viewNode(node, config, imageVersions)),
  );
  return explanation === null || request.state !== 'waiting' ? view : { ...view, waiting: viewWait(explanation) };
}

function viewFacts(request: RequestRecord, nodes: RequestView['nodes']): RequestView {
  const { id, label, count, priority, requestor, reason, state } = request;
  return {
    id,
    label,
    count,
    priority,
    requestor,
    reason,
    ttl: request.ttlMs / 1000,
    state,
    end_reason: request.endReason,
    created_at: timeOf(request.createdAt)!,
    granted_at: timeOf(request.grantedAt),
    expires_at: timeOf(request.expiresAt),
    ended_at: timeOf(request.endedAt),
    nodes,
  };
}

function viewNode(node: NodeRecord, config: Config, versions: RequestWithNodes['imageVersions']): GrantedNodeView {
  const { id, label, provider, az, state, imageId } = node;
  const image = config.labels.get(label)?.image ?? null;
  const username = config.providers.get(provider)?.images.get(image ?? '')?.username ?? null;
  const version = (imageId === null ? undefined : versions.get(imageId)) ?? null;
  return {
    id,
    label,
    provider,
    az,
    image,
    image_version: version,
    state,
    ...viewServer(node, username),
    subnodes: node.subnodes.map((subnode) => viewServer(subnode, username)),
  };
}

function viewServer(
  { hostname, ip, ipPrivate, hostKey, serverId }: ServerSlot & { hostname: string | null },
  username: string | null,
): ServerView {
  const hostKeys = hostKey === null ? [] : [hostKey];
  return {
    hostname,
    ip,
    ip_private: ipPrivate,
    port: SSH_PORT,
    username,
    host_keys: hostKeys,
    server_id: serverId,
  };
}

export function viewWait({ position, nodesAhead, ready, building, why, expectedAt }: Explanation): WaitingView {
  return { position, nodes_ahead: nodesAhead, ready, building, why, expected_at: timeOf(expectedAt) };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
