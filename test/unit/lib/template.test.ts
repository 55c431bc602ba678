import { describe, expect, it } from 'vitest';
import { formatTemplate, templateFields } from '../../../src/lib/template.ts';

const values = { 'label.name': 'precise', 'provider.name': 'rax', node_id: 12 };

describe('formatTemplate', () => {
  it.each([
    ['{label.name}-{provider.name}-{node_id}', 'precise-rax-12'],
    ['{label.name}-{node_id}.slave.example.org', 'precise-12.slave.example.org'],
    ['{node_id}{node_id}', '1212'],
    ['no fields', 'no fields'],
    ['', ''],
    ['{{literally}} {{{node_id}}}', '{literally} {12}'],
  ])('fills %j in as %j', (template, expected) => {
    expect(formatTemplate(template, values)).toBe(expected);
  });

  it.each(['{subnode_id}', '{label}', '{}', '{ node_id }', '{toString}'])(
    'refuses the unknown field in %j',
    (template) => {
      expect(() => formatTemplate(template, values)).toThrowError(
        expect.objectContaining({
          code: 'config',
          message: `the template "${template}" has the unknown field ${template}; known are label.name, provider.name, node_id`,
        }),
      );
    },
  );

  it.each(['{node_id', 'node_id}', '{node_{id}', '}{'])('refuses the stray brace in %j', (template) => {
    expect(() => formatTemplate(template, values)).toThrowError(expect.objectContaining({ code: 'config' }));
  });
});

describe('templateFields', () => {
  it('names each field once, and nothing that is escaped', () => {
    expect(templateFields('{label.name}-{node_id}-{{timestamp}}-{node_id}')).toEqual(['label.name', 'node_id']);
  });

  it('refuses a stray brace', () => {
    expect(() => templateFields('{node_id')).toThrowError(expect.objectContaining({ code: 'config' }));
  });
});
