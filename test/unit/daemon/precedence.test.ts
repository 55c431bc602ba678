import { describe, expect, it } from 'vitest';
import type { EngineDeps } from '../../../src/daemon/deps.ts';
import { identityOf } from '../../../src/daemon/precedence.ts';
import type { Switches } from '../../../src/planning/world.ts';

const ALL: Switches = { launches: true, deletes: true, images: true };

function aDaemon(switches: Partial<Switches> = {}, overrides: Partial<EngineDeps> = {}) {
  const isDeadHolder = (other: string): boolean => other === 'dead';
  const deps = { holder: 'host/1/abc', isDeadHolder, scope: null, switches: { ...ALL, ...switches }, ...overrides };
  return identityOf(deps as EngineDeps);
}

describe('a daemon that does everything', () => {
  it('takes leases from the dead and from those who leave something undone, and from nobody else', () => {
    const { holder, isDeadHolder } = aDaemon();
    const others = ['dead', aDaemon({ deletes: false }).holder, 'host/2/def'];
    expect([holder, others.map(isDeadHolder)]).toEqual(['host/1/abc', [true, true, false]]);
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
      const { isDeadHolder } = aDaemon(switches);
      expect(['dead', aDaemon({ deletes: false }).holder, 'host/2/def'].map(isDeadHolder)).toEqual([
        true,
        false,
        false,
      ]);
    });
  },
);

it('a command that does one thing gives way to nobody, and takes nothing from anybody', () => {
  const scope = { leases: [], accepts: () => true };
  const { holder, isDeadHolder } = aDaemon({ launches: false }, { scope });
  expect([holder, isDeadHolder(aDaemon({ deletes: false }).holder)]).toEqual(['host/1/abc', false]);
});
