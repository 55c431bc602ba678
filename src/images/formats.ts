/** Formats of disk images: what `qemu-img` calls them, and who makes which. */

interface Format {
  /** Name of the format at `qemu-img`. */
  readonly qemu: string;
  /** Whether the others can be made from it. */
  readonly isSource: boolean;
}

/** Formats that `qemu-img` reads and writes; of others only the builder program knows what they are. */
const FORMATS: ReadonlyMap<string, Format> = new Map([
  ['qcow2', { qemu: 'qcow2', isSource: true }],
  ['raw', { qemu: 'raw', isSource: true }],
  ['vhd', { qemu: 'vpc', isSource: false }],
  ['vmdk', { qemu: 'vmdk', isSource: false }],
]);

/** What `qemu-img` calls it; null: it does not know it. */
export function qemuName(format: string): string | null {
  return FORMATS.get(format)?.qemu ?? null;
}

/** The first of `formats` that others can be converted from; null: there is none. */
export function findSource(formats: readonly string[]): string | null {
  return formats.find((format) => FORMATS.get(format)?.isSource) ?? null;
}

export interface FormatPlan {
  /** Formats that the build has in the end. */
  readonly wanted: readonly string[];
  /** Formats that the builder program is asked for. */
  readonly asked: readonly string[];
}

/**
 * Who makes which format: diskimage-builder has no vmdk, and makes vhd with the program `vhd-util`, which few have. What it
 * is not asked for is converted, so that there must be something to convert from. A build that nobody wants in any format,
 * which an operator may ask for, is a qcow2.
 */
export function planFormats(configured: readonly string[], hasVhdUtil: boolean): FormatPlan {
  const wanted = configured.length === 0 ? ['qcow2'] : configured;
  const asked = wanted.filter((format) => format !== 'vmdk' && (format !== 'vhd' || hasVhdUtil));
  const needsSource = asked.length < wanted.length && findSource(asked) === null;
  return { wanted, asked: needsSource ? [...asked, 'qcow2'] : asked };
}
