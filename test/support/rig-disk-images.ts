/**
 * A pool whose images are disk images, at two projects of the rig: a provider for each, called like its entry in
 * `clouds.yaml`. What the rows say is compared with the files on disk and with what Glance has.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/lib/clock.ts';
import { recordKey, type DiskImageRecord, type ImageRecord, type NodeRecord } from '../../src/lifecycle/records.ts';
import { byVersion } from '../../src/planning/choose-image.ts';
import { needPackage } from './debian-package.ts';
import { RealPool, dburiOf, until, type Entry } from './real-pool.ts';
import { aRigProvider } from './rig-pool.ts';
import { openProject, type GlanceImage, type RigProject } from './rig-project.ts';
import type { Rig } from './rig.ts';

/** The providers: which format each takes, and its network. The builder program makes the first, qemu-img the other. */
const PLACES = {
  rig: { format: 'qcow2', network: 'private' },
  'rig-other': { format: 'vhd', network: 'other-private' },
} as const;
export type PlaceName = keyof typeof PLACES;
export const BOTH: readonly PlaceName[] = ['rig', 'rig-other'];

/** Servers take seconds there, one after the other, and minutes where the machine is busy. */
const PATIENCE_MS = 900_000;

/** Name of the disk image, and of the image at both providers. */
export const IMAGE = 'plain';
/** Property of the images. */
const META = { team: 'infra' };

const STAND_IN = fileURLToPath(new URL('../../tools/fake-builder/disk-image-create', import.meta.url));

/** Builds as the stand-in does, and then fills the image with noise: no two builds are the same, and they take their time. */
const BUILDER = `#!/bin/sh
set -eu
"${STAND_IN}" "$@"
image=$DIB_IMAGE_FILENAME
head -c "$NOISE" /dev/urandom >"$image.noise"
qemu-io -f qcow2 -c "write -q -s $image.noise 1M $NOISE" "$image.qcow2"
rm "$image.noise"
`;

export interface ImagesSettings {
  readonly labels: readonly Entry[];
  readonly places?: readonly PlaceName[];
  /** Further settings of the disk image; null: there is none, and no image of it. */
  readonly diskimage?: Entry | null;
  /** How long the builder program sleeps, in seconds, and how much noise it makes. */
  readonly sleep?: number;
  readonly noise?: string;
}

/** Row ids. */
export interface Running {
  readonly builds: readonly number[];
  readonly uploads: readonly number[];
}

interface Newer {
  readonly places?: readonly PlaceName[];
  readonly after?: DiskImageRecord | undefined;
}

/** Ids of builds, the newest first. */
export type Generations = Readonly<Partial<Record<'builds' | PlaceName, readonly (number | null | undefined)[]>>>;

/** What there is, or should be. */
export interface Inventory {
  /** SHA-512 of each file in the images directory, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** By provider and id. */
  readonly images: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Rows that are neither READY nor gone. */
  readonly unfinished: readonly string[];
  /** Command lines of builder programs. */
  readonly processes: readonly string[];
}

/** What there is, and what there should be by the rows. */
export interface Comparison {
  readonly found: Inventory;
  readonly expected: Inventory;
}

export class ImagesPool {
  readonly pool: RealPool;
  readonly #rig: Rig;
  readonly #projects: Readonly<Record<PlaceName, RigProject>>;
  readonly #imagesDir: string;
  readonly #builder: string;
  /** Builds that were READY once: an image may outlive the row of its build. */
  readonly #known = new Map<number, DiskImageRecord>();

  private constructor(pool: RealPool, rig: Rig, projects: Readonly<Record<PlaceName, RigProject>>) {
    this.pool = pool;
    this.#rig = rig;
    this.#projects = projects;
    this.#imagesDir = join(pool.directory, 'images');
    this.#builder = join(pool.directory, 'build-image.sh');
    writeFileSync(this.#builder, BUILDER, { mode: 0o755 });
    mkdirSync(this.#imagesDir);
  }

  static async open(rig: Rig): Promise<ImagesPool> {
    await needPackage('qemu-utils', 'qemu-img', ['qemu-img', 'qemu-io']);
    const projects = { rig: await openProject(rig, 'rig'), 'rig-other': await openProject(rig, 'rig-other') };
    const env = { OS_CLIENT_CONFIG_FILE: join(rig.state, 'clouds.yaml') };
    return new ImagesPool(await RealPool.open('MariaDB', { patienceMs: PATIENCE_MS, env }), rig, projects);
  }

  configure({ labels, places = BOTH, diskimage = {}, sleep = 0, noise = '8M' }: ImagesSettings): void {
    const variables = { NOISE: noise, FAKE_BUILDER_SLEEP: String(sleep), FAKE_BUILDER_SIZE: '256M' };
    const build = { name: IMAGE, elements: ['debian-minimal'], 'dib-cmd': this.#builder, 'env-vars': variables };
    const settings = {
      dburi: dburiOf(this.pool.database.config),
      'images-dir': this.#imagesDir,
      targets: [{ name: 'zuul' }],
      diskimages: diskimage === null ? [] : [{ ...build, ...diskimage }],
      providers: places.map((name) => this.#provider(name, diskimage !== null)),
      labels,
    };
    this.pool.writeConfig(JSON.stringify(settings));
  }

  #provider(name: PlaceName, hasImage: boolean): Entry {
    const login = { username: 'root', 'private-key': join(this.#rig.state, 'ssh', 'id_ed25519'), 'key-name': 'rig' };
    const image = { name: IMAGE, diskimage: IMAGE, 'min-ram': 512, 'name-filter': 'rig.', meta: META, ...login };
    const { format, network } = PLACES[name];
    const cloud = { name, cloud: name, 'image-type': format, networks: [{ name: network }] };
    return aRigProvider(this.#rig, { ...cloud, 'max-servers': 3, images: hasImage ? [image] : [] });
  }

  /** Runs a command that has to end well. */
  async tell(...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await this.pool.nodepool(...args);
    if (code !== 0) throw new Error(`nodepool ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
  }

  /** READY builds, the newest first. */
  async builds(): Promise<readonly DiskImageRecord[]> {
    const { diskImages } = await this.#read();
    return diskImages.filter(({ state }) => state === 'ready').sort(byVersion);
  }

  /** READY images of a provider, the newest first. */
  async images(place: PlaceName): Promise<readonly ImageRecord[]> {
    const { images } = await this.#read();
    return images.filter(({ provider, state }) => provider === place && state === 'ready').sort(byVersion);
  }

  /** Ids of the READY builds, and of those that the READY images of each provider are made of. */
  async generations(): Promise<Required<Generations>> {
    const at = async (place: PlaceName): Promise<readonly (number | null)[]> =>
      (await this.images(place)).map(({ diskImageId }) => diskImageId);
    const builds = (await this.builds()).map(({ id }) => id);
    return { builds, rig: await at('rig'), 'rig-other': await at('rig-other') };
  }

  /** Resolves with the newest build when it is READY at these providers, and another than the given one. */
  uploaded({ places = BOTH, after }: Newer = {}): Promise<DiskImageRecord> {
    const look = async (): Promise<DiskImageRecord | null> => {
      const [newest] = await this.builds();
      if (newest === undefined || newest.id === after?.id) return null;
      const made = await Promise.all(places.map(async (place) => (await this.images(place))[0]?.diskImageId));
      return made.every((id) => id === newest.id) ? newest : null;
    };
    return until('the newest build at all providers', look, PATIENCE_MS);
  }

  /** Resolves when a build or an upload has been begun since then. */
  async underWay(what: 'build' | 'upload', since: number): Promise<void> {
    const look = async (): Promise<true | null> => {
      const { diskImages, images } = await this.#read();
      const begun =
        what === 'build' ? diskImages.map(({ startedAt }) => startedAt) : images.map(({ saveAt }) => saveAt);
      return begun.some((at) => at !== null && at >= since) ? true : null;
    };
    await until(`a running ${what}`, look, PATIENCE_MS);
  }

  /** What is being built and uploaded according to the rows. */
  async running(): Promise<Running> {
    const { diskImages, images } = await this.#read();
    const begunBuilds = diskImages.filter(({ state, startedAt }) => state === 'building' && startedAt !== null);
    const begunUploads = images.filter(({ state, saveAt }) => state === 'building' && saveAt !== null);
    return { builds: begunBuilds.map(({ id }) => id), uploads: begunUploads.map(({ id }) => id) };
  }

  /** Resolves when none of these uploads goes on. */
  async over(uploads: readonly number[]): Promise<void> {
    const look = async (): Promise<true | null> =>
      (await this.running()).uploads.some((id) => uploads.includes(id)) ? null : true;
    await until('the end of uploads', look, PATIENCE_MS);
  }

  /** Deletes the nodes (of one provider), waits for others, and answers of which build the server of each is made. */
  async bootAnew(
    counts: Readonly<Record<string, number>>,
    place?: PlaceName,
  ): Promise<Readonly<Record<string, number | null>>> {
    // One that is ordered while we look would boot from what was current then, and not be among those that go.
    await this.#ordered(Object.values(counts).reduce((sum, count) => sum + count, 0));
    const before = (await this.pool.nodes()).filter(({ provider }) => place === undefined || provider === place);
    if (before.length > 0) await this.tell('delete', ...before.map(({ id }) => String(id)));
    return this.bootedFrom(await this.pool.full(counts));
  }

  /** Resolves when there are so many nodes, or orders of them. */
  async #ordered(count: number): Promise<void> {
    const look = async (): Promise<true | null> =>
      (await this.pool.nodes()).filter(({ state }) => state !== 'delete').length >= count ? true : null;
    await until(`${count} nodes that are at least ordered`, look, PATIENCE_MS);
  }

  /** Of which build the server of each node is made, by provider, as Nova and Glance have it. */
  async bootedFrom(nodes: readonly NodeRecord[]): Promise<Readonly<Record<string, number | null>>> {
    const { images } = await this.#read();
    const buildOf = async ({ provider, serverId }: NodeRecord): Promise<readonly [string, number | null]> => {
      const id = await this.#projects[provider as PlaceName].imageOf(serverId ?? '');
      return [provider, images.find(({ cloudImageId }) => cloudImageId === id)?.diskImageId ?? null];
    };
    return Object.fromEntries(await Promise.all(nodes.map(buildOf)));
  }

  async compare(): Promise<Comparison> {
    const { images, diskImages } = await this.#read();
    const unfinished = [...images, ...diskImages].filter(({ state }) => state !== 'ready');
    const installation = await this.pool.database.store.installation();
    const at = async (place: PlaceName): Promise<readonly [string, Record<string, unknown>]> => [
      place,
      Object.fromEntries((await this.#projects[place].images(installation)).map((image) => [image.id, factsOf(image)])),
    ];
    const wanted = (place: PlaceName): readonly [string, Record<string, unknown>] => {
      const ready = images.filter(({ provider, state }) => provider === place && state === 'ready');
      return [place, Object.fromEntries(ready.map((row) => [row.cloudImageId, this.#wantedFacts(row, installation)]))];
    };
    return {
      found: {
        files: digestFiles(this.#imagesDir),
        images: Object.fromEntries(await Promise.all(BOTH.map(at))),
        unfinished: unfinished.map(({ id, image, state }) => `${image} ${id} ${state}`),
        processes: findBuilders(this.#imagesDir).map(({ command }) => command),
      },
      expected: {
        files: Object.fromEntries(diskImages.filter(({ state }) => state === 'ready').flatMap(wantedFiles)),
        images: Object.fromEntries(BOTH.map(wanted)),
        unfinished: [],
        processes: [],
      },
    };
  }

  /**
   * Compares as soon as both are the same and these generations are READY, or when that has not come about in time. The
   * same they are, too, before a change has begun that the daemon is about to make.
   */
  async agreement(wanted: Generations): Promise<Comparison & { readonly kept: Generations }> {
    const giveUpAt = systemClock.now() + PATIENCE_MS;
    for (;;) {
      const comparison = await this.compare();
      const all = Object.entries(await this.generations());
      const kept: Generations = Object.fromEntries(all.filter(([name]) => name in wanted));
      const isMeant = isDeepStrictEqual([comparison.found, kept], [comparison.expected, wanted]);
      if (isMeant || systemClock.now() > giveUpAt) return { ...comparison, kept };
    }
  }

  /** Ends the daemons, and removes what they made. */
  async close(): Promise<void> {
    const installation = await this.pool.database.store.installation();
    await this.pool.close();
    for (const { pid } of findBuilders(this.#imagesDir)) process.kill(pid, 'SIGKILL');
    await Promise.all(BOTH.map((place) => this.#projects[place].empty(installation)));
  }

  async #read(): Promise<{ readonly images: readonly ImageRecord[]; readonly diskImages: readonly DiskImageRecord[] }> {
    const { images, diskImages } = await this.pool.database.store.readPool();
    for (const build of diskImages) if (build.files !== null) this.#known.set(build.id, build);
    return { images, diskImages };
  }

  #wantedFacts(row: ImageRecord, installation: string): Record<string, unknown> {
    const format = PLACES[row.provider as PlaceName].format;
    const file = this.#known.get(row.diskImageId ?? 0)?.files?.find((candidate) => candidate.format === format);
    return {
      ...{ name: row.hostname, status: 'active', visibility: 'private', disk_format: format, container_format: 'bare' },
      ...{ size: file?.bytes, min_disk: 1, os_hash_algo: 'sha512', os_hash_value: file?.sha512 },
      ...{ nodepool_installation: installation, nodepool_record: recordKey('image', row) },
      ...{ nodepool_attempt: String(row.saveAttempt), nodepool_name: row.hostname, ...META },
    };
  }
}

const FACTS = [
  ...['name', 'status', 'visibility', 'disk_format', 'container_format', 'size', 'min_disk', 'os_hash_algo'],
  ...['os_hash_value', 'nodepool_installation', 'nodepool_record', 'nodepool_attempt', 'nodepool_name', 'team'],
];

function factsOf(image: GlanceImage): Record<string, unknown> {
  return Object.fromEntries(FACTS.map((key) => [key, image[key]]));
}

/** What is not an image there has another value than a digest, and is wanted nowhere but for the manifests. */
const DIRECTORY = 'a directory';

function wantedFiles({ image, version, files }: DiskImageRecord): readonly (readonly [string, string])[] {
  const stem = `${image}-${version}`;
  return [
    [`${stem}.d`, DIRECTORY],
    ...(files ?? []).map(({ format, sha512 }) => [`${stem}.${format}`, sha512] as const),
  ];
}

function digestFiles(directory: string): Readonly<Record<string, string>> {
  const entries = readdirSync(directory, { withFileTypes: true }).filter(
    ({ name }) => name !== 'logs' && name !== '.nodepool-images',
  );
  const digest = (path: string): string => {
    try {
      return createHash('sha512').update(readFileSync(path)).digest('hex');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone while it was looked at';
      throw error;
    }
  };
  return Object.fromEntries(
    entries.map((entry) => [entry.name, entry.isDirectory() ? DIRECTORY : digest(join(directory, entry.name))]),
  );
}

/** Processes that build below the directory, with their command lines. */
function findBuilders(directory: string): readonly { readonly pid: number; readonly command: string }[] {
  const read = (pid: number, file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
    } catch {
      // It has ended meanwhile.
      return '';
    }
  };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .map(Number)
    .filter((pid) => read(pid, 'environ').includes(`DIB_IMAGE_FILENAME=${directory}/`))
    .map((pid) => ({ pid, command: read(pid, 'cmdline') }));
}
