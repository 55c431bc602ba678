/** Answers what the command line asked about images. */
import type { ProviderConfig, ProviderImageConfig } from '../config/types.ts';
import { hintAt } from '../lib/near-name.ts';
import { NodepoolError } from '../lib/errors.ts';
import type { IntentRecord } from '../lifecycle/records.ts';
import { byVersion, usableImages } from '../planning/choose-image.ts';
import { newestBuild } from '../planning/plan-uploads.ts';
import { openImage } from './build-image.ts';
import type { ActionContext } from './context.ts';
import { openBuild } from './disk-images.ts';
import { openUploadRow } from './upload-image.ts';
import { withdraw } from './withdraw-image.ts';

type Args = IntentRecord['args'];

interface Candidate {
  readonly provider: ProviderConfig;
  readonly image: ProviderImageConfig;
}

/** The images of that name, at the provider of that name or at all. Throws `refused` when there is none. */
function findCandidates(
  { world }: ActionContext,
  name: string,
  provider: Args[string] | undefined,
): readonly Candidate[] {
  const isAll = provider === 'all' || provider === null || provider === undefined;
  const found = [...world.config.providers.values()].flatMap((candidate) => {
    const image = isAll || candidate.name === provider ? candidate.images.get(name) : undefined;
    return image === undefined ? [] : [{ provider: candidate, image }];
  });
  if (found.length > 0) return found;
  throw new NodepoolError('refused', `no provider ${isAll ? '' : `${String(provider)} `}has an image ${name}`);
}

function refuseWithoutImages({ world }: ActionContext): void {
  if (!world.switches.images) throw new NodepoolError('refused', 'the daemon runs with --no-images');
}

/** Args `{image}`, a disk image; answers `{id, isNew}`: the build, which may be under way already. */
export async function buildDiskImage({ image }: Args, context: ActionContext): Promise<unknown> {
  refuseWithoutImages(context);
  const name = String(image);
  const { diskimages } = context.world.config;
  if (!diskimages.has(name))
    throw new NodepoolError('refused', `there is no disk image ${name}${hintAt(name, [...diskimages.keys()])}`);
  return startBuild(name, context);
}

async function startBuild(name: string, context: ActionContext): Promise<{ id: number | null; isNew: boolean }> {
  const id = await openBuild({ image: name, reason: 'operator' }, context);
  if (id !== null) return { id, isNew: true };
  const { diskImages } = await context.store.readPool();
  const running = diskImages.find(({ image, state }) => image === name && state === 'building');
  return { id: running?.id ?? null, isNew: false };
}

/** Args `{provider: NAME or "all", image}`; answers `{uploads: [{provider, id}]}`, id null where one is under way. */
export async function uploadNewest({ provider, image }: Args, context: ActionContext): Promise<unknown> {
  refuseWithoutImages(context);
  const candidates = findCandidates(context, String(image), provider);
  const builds = context.world.diskImages.toSorted(byVersion);
  // Before anything is started: an error must mean that nothing was.
  const wanted = candidates.flatMap((candidate) => {
    const { source } = candidate.image;
    if (source.kind !== 'diskimage') return [];
    const format = candidate.provider.imageType;
    const build = newestBuild(builds, source.diskimage, format);
    if (build !== null) return [{ candidate, build }];
    const missing = `disk image ${source.diskimage} has no READY build with a ${format} file for ${candidate.provider.name}`;
    throw new NodepoolError('refused', `${missing}; build it with "nodepool image-build ${source.diskimage}"`);
  });
  if (wanted.length === 0)
    throw new NodepoolError('refused', `image ${String(image)} is a snapshot; use "nodepool image-update"`);
  const uploads = [];
  for (const { candidate, build } of wanted) {
    const place = { provider: candidate.provider.name, image: candidate.image.name };
    const id = await openUploadRow({ ...place, diskImageId: build.id, reason: 'operator' }, context);
    uploads.push({ provider: place.provider, id });
  }
  return { uploads };
}

/**
 * Args `{provider: NAME or "all", image}`; answers `{images: [{provider, id}], builds: [{image, id}]}`: snapshots, id
 * null where one is under way, and builds of disk images, whose uploads follow when they are ready.
 */
export async function updateImage({ provider, image }: Args, context: ActionContext): Promise<unknown> {
  refuseWithoutImages(context);
  const candidates = findCandidates(context, String(image), provider);
  const images = [];
  const diskimages = new Set<string>();
  for (const candidate of candidates) {
    const { source, name } = candidate.image;
    if (source.kind === 'diskimage') {
      diskimages.add(source.diskimage);
      continue;
    }
    const place = { provider: candidate.provider.name, image: name };
    images.push({ provider: place.provider, id: await openImage({ ...place, reason: 'operator' }, context) });
  }
  const builds = [];
  for (const name of diskimages) builds.push({ image: name, id: (await startBuild(name, context)).id });
  return { images, builds };
}

/** Args `{image, provider: NAME or null}`; answers `{images: [{provider, withdrawn, current}]}`, row ids. */
export async function rollBack({ image, provider }: Args, context: ActionContext): Promise<unknown> {
  const candidates = findCandidates(context, String(image), provider);
  const pairs = candidates.flatMap((candidate) => {
    const place = [candidate.provider.name, candidate.image.name] as const;
    const [current, before] = usableImages(context.world.images, ...place);
    return current === undefined || before === undefined ? [] : [{ current, before }];
  });
  if (pairs.length === 0) {
    const where = candidates.map((candidate) => candidate.provider.name).join(', ');
    throw new NodepoolError('refused', `there is no earlier READY image ${String(image)} to go back to at ${where}`);
  }
  const images = [];
  for (const { current, before } of pairs) {
    const detail = `back to image ${before.id}`;
    if (await withdraw(context, current, { reason: 'rolled-back', detail }))
      images.push({ provider: current.provider, withdrawn: current.id, current: before.id });
  }
  if (images.length > 0) return { images };
  throw new NodepoolError('refused', `image ${String(image)} changed at the same moment; try again`);
}
