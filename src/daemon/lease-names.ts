/** Which leases a daemon asks for, and under which of them an action runs. */
import { findDiskImage, findImage, findNode, type ActionContext } from '../actions/context.ts';
import type { Config } from '../config/types.ts';
import type { Action, ActionKind } from '../planning/actions.ts';
import type { EngineDeps } from './deps.ts';

/**
 * A daemon that neither launches nor deletes builds no snapshots either, whose templates it would leave behind: it acts on
 * no provider, and uploads to all.
 */
export function leaseNames(deps: EngineDeps, { diskimages }: Config): readonly string[] {
  const { providers, switches, holder, scope, diskImages } = deps;
  if (scope !== null) return scope.leases;
  const alive = `daemon:${holder}`;
  if (!switches.launches && !switches.deletes && !switches.images) return [alive];
  const { directory } = diskImages;
  const canBuild = directory !== null && switches.images;
  const acts = switches.launches || switches.deletes;
  return [
    alive,
    'supply',
    ...(acts ? Array.from(providers.entries(), ([name]) => `provider:${name}`) : []),
    ...(canBuild ? [`images:${directory.id}`, ...Array.from(diskimages.keys(), buildLease)] : []),
  ];
}

function buildLease(diskimage: string): string {
  return `diskimage:${diskimage}`;
}

/** Leases of work that any daemon may do that can: a whole one has no precedence over one that only builds. */
export function isOfBuilder(lease: string): boolean {
  return lease.startsWith('diskimage:') || lease.startsWith('images:');
}

/** Work on files in the images directory. */
const WITH_FILES: ReadonlySet<ActionKind> = new Set<ActionKind>([
  'inspect-disk-image',
  'remove-disk-image',
  'note-uploads',
  'sweep-images-directory',
  'open-upload',
  'upload-image',
]);

/** Losing this lease aborts the action. */
export function leaseOf(action: Action, context: ActionContext): string {
  if (WITH_FILES.has(action.kind)) return `images:${context.diskImages.directory?.id ?? ''}`;
  if (action.kind === 'open-disk-image') return buildLease(action.image);
  if ('diskImageId' in action) return buildLease(findDiskImage(context, action.diskImageId).image);
  const provider = providerOf(action, context);
  return provider === null ? 'supply' : `provider:${provider}`;
}

/** null: it is the supply's. */
function providerOf(action: Action, context: ActionContext): string | null {
  if ('slot' in action) return action.slot.provider;
  if ('provider' in action) return action.provider;
  if ('nodeId' in action) return findNode(context, action.nodeId).provider;
  return 'imageId' in action ? findImage(context, action.imageId).provider : null;
}
