import { expect, it } from 'vitest';
import { findSource, planFormats, qemuName } from '../../../src/images/formats.ts';

it.each<[string, string[], boolean, string[]]>([
  ['what it can make', ['qcow2', 'raw'], false, ['qcow2', 'raw']],
  ['no vhd without vhd-util', ['raw', 'vhd'], false, ['raw']],
  ['vhd with vhd-util', ['raw', 'vhd'], true, ['raw', 'vhd']],
  ['never vmdk', ['qcow2', 'vmdk'], true, ['qcow2']],
  ['qcow2 to convert from when nothing is left', ['vhd', 'vmdk'], false, ['qcow2']],
  ['qcow2 to convert from when the rest is no source', ['vhd', 'vmdk', 'tar'], true, ['vhd', 'tar', 'qcow2']],
  ['no more than is wanted when nothing is converted', ['vhd', 'tar'], true, ['vhd', 'tar']],
])('asks the builder program for %s', (_what, wanted, hasVhdUtil, asked) => {
  expect(planFormats(wanted, hasVhdUtil)).toEqual({ wanted, asked });
});

it('makes a qcow2 of an image that nobody wants in any format', () => {
  expect(planFormats([], false)).toEqual({ wanted: ['qcow2'], asked: ['qcow2'] });
});

it('converts from qcow2 or raw only, and only what qemu-img knows', () => {
  expect(findSource(['tar', 'vhd', 'raw', 'qcow2'])).toBe('raw');
  expect(findSource(['tar', 'vhd', 'vmdk'])).toBeNull();
  expect(['qcow2', 'raw', 'vhd', 'vmdk', 'tar'].map(qemuName)).toEqual(['qcow2', 'raw', 'vpc', 'vmdk', null]);
});
