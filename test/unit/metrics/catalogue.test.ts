import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, metricKey } from '../../../src/metrics/catalogue.ts';
import { TASK_NAMES } from '../../../src/providers/supervised.ts';

const read = (path: string): string => readFileSync(new URL(`../../../src/${path}`, import.meta.url), 'utf8');
const readme = read('metrics/README.md');
const targets = read('targets/targets.ts');

describe('the table in src/metrics/README.md', () => {
  it('has a row for every metric of the catalogue, and no other', () => {
    const rows = readme.split('\n').filter((line) => line.startsWith('| `nodepool.'));
    const expected = Object.values(CATALOGUE).map(
      ({ key, type, unit, when, emitter }) => `| \`${key}\` | ${type} | ${unit} | ${when} | ${emitter} |`,
    );
    expect(rows).toEqual(expected);
  });

  it('names all the tasks that cloud calls are counted by', () => {
    const sentence = /`\{task\}` is one of ([^.]*)\./.exec(readme)?.[1] ?? '';
    const named = [...sentence.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(named.slice(0, Object.values(TASK_NAMES).length)).toEqual(Object.values(TASK_NAMES));
    // Those of calls to Jenkins, which are counted like calls to a cloud, are named where they are made.
    const ofJenkins = new Set([...targets.matchAll(/'(\w+Task)'/g)].map(([, name]) => name));
    expect(new Set(named.slice(Object.values(TASK_NAMES).length))).toEqual(ofJenkins);
  });
});

describe('metricKey', () => {
  it('fills in the names of a key', () => {
    const key = metricKey('launchZone', { provider: 'east', az: 'nova', result: 'error.ssh' });
    expect(key).toBe('nodepool.launch.provider.east.nova.error.ssh');
  });

  it('keeps dots, slashes and letters of any script, as the original does', () => {
    const key = metricKey('jobBranchBuilds', { job: 'gate.prüfung', branch: 'stable/2015.1' });
    expect(key).toBe('nodepool.job.gate.prüfung.stable/2015.1.builds');
  });

  it('replaces what would end a key, a value or a line', () => {
    const key = metricKey('labelNodes', { label: 'a:b|c@d#e f\tg\nh', state: 'ready' });
    expect(key).toBe('nodepool.label.a_b_c_d_e_f_g_h.nodes.ready');
  });

  it('gives every metric a key of its own', () => {
    const keys = Object.values(CATALOGUE).map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
