import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../src/lib/random.ts';
import { createHolder, thisHolder } from '../../../src/process/holder.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

function aHolder(pid: number, alive: readonly number[] = [], hostId = 'host') {
  return createHolder({ hostId, pid, random: createSeededRandom(pid), isAlive: (other) => alive.includes(other) });
}

describe('a lease holder', () => {
  it('is named by host, pid and chance', () => {
    expect(aHolder(100).holder).toMatch(/^host\/100\/[0-9a-f]{8}$/);
    expect(thisHolder(systemRandom).holder).toMatch(new RegExp(`^[0-9a-f]{12}/${process.pid}/[0-9a-f]{8}$`));
  });

  it('is dead when its process on this host is gone, and not while it lives', () => {
    const other = aHolder(200).holder;
    expect(aHolder(100, []).isDeadHolder(other)).toBe(true);
    expect(aHolder(100, [200]).isDeadHolder(other)).toBe(false);
  });

  it('is dead when we have its pid now, and never when it is ourselves', () => {
    const self = aHolder(100, [100]);
    expect(self.isDeadHolder('host/100/00000000')).toBe(true);
    expect(self.isDeadHolder(self.holder)).toBe(false);
  });

  it('is not known to be dead when it is elsewhere or unreadable', () => {
    expect(aHolder(100).isDeadHolder(aHolder(200, [], 'elsewhere').holder)).toBe(false);
    expect(aHolder(100).isDeadHolder('cli')).toBe(false);
    expect(aHolder(100).isDeadHolder('host/abc/0')).toBe(false);
  });

  it('has the same host id in two processes of one host', () => {
    const [first] = thisHolder(systemRandom).holder.split('/');
    expect(thisHolder(systemRandom).isDeadHolder(`${first}/${2 ** 30}/0`)).toBe(true);
  });
});
