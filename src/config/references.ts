/** What has to hold between the entries of a file: names are given once, and what is named exists. */
import { nearName } from '../lib/near-name.ts';
import {
  outlineOf,
  type ImageOutline,
  type LabelOutline,
  type Named,
  type Outline,
  type ProviderOutline,
  type TargetOutline,
} from './outline.ts';
import { firstProblems, oneLine, type Path, type Problem } from './problems.ts';
import type { YamlFile } from './yaml-file.ts';

export interface ReferenceCheck {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Where they stand; secure.conf has sections for them. */
  readonly targets: readonly TargetOutline[];
}

/** In a rehearsal disk images have a directory anyway. */
export function checkReferences(file: YamlFile, { fake = false }: { readonly fake?: boolean }): ReferenceCheck {
  const outline = outlineOf(file.value);
  return {
    problems: firstProblems(findProblems(outline, file)),
    warnings: [...findIdle(outline, file), ...(fake ? [] : findUnbuilt(outline, file))],
    targets: outline.targets,
  };
}

type Problems = Generator<Problem, void>;

function* findProblems(outline: Outline, file: YamlFile): Problems {
  const { labels, providers, targets, diskimages } = outline;
  for (const entries of [labels, providers, targets, diskimages]) yield* findDoubles(entries, file);
  for (const provider of providers) yield* checkImages(provider, outline, file);
  for (const label of labels) yield* checkLabel(label, providers, file);
}

function* findDoubles(entries: readonly Named[], file: YamlFile): Problems {
  const first = new Map<string, Path>();
  for (const { name, path } of entries) {
    const known = first.get(name);
    if (!known) {
      first.set(name, path);
      continue;
    }
    const line = file.lineOf([...known, 'name']);
    yield file.problem([...path, 'name'], `"${oneLine(name)}" is already given in line ${line}; rename or remove one`);
  }
}

function* checkImages({ images }: ProviderOutline, { diskimages }: Outline, file: YamlFile): Problems {
  const known = diskimages.map(({ name }) => name);
  yield* findDoubles(images, file);
  for (const image of images) {
    const { diskimage, path } = image;
    if (diskimage === null) yield* checkSnapshot(image, file);
    else if (!known.includes(diskimage)) {
      const message = dangling('there is no disk image', diskimage, { known, advice: 'add it to diskimages' });
      yield file.problem([...path, 'diskimage'], message);
    }
  }
}

/** An image is a snapshot when it names no disk image. */
function* checkSnapshot({ path, hasBaseImage, hasSetup }: ImageOutline, file: YamlFile): Problems {
  if (hasBaseImage && hasSetup) return;
  if (!hasBaseImage && !hasSetup) {
    yield file.problem(path, 'has neither diskimage nor base-image and setup; say where the image comes from');
    return;
  }
  const missing = hasBaseImage ? 'setup' : 'base-image';
  yield file.problem([...path, missing], 'is missing; a snapshot image needs base-image and setup');
}

function* checkLabel(label: LabelOutline, providers: readonly ProviderOutline[], file: YamlFile): Problems {
  yield* findDoubles(label.providers, file);
  for (const { name, path } of label.providers) {
    const at = [...path, 'name'];
    const provider = providers.find((candidate) => candidate.name === name);
    if (provider) {
      yield* checkLabelImage(label, provider, { path: at, file });
      continue;
    }
    const known = providers.map((candidate) => candidate.name);
    yield file.problem(at, dangling('there is no provider', name, { known, advice: 'add it to providers' }));
  }
}

function* checkLabelImage(
  { image }: LabelOutline,
  provider: ProviderOutline,
  { path, file }: { path: Path; file: YamlFile },
): Problems {
  const known = provider.images.map(({ name }) => name);
  if (image === null || known.includes(image)) return;
  const missing = `the provider "${oneLine(provider.name)}" has no image`;
  yield file.problem(
    path,
    dangling(missing, image, { known, advice: 'add it to its images or remove the provider here' }),
  );
}

function dangling(missing: string, name: string, { known, advice }: { known: string[]; advice: string }): string {
  const near = nearName(name, known);
  return `${missing} "${oneLine(name)}"; ${near === null ? advice : `did you mean "${oneLine(near)}"?`}`;
}

/** Labels that never get a node although they ask for some. */
function* findIdle({ labels, targets }: Outline, file: YamlFile): Problems {
  if (targets.length > 0 || !labels.some(({ isKept }) => isKept)) return;
  yield file.problem(['targets'], 'there is no target, so no node is launched; add one', 'key');
}

/** Disk images that are to be uploaded, with no place to build them. */
function* findUnbuilt({ providers, hasImagesDir }: Outline, file: YamlFile): Problems {
  if (hasImagesDir || !providers.some(({ images }) => images.some(({ diskimage }) => diskimage !== null))) return;
  yield file.problem(['images-dir'], 'is missing, so disk images are not built; name a directory for them', 'key');
}
