/** `/servers` of Nova. */
import { createServer } from './compute-create.ts';
import {
  computeRefusal,
  computeRoutes,
  pageOf,
  parseBody,
  readBody,
  versionedRoot,
  type ComputeCall,
  type VersionRange,
} from './compute-call.ts';
import { CONSOLE_OUTPUT, CREATE_IMAGE } from './compute-schemas.ts';
import type { Reply, Route } from './http.ts';
import { imagineContent } from './image-life.ts';
import { existsAt, type Image, type Server } from './records.ts';
import { isHidden, renderServer, serverLinks, serverText } from './render-server.ts';
import { startDeletion, statusAt, taskAt } from './server-life.ts';

export function serverRoutes(range: VersionRange | null): readonly Route[] {
  const route = computeRoutes(range);
  return [
    route('GET', '/servers', (call) =>
      listServers(call, (server) => {
        const { id, name } = server;
        return JSON.stringify({ id, name, links: serverLinks(call, server) });
      }),
    ),
    route('GET', '/servers/detail', (call) =>
      listServers(call, (server) => serverText(call, server, call.region.listedTime)),
    ),
    route('POST', '/servers', createServer),
    route('GET', '/servers/:id', (call, { id }) => ({
      status: 200,
      body: {
        server: {
          ...renderServer(call, findServer(call, id), call.now),
          ...(call.minor >= 71 ? { server_groups: [] } : {}),
        },
      },
    })),
    route('DELETE', '/servers/:id', (call, { id }) => {
      startDeletion(findServer(call, id), call.now, call.region.behaviour.deleteMs);
      return { status: 204 };
    }),
    route('POST', '/servers/:id/action', (call, { id }) => act(call, id)),
  ];
}

/** Also finds what a listing does not show yet. */
function findServer(call: ComputeCall, id = ''): Server {
  const server = call.region.servers.get(id);
  if (server && server.projectId === call.grant.project.id && existsAt(server, call.now)) return server;
  throw computeRefusal(404, `Instance ${id} could not be found.`);
}

function listServers(call: ComputeCall, textOf: (server: Server) => string): Reply {
  const { region, query } = call;
  if (query.has('all_tenants')) {
    const rule = `os_compute_api:servers:${call.path.endsWith('/detail') ? 'detail' : 'index'}:get_all_tenants`;
    throw computeRefusal(403, `Policy doesn't allow ${rule} to be performed.`);
  }
  region.sweep();
  const time = region.listedTime;
  const all = region.listAt(region.servers, time).filter((server) => isListed(call, server, time));
  const page = pageOf(call, all, {
    max: region.behaviour.computePage,
    markerOf: ({ id }) => id,
    findMarker: (marker) => indexAfter(call, all, marker),
  });
  const path = call.path.slice(call.path.indexOf('/servers'));
  const next = page.nextQuery === null ? null : `${versionedRoot(call)}${path}?${page.nextQuery}`;
  const links = next === null ? '' : `,"servers_links":${JSON.stringify([{ rel: 'next', href: next }])}`;
  return {
    status: 200,
    headers: { 'Content-Type': 'application/json' },
    body: `{"servers":[${page.entries.map(textOf).join(',')}]${links}}`,
  };
}

/** Whose it is, and the filters; an unknown one is passed over, as Nova does. */
function isListed(call: ComputeCall, server: Server, time: number): boolean {
  const { query } = call;
  if (server.projectId !== call.grant.project.id) return false;
  // With a limit, or before 2.69, a cell that is down is left out without a word.
  if (isHidden(server, time)) return call.minor >= 69 && !query.has('limit');
  const name = query.get('name');
  const status = query.get('status');
  const image = query.get('image');
  return (
    (name === null || new RegExp(name).test(server.name)) &&
    (status === null || status.toUpperCase() === statusAt(server, time)) &&
    (image === null || image === server.imageId)
  );
}

/** Newest first: what comes after the marker is what was made before it, also where that has gone meanwhile. */
function indexAfter({ region }: ComputeCall, all: readonly Server[], marker: string): number | null {
  const seq = region.seqOf(marker);
  if (seq === null) return null;
  const index = all.findIndex((server) => server.seq < seq);
  return index === -1 ? all.length : index;
}

function act(call: ComputeCall, id = ''): Reply {
  const body = parseBody(call);
  const [action, ...more] = typeof body === 'object' && body !== null ? Object.keys(body) : [];
  if (action === undefined || more.length > 0) throw computeRefusal(400, 'Malformed request body');
  if (action === 'createImage') return saveImage(call, id);
  if (action === 'os-getConsoleOutput') return readConsole(call, id);
  throw computeRefusal(400, `There is no such action: ${action}`);
}

function readConsole(call: ComputeCall, id: string): Reply {
  const { 'os-getConsoleOutput': asked } = readBody(call, CONSOLE_OUTPUT) as {
    readonly 'os-getConsoleOutput': { readonly length?: number | string | null };
  };
  const server = findServer(call, id);
  const written = call.region.options.console?.(server) ?? `booting ${server.id}\n${server.name} login: `;
  const length = Number(asked.length ?? -1);
  const lines = written.split('\n');
  const output = length < 0 ? written : lines.slice(Math.max(0, lines.length - length)).join('\n');
  return { status: 200, body: { output } };
}

function saveImage(call: ComputeCall, id: string): Reply {
  const { createImage: wanted } = readBody(call, CREATE_IMAGE) as unknown as {
    readonly createImage: { readonly name: string; readonly metadata?: Readonly<Record<string, string>> };
  };
  const server = findServer(call, id);
  refuseWhileBusy(server, call.now);
  const image = snapshotOf(call, server, wanted);
  call.region.admitImage(image);
  server.savingFrom = call.now;
  server.savingUntil = image.activeAt;
  server.saved = image;
  // Before 2.45 Nova names the address that it knows Glance by, which is nobody else's.
  if (call.minor >= 45) return { status: 202, body: { image_id: image.id } };
  const headers = { Location: `http://127.0.0.1:9292/images/${image.id}`, 'Content-Type': 'text/html; charset=UTF-8' };
  return { status: 202, headers };
}

function refuseWhileBusy(server: Server, now: number): void {
  const vm = { BUILD: 'building', ACTIVE: 'active', ERROR: 'error' }[statusAt(server, now) ?? 'ERROR'];
  const task = taskAt(server, now);
  if (vm === 'active' && task === null) return;
  const state = vm === 'active' ? `task_state ${task ?? ''}` : `vm_state ${vm}`;
  throw computeRefusal(409, `Cannot 'createImage' instance ${server.id} while it is in ${state}`);
}

/** A snapshot has the properties of the image that its server was booted from, and those asked for, on top of its own. */
function snapshotOf(
  { region, grant, now }: ComputeCall,
  server: Server,
  wanted: { readonly name: string; readonly metadata?: Readonly<Record<string, string>> },
): Image {
  const base = server.imageId === null ? undefined : region.images.get(server.imageId);
  const { imageMs } = region.behaviour;
  return {
    id: region.random.uuid(),
    seq: region.nextSeq(),
    createdAt: now,
    goneAt: Infinity,
    name: wanted.name,
    ownerId: grant.project.id,
    visibility: 'private',
    properties: {
      ...base?.properties,
      ...(server.imageId === null ? {} : { base_image_ref: server.imageId }),
      owner_user_name: grant.project.name,
      owner_project_name: grant.project.name,
      boot_roles: 'member,reader',
      instance_uuid: server.id,
      user_id: grant.project.userId,
      image_type: 'snapshot',
      ...wanted.metadata,
    },
    minDisk: server.flavor.disk,
    minRam: base?.minRam ?? 0,
    diskFormat: 'raw',
    containerFormat: 'bare',
    content: imagineContent(65_536),
    savingAt: now + Math.floor(imageMs / 5),
    activeAt: now + imageMs,
    killedAt: Infinity,
    isProtected: false,
  };
}
