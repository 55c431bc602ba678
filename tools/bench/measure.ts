/** What the bench reads from the outside: processes, database counters, statistics. */
import { readFileSync } from 'node:fs';

/** Clock ticks per second in /proc; 100 on every Linux that Node.js runs on. */
const TICKS = 100;

export interface ProcessUse {
  /** User and system time, in milliseconds. */
  readonly cpuMs: number;
  /** Peak resident memory, in megabytes. */
  readonly peakMb: number;
}

/** What the process has used so far. */
export function readUse(pid: number): ProcessUse {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in brackets and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { cpuMs: (ticks * 1000) / TICKS, peakMb: Number(peak ?? 0) / 1024 };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Calls `look` every `everyMs` until it answers true; answers the seconds that took. */
export async function until(look: () => Promise<boolean>, { everyMs = 20, limitS = 120 } = {}): Promise<number> {
  const startedAt = performance.now();
  while (!(await look())) {
    if (performance.now() - startedAt > limitS * 1000) throw new Error(`not reached within ${limitS} s`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return (performance.now() - startedAt) / 1000;
}
