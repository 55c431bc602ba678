/** What a flavor is chosen by. */
export interface FlavorLike {
  readonly name: string;
  readonly ramMb: number;
  readonly cores: number;
  /** 0: it has no disk of its own, and boots from volumes. */
  readonly diskGb: number;
}

export interface FlavorWish {
  /** The least RAM that will do, in MB. */
  readonly minRamMb: number;
  /** Has to be part of the flavor's name; null: any name will do. */
  readonly nameFilter: string | null;
}

/**
 * The smallest flavor that fits: least RAM, then fewest cores, then least disk, then by name, so that everybody who
 * chooses from the same flavors comes to the same one. A flavor without a disk comes after those with one, as clouds
 * refuse to boot it from an image. null: none fits.
 */
export function chooseFlavor<F extends FlavorLike>(
  flavors: readonly F[],
  { minRamMb, nameFilter }: FlavorWish,
): F | null {
  const fits = ({ name, ramMb }: F): boolean => ramMb >= minRamMb && (nameFilter === null || name.includes(nameFilter));
  return flavors.filter(fits).sort(bySize)[0] ?? null;
}

/** What a flavor was to have, for sentences: `at least 8192 MB of RAM and "performance" in its name`. */
export function describeFlavorWish({ minRamMb, nameFilter }: FlavorWish): string {
  return `at least ${minRamMb} MB of RAM${nameFilter === null ? '' : ` and "${nameFilter}" in its name`}`;
}

function bySize(a: FlavorLike, b: FlavorLike): number {
  return a.ramMb - b.ramMb || a.cores - b.cores || diskOrder(a) - diskOrder(b) || (a.name < b.name ? -1 : 1);
}

function diskOrder({ diskGb }: FlavorLike): number {
  return diskGb > 0 ? diskGb : Number.MAX_SAFE_INTEGER;
}
