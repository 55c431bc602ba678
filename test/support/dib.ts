/**
 * The real diskimage-builder of Debian: a small Debian image with a user for SSH, built from the mirror that this
 * machine's apt is set up with. Needs root. It takes a minute or two, and 3 GB below the system's temporary directory.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { needPackage } from './debian-package.ts';
import type { Entry } from './real-pool.ts';

const execute = promisify(execFile);

const ELEMENTS = fileURLToPath(new URL('../dib/elements', import.meta.url));
const USER = 'zuul';

/**
 * No partitions: for these diskimage-builder needs the device mapper, which the kernel of a container or a small machine
 * may not have. The root file system (which has to have this name) is the whole disk then, with the boot loader in front.
 */
const WHOLE_DISK = [
  {
    local_loop: {
      name: 'image0',
      mkfs: { name: 'mkfs_root', mount: { mount_point: '/', fstab: { options: 'defaults', 'fsck-passno': 0 } } },
    },
  },
];

/** Diskimage-builder with what it is told, and all that it leaves, below one directory. */
export interface Dib {
  /** For `elements-dir`. */
  readonly elementsDir: string;
  /** For `diskimages`. */
  diskimage(name: string): Entry;
  /** For the image of a provider: who gets in. */
  readonly login: { readonly username: string; readonly 'private-key': string };
  /** Runs a command on a node as that user, and answers what it printed. */
  runOnNode(ip: string | null, command: string): Promise<string>;
  /** What is mounted below its directory, and what lies in the one that it builds in. */
  leftovers(): { readonly mounts: readonly string[]; readonly files: readonly string[] };
  /** Ends and removes what is left of it. */
  close(): Promise<void>;
}

export async function openDib(): Promise<Dib> {
  await needPackage('python3-diskimage-builder', 'diskimage-builder', ['disk-image-create']);
  // It calls this without depending on it.
  await needPackage('sudo', 'sudo', ['sudo']);
  const release = debianRelease();
  const mirror = await aptMirror(release);
  const directory = mkdtempSync(join(tmpdir(), 'nodepool-dib-'));
  const key = join(directory, 'key');
  await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', USER, '-f', key]);
  const env = {
    ...dibEnvironment(directory, { release, mirror }),
    DIB_NODEPOOL_TEST_USER: USER,
    DIB_NODEPOOL_TEST_USER_KEY: readFileSync(`${key}.pub`, 'utf8').trim(),
  };
  return {
    elementsDir: ELEMENTS,
    diskimage: (name) => ({
      name,
      elements: ['debian-minimal', 'vm', 'nodepool-test-user'],
      release,
      'env-vars': env,
    }),
    login: { username: USER, 'private-key': key },
    runOnNode: (ip, command) => runOnNode(key, ip ?? '', command),
    leftovers: () => ({ mounts: mountsBelow(directory), files: readdirSync(env.TMP_DIR) }),
    close: () => sweep(directory),
  };
}

/** For `env-vars`: where it takes Debian from, where it builds and caches, and what makes a small image soon. */
export function dibEnvironment(
  directory: string,
  { release, mirror }: { release: string; mirror: string },
): Readonly<Record<'TMP_DIR' | 'DIB_IMAGE_CACHE' | 'DIB_LOCKFILES', string>> & Readonly<Record<string, string>> {
  const places = {
    TMP_DIR: join(directory, 'build'),
    DIB_IMAGE_CACHE: join(directory, 'cache'),
    DIB_LOCKFILES: join(directory, 'locks'),
  };
  for (const place of Object.values(places)) mkdirSync(place);
  return {
    ...places,
    DIB_DISTRIBUTION_MIRROR: mirror,
    // Without this it adds backports, and updates from a server of its own.
    DIB_APT_SOURCES_CONF: `default:deb ${mirror} ${release} main`,
    // The next build unpacks what debootstrap made.
    DIB_DEBOOTSTRAP_CACHE: '1',
    DIB_DEBIAN_USE_DEBOOTSTRAP_CACHE: '1',
    // Leaves out the element `base` (it has an option for that, too): packages that nobody here needs.
    SKIP_BASE: '1',
    // systemd-networkd does it.
    DIB_APT_MINIMAL_CREATE_INTERFACES: '0',
    DIB_BLOCK_DEVICE_CONFIG: JSON.stringify(WHOLE_DISK),
    // In GB: less than the disk of the smallest flavor, and room for what a job writes.
    DIB_IMAGE_SIZE: '1.5',
    // In MB.
    DIB_JOURNAL_SIZE: '16',
    DIB_GRUB_TIMEOUT: '0',
    DIB_BOOTLOADER_DEFAULT_CMDLINE: 'quiet mitigations=off',
  };
}

function debianRelease(): string {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const [, release] = /^VERSION_CODENAME=(\w+)$/m.exec(text) ?? [];
  if (!/^ID=debian$/m.test(text) || release === undefined) throw new Error('These tests need a stable Debian.');
  return release;
}

/** Address of the mirror that apt is set up with, without a slash at the end. */
async function aptMirror(release: string): Promise<string> {
  const filter = ['Created-By: Packages', `Codename: ${release}`, 'Component: main'];
  const { stdout } = await execute('apt-get', ['indextargets', '--format', '$(REPO_URI)', ...filter]);
  const [mirror = ''] = stdout.split('\n');
  if (mirror === '') throw new Error(`apt knows no mirror for Debian ${release}: run apt-get update`);
  return mirror.replace(/\/+$/, '');
}

async function runOnNode(key: string, ip: string, command: string): Promise<string> {
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'];
  const words = options.flatMap((option) => ['-o', option]);
  const { stdout } = await execute('ssh', ['-q', '-i', key, ...words, `${USER}@${ip}`, command]);
  return stdout;
}

/** Deepest first. */
function mountsBelow(directory: string): readonly string[] {
  const lines = readFileSync('/proc/mounts', 'utf8').split('\n');
  const points = lines.map((line) => line.split(' ')[1] ?? '');
  return points.filter((point) => point.startsWith(`${directory}/`)).reverse();
}

/**
 * A build that was killed leaves processes, loop devices, and mounts, this machine's /dev among them: nothing is removed
 * while anything is mounted there.
 */
async function sweep(directory: string): Promise<void> {
  // One that is killed may have started another just before.
  for (let pids = processesOf(directory); pids.length > 0; pids = processesOf(directory)) pids.forEach(killProcess);
  for (const point of mountsBelow(directory)) await execute('umount', ['--lazy', point]);
  const { stdout } = await execute('losetup', ['--list', '--noheadings', '--output', 'NAME,BACK-FILE']);
  const loops = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  for (const [name = '', file] of loops) if (file?.startsWith(directory)) await execute('losetup', ['--detach', name]);
  const mounts = mountsBelow(directory);
  if (mounts.length > 0) throw new Error(`unmount ${mounts.join(', ')}, then remove ${directory}`);
  rmSync(directory, { recursive: true });
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

/** Those that were started for it. */
function processesOf(directory: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const mentions = (pid: string): boolean => {
    try {
      const files = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
      return files.some((text) => text.includes(directory));
    } catch {
      // It has just ended.
      return false;
    }
  };
  return pids.filter(mentions).map(Number);
}
