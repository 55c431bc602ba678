import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../../src/providers/openstack/http/exchange.ts';
import { readRetryAfterMs } from '../../../../src/lib/retry-after.ts';
import { toFault } from '../../../../src/providers/openstack/http/faults.ts';

const now = Date.UTC(2016, 0, 1);

function answer(status: number, content: unknown, headers: Record<string, string> = {}): Answer {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const body = typeof content === 'string' ? undefined : content;
  return { kind: 'answer', status, headers, text, body, requestId: 'req-1' };
}

function faultOf(status: number, content: unknown, secrets: readonly string[] = []) {
  const { code, message } = toFault(answer(status, content), { what: 'POST /servers', secrets, now });
  return { code, text: message.replace(/^POST \/servers failed with \d+: /, '').replace(/ \(req-1\)$/, '') };
}

describe('the code of a fault', () => {
  it.each<[string, number, unknown, string]>([
    [
      'Nova: no instances left',
      403,
      {
        forbidden: {
          message: 'Quota exceeded for instances: Requested 1, but already used 10 of 10 instances',
          code: 403,
        },
      },
      'quota',
    ],
    ['Nova: no key pairs left', 403, { forbidden: { message: 'Quota exceeded, too many key pairs.' } }, 'quota'],
    ["Nova: Neutron's ports are used up", 403, { forbidden: { message: 'Maximum number of ports exceeded' } }, 'quota'],
    [
      'Nova: there are more ports than there may be',
      403,
      { forbidden: { message: 'The number of defined ports: 3 is over the limit: 2' } },
      'quota',
    ],
    [
      "Nova with Keystone's limits",
      403,
      {
        forbidden: {
          message:
            'Project p1 is over a limit for [Resource servers is over limit of 2 due to current usage 2 and delta 1]',
        },
      },
      'quota',
    ],
    [
      'Nova of old',
      413,
      { overLimit: { message: 'Quota exceeded for cores: Requested 8', code: 413, retryAfter: 0 } },
      'quota',
    ],
    [
      'Neutron',
      409,
      { NeutronError: { type: 'OverQuota', message: "Quota exceeded for resources: ['port'].", detail: '' } },
      'quota',
    ],
    ['Neutron of old', 409, { NeutronError: "Quota exceeded for resources: ['port']" }, 'quota'],
    [
      'Neutron: a subnet is full',
      409,
      {
        NeutronError: { type: 'IpAddressGenerationFailure', message: 'No more IP addresses available on network n1.' },
      },
      'quota',
    ],
    [
      'Neutron: no floating IP is left',
      400,
      {
        NeutronError: {
          type: 'ExternalIpAddressExhausted',
          message: 'Unable to find any IP address on external network n1.',
        },
      },
      'quota',
    ],
    [
      'Glance',
      413,
      '<html><head><title>413</title></head><body><h1>413</h1>The size of the data 9 exceeds the quota.</body></html>',
      'quota',
    ],
    [
      'a policy about quotas',
      403,
      { forbidden: { message: "Policy doesn't allow os_compute_api:os-quota-sets:show to be performed." } },
      'rejected',
    ],
    [
      'a typed refusal that mentions a quota',
      403,
      { NeutronError: { type: 'PolicyNotAuthorized', message: 'to exceed a quota is disallowed by policy' } },
      'rejected',
    ],
    [
      'a busy server',
      409,
      { conflictingRequest: { message: "Cannot 'createImage' instance s1 while it is in task_state image_uploading" } },
      'conflict',
    ],
    ['a rate limit', 413, { overLimit: { message: 'This request was rate-limited.' } }, 'throttled'],
    ['another rate limit', 429, '', 'throttled'],
    ['a wrong request', 400, { badRequest: { message: 'Invalid imageRef provided.' } }, 'rejected'],
    [
      'an unknown microversion',
      406,
      { computeFault: { message: 'Version 2.999 is not supported by the API.' } },
      'rejected',
    ],
    ['nothing there', 404, { itemNotFound: { message: 'Instance s1 could not be found.' } }, 'not-found'],
    ['a proxy that has lost its service', 404, '<html><h1>404 Not Found</h1></html>', 'rejected'],
    ['a request that came too slowly', 408, '', 'unavailable'],
    [
      'a hypervisor without consoles',
      501,
      { notImplemented: { message: 'Unable to get console log, functionality not implemented', code: 501 } },
      'rejected',
    ],
    ['a broken service', 500, { computeFault: { message: 'Quota exceeded' } }, 'unavailable'],
  ])('%s', (_, status, content, code) => {
    expect(faultOf(status, content).code).toBe(code);
  });

  it.each(['x-openstack-request-id', 'x-compute-request-id'])('is `not-found` under %s, whatever the page', (name) => {
    const page = answer(404, '<html>No such image.</html>', { [name]: 'req-1' });
    expect(toFault(page, { what: 'GET /images/i1', secrets: [], now }).code).toBe('not-found');
  });
});

describe('the words of a fault', () => {
  it.each<[string, unknown, string]>([
    ["Nova's", { badRequest: { code: 400, message: 'Invalid imageRef provided.' } }, 'Invalid imageRef provided.'],
    [
      "Neutron's",
      { NeutronError: { type: 'PortInUse', message: 'Port p1 is in use.', detail: '' } },
      'Port p1 is in use.',
    ],
    [
      "Keystone's",
      { error: { code: 400, title: 'Bad Request', message: 'Expecting a domain.' } },
      'Expecting a domain.',
    ],
    ['bare ones', { message: 'Not this way.', code: 400 }, 'Not this way.'],
    ['those of a text', 'Not\r\n\tthis   way.\u001b[31m', 'Not this way. [31m'],
    [
      'those of a page',
      '<html>\n <head>\n  <title>400 Bad Request</title>\n <style>h1 {}</style></head>\n <body>\n  <h1>400 Bad Request</h1>\n  &quot;a&quot; &lt; &#x27;b&#x27;<br /><br />\n\n </body>\n</html>',
      '400 Bad Request "a" < \'b\'',
    ],
    ["Glance's", { code: 404, title: 'Not Found', message: 'No image i1<br /><br />\n\n\n' }, 'No image i1'],
    ['none', '', 'Bad Request'],
    ['an empty object', {}, '{}'],
    ['null', null, 'null'],
  ])('%s are taken', (_, content, text) => {
    expect(faultOf(400, content).text).toBe(text);
  });

  it('are cut after 300 characters, and not before', () => {
    expect(faultOf(400, 'x'.repeat(300)).text).toBe('x'.repeat(300));
    expect(faultOf(400, 'x'.repeat(301)).text).toBe(`${'x'.repeat(300)}...`);
  });

  it('hold no secret, nor what a cut leaves of one', () => {
    const secret = 'a.long+password';
    expect(faultOf(400, `it was ${secret}${secret}`, [secret, '']).text).toBe('it was ******');
    expect(faultOf(400, `${'x'.repeat(290)}${secret}`, [secret]).text).toBe(`${'x'.repeat(290)}***`);
  });

  it('lose a short secret as a word, not as a part of others', () => {
    expect(faultOf(400, 'the original password "rig" of rigs', ['rig']).text).toBe(
      'the original password "***" of rigs',
    );
  });
});

describe('Retry-After', () => {
  it.each<[string, Record<string, string>, number | undefined]>([
    ['seconds', { 'retry-after': '30' }, 30_000],
    ['no time, which leaves it to us', { 'retry-after': '0' }, undefined],
    ['a date', { 'retry-after': 'Fri, 01 Jan 2016 00:02:00 GMT' }, 120_000],
    [
      "a date by the cloud's own clock",
      { 'retry-after': 'Fri, 01 Jan 2016 01:00:20 GMT', date: 'Fri, 01 Jan 2016 01:00:00 GMT' },
      20_000,
    ],
    ['a date that has passed', { 'retry-after': 'Thu, 31 Dec 2015 00:00:00 GMT' }, undefined],
    ['more than ten minutes', { 'retry-after': '86400' }, 600_000],
    ['something else', { 'retry-after': 'soon' }, undefined],
    ['nothing', {}, undefined],
  ])('may be %s', (_, headers, ms) => {
    expect(readRetryAfterMs(headers, now)).toBe(ms);
    const error = toFault(answer(429, '', headers), { what: 'GET /servers', secrets: [], now });
    expect(error.retryAfterMs).toBe(ms);
  });
});
