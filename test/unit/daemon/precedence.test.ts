import { describe, expect, it } from 'vitest';
import type { EngineDeps } from '../../../src/daemon/deps.ts';
import { identityOf } from '../../../src/daemon/precedence.ts';
import type { Switches } from '../../../src/planning/world.ts';
import type { Lease } from '../../../src/store/store.ts';

const ALL: Switches = { launches: true, deletes: true, images: true };

function aDaemon(switches: Partial<Switches> = {}, overrides: Partial<EngineDeps> = {}) {
  const isDeadHolder = (other: string): boolean => other === 'dead';
  const deps = { holder: 'host/1/abc', isDeadHolder, scope: null, switches: { ...ALL, ...switches }, ...overrides };
  return identityOf(deps as EngineDeps);
}

function held(name: string, holder: string): Lease {
  return { name, holder, epoch: 1, expiresAt: Infinity };
}

describe('a daemon that does everything', () => {
  it('takes leases from the dead and from those who leave something undone, and from nobody else', () => {
    const { holder, isVacant } = aDaemon();
    const others = ['dead', aDaemon({ deletes: false }).holder, 'host/2/def'];
    expect([holder, others.map((other) => isVacant(held('supply', other)))]).toEqual([
      'host/1/abc',
      [true, true, false],
    ]);
  });

  it('lets a daemon that only builds go on building', () => {
    const builder = aDaemon({ launches: false, deletes: false }).holder;
    const names = ['diskimage:ubuntu', 'images:1', 'provider:cloud'];
    expect(names.map((name) => aDaemon().isVacant(held(name, builder)))).toEqual([false, false, true]);
  });
});

describe.each<Partial<Switches>>([{ launches: false }, { deletes: false }, { images: false }])(
  'a daemon with %j',
  (switches) => {
    it('is told by its name, which is still that of its process', () => {
      expect(aDaemon(switches).holder).toMatch(/^host\/1\/[^/]+$/);
      expect(aDaemon(switches).holder).not.toBe('host/1/abc');
    });

    it('takes leases from the dead alone', () => {
      const { isVacant } = aDaemon(switches);
      const others = ['dead', aDaemon({ deletes: false }).holder, 'host/2/def'];
      expect(others.map((other) => isVacant(held('supply', other)))).toEqual([true, false, false]);
    });
  },
);

it('a command that does one thing gives way to nobody, and takes nothing from anybody', () => {
  const scope = { leases: [], accepts: () => true };
  const { holder, isVacant } = aDaemon({ launches: false }, { scope });
  expect([holder, isVacant(held('supply', aDaemon({ deletes: false }).holder))]).toEqual(['host/1/abc', false]);
});
