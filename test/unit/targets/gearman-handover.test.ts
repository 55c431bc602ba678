import { describe, expect, it } from 'vitest';
import { assignJob, parseAssignAnswer, revokeJob, type AssignedNode } from '../../../src/targets/gearman-handover.ts';

const NODE: AssignedNode = { nodename: 'small-cloud-17', host: '203.0.113.5', label: 'small', root: '/home/zuul' };

/** What is wrong with an answer. */
function problemOf(answer: string | Buffer): unknown {
  try {
    return parseAssignAnswer(Buffer.from(answer));
  } catch (error) {
    return error;
  }
}

describe('the job that hands a node over', () => {
  it('is what the original submits, byte for byte', () => {
    const { name, payload } = assignJob('zuul', NODE);
    expect(name).toBe('node_assign:zuul');
    expect(payload).toBe(
      '{"name":"small-cloud-17","host":"203.0.113.5","description":"Dynamic single use small node",' +
        '"labels":"small","root":"/home/zuul"}',
    );
  });

  it('is the same for the same node, whatever a new configuration says of it, and of a length gearmand takes', () => {
    const { unique } = assignJob('zuul', NODE);
    expect(assignJob('zuul', { ...NODE, root: '/root' }).unique).toBe(unique);
    expect(unique.length).toBeLessThanOrEqual(64);
    expect(unique).toMatch(/^[\w-]+$/);
  });

  it.each([
    ['another target', assignJob('other', NODE)],
    ['another node', assignJob('zuul', { ...NODE, nodename: 'small-cloud-18' })],
    ['a node of that name at another address', assignJob('zuul', { ...NODE, host: '203.0.113.6' })],
    ['its revocation', revokeJob('launcher01', NODE.nodename)],
  ])('is not the one of %s', (_, { unique }) => {
    expect(unique).not.toBe(assignJob('zuul', NODE).unique);
  });
});

describe('the job that takes a node back', () => {
  it('is what the original submits, and the same for the same node at the same manager', () => {
    const job = revokeJob('launcher01.example.org', 'small-cloud-17');
    expect(job).toMatchObject({ name: 'node_revoke:launcher01.example.org', payload: '{"name":"small-cloud-17"}' });
    expect(revokeJob('launcher01.example.org', 'small-cloud-17')).toEqual(job);
    expect(revokeJob('launcher02.example.org', 'small-cloud-17').unique).not.toBe(job.unique);
    expect(revokeJob('launcher01.example.org', 'small-cloud-18').unique).not.toBe(job.unique);
  });
});

describe('the answer to an assignment', () => {
  it('names the manager, beside whatever else', () => {
    expect(parseAssignAnswer(Buffer.from('{"manager": "launcher01", "load": 3}\n'))).toEqual({ manager: 'launcher01' });
    const longest = 'ü'.repeat(255);
    expect(parseAssignAnswer(Buffer.from(JSON.stringify({ manager: longest })))).toEqual({ manager: longest });
  });

  it.each([
    ['', 'nothing'],
    ['launcher01', 'launcher01'],
    ['{"manager": "launcher01"', '{"manager": "launcher01"'],
    ['"manager"', '"manager"'],
    ['null', 'null'],
    ['[{"manager": "launcher01"}]', '[{"manager": "launcher01"}]'],
    ['{"Manager": "launcher01"}', '{"Manager": "launcher01"}'],
    ['{"manager": null}', '{"manager": null}'],
    ['{"manager": 7}', '{"manager": 7}'],
    ['{"manager": ""}', '{"manager": ""}'],
    ['{"manager": "a\\u0000b"}', '{"manager": "a\\u0000b"}'],
    ['{"manager": "a\\nb"}', '{"manager": "a\\nb"}'],
    ['{"manager": "a\\u2028b"}', '{"manager": "a\\u2028b"}'],
    ['<h1>\x1b[2J\r\n  down  </h1>', '<h1> [2J down </h1>'],
    [`{"manager": "${'x'.repeat(256)}"}`, `{"manager": "${'x'.repeat(187)}...`],
    [Buffer.of(0xff, 0xfe), '\ufffd\ufffd'],
  ])('that is %j is a failed command', (answer, said) => {
    const message = `a node was assigned, but the answer names no manager: ${said}`;
    expect(problemOf(answer)).toMatchObject({ code: 'command-failed', message });
  });
});
