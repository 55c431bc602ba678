import { rmSync } from 'node:fs';

export function removeTree(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}
