import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { relabel } from '../../../../src/targets/jenkins/config-xml.ts';
import { encode, parseXml } from '../../../../tools/jenkins-double/xml.ts';

const HEAD = '<?xml version="1.1" encoding="UTF-8"?>\n';

describe('relabel', () => {
  it.each([
    [
      'a label',
      '<slave><name>a</name><label>old</label><x/></slave>',
      '<slave><name>a</name><label>new</label><x/></slave>',
    ],
    ['an empty label', '<slave><label></label></slave>', '<slave><label>new</label></slave>'],
    ['a short empty label', '<slave><label/></slave>', '<slave><label>new</label></slave>'],
    ['one with a space', '<slave><label /></slave>', '<slave><label>new</label></slave>'],
    ['one with attributes', '<slave><label a="/>">x</label ></slave>', '<slave><label>new</label></slave>'],
    ['none', '<slave><name>a</name></slave>\n', '<slave><name>a</name><label>new</label></slave>\n'],
    [
      'one inside something else, which is not the agent’s',
      '<slave><launcher><label>x</label></launcher><labels/><label>old</label></slave>',
      '<slave><launcher><label>x</label></launcher><labels/><label>new</label></slave>',
    ],
    [
      'one that is commented out',
      '<slave><!-- <label>x</label> --><a><![CDATA[</slave><label>]]></a><?a <label> ?></slave>',
      '<slave><!-- <label>x</label> --><a><![CDATA[</slave><label>]]></a><?a <label> ?><label>new</label></slave>',
    ],
  ])('writes the label where there is %s', (_, before, after) => {
    expect(relabel(HEAD + before, 'new')).toBe(HEAD + after);
  });

  it.each(['', 'Not found', '{}', '<slave/>', '<slave><label>', '<html><br><p>Sign in</p></html>', '<a></b>', '</a>'])(
    'leaves alone what is no configuration: %s',
    (text) => {
      expect(relabel(text, 'new')).toBeNull();
    },
  );

  it('gives any agent exactly the label, and keeps the rest as it was', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab $&<>"\'/\\ü-]') });
    const element = fc.constantFrom('name', 'label', 'launcher', 'com.example.Slot_-1');
    const leaf = fc.tuple(element, text).map(([name, inner]) => `<${name} a="x>y">${encode(inner)}</${name}>`);
    const nested = fc.tuple(leaf, leaf).map(([first, second]) => `<x>${first} ${second}<y/></x>`);
    const comment = text.map((inner) => `<!--${inner.replaceAll('-', '')}-->`);
    const around = fc.array(fc.oneof(nested, comment, fc.constant('\n  ')));
    const before = fc.oneof(
      fc.constantFrom('', '<label/>', '<label></label>'),
      text.map((old) => `<label>${encode(old)}</label>`),
    );
    fc.assert(
      fc.property(around, before, around, text, (front, old, back, label) => {
        const [start, end] = [`${HEAD}<slave>${front.join('')}`, `${back.join('')}</slave>`];
        const after = relabel(start + old + end, label) ?? '';
        const labels = parseXml(after)?.children.filter(({ name }) => name === 'label');
        expect(labels?.map((one) => one.text)).toEqual([label]);
        const written = `<label>${label.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</label>`;
        expect(after).toBe(
          old === '' ? start + end.replace(/<\/slave>$/, () => `${written}</slave>`) : start + written + end,
        );
      }),
    );
  });
});
