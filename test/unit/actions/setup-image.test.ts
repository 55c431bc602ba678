/** How a snapshot build fails whose scripts are not there, and what its log says of failed builds. */
import { describe, expect, it } from 'vitest';
import { serverId } from '../../../src/lib/ids.ts';
import { logLines, type LogLine } from '../../../src/lib/log.ts';
import { recordKey } from '../../../src/lifecycle/records.ts';
import type { Action } from '../../../src/planning/actions.ts';
import { anActionBench } from '../../support/action-bench.ts';
import { aConfig, anImage, aWorld, INSTALLATION } from '../../support/builders.ts';

const IMAGE = anImage({
  id: 7,
  state: 'building',
  serverId: serverId('s'),
  ip: '203.0.113.7',
  hostKey: 'ssh-ed25519 AAAA',
  hostname: 'h',
});

async function perform(action: Action, scriptDir: string | null = null) {
  const lines: LogLine[] = [];
  const log = logLines((line) => void lines.push(line));
  const bench = anActionBench(aWorld({ config: { ...aConfig(), scriptDir }, images: [IMAGE] }), { log });
  bench.keys.set(`nodepool-${INSTALLATION}-${recordKey('image', IMAGE)}`, 'ssh-rsa AAAA');
  await bench.perform(action);
  return { ...bench, ended: lines.filter(({ fields }) => fields['from'] === 'building') };
}

describe('a snapshot build', () => {
  it('whose script-dir is not there fails at warn with its reason: no script has run, so no console is looked at', async () => {
    const action: Action = { kind: 'setup-image', subject: 'image:7', reason: 'next-step', imageId: 7 };
    const { ended, argumentsOf, calls } = await perform(action, '/nonexistent/scripts');
    const detail = 'script-dir /nonexistent/scripts does not exist; make it, or name an existing directory';
    expect(argumentsOf('moveImage')).toMatchObject([
      [{ event: { kind: 'build-failed', reason: 'image-failed', detail } }],
    ]);
    expect(ended).toMatchObject([
      { level: 'warn', message: 'the build of an image failed', fields: { image: 7, reason: 'image-failed', detail } },
    ]);
    expect(calls).toEqual([]);
  });

  it.each([
    ['that failed is a warning', 'boot-timeout', true, 'warn'],
    ['that has to go is none', 'image-removed', false, 'info'],
  ] as const)('%s', async (_, reason, isFailure, level) => {
    const what = { detail: null, isFailure, consoleOf: null };
    const { ended } = await perform({ kind: 'retire-image', subject: 'image:7', reason, imageId: 7, ...what });
    expect(ended).toMatchObject([{ level, fields: { reason } }]);
  });
});
