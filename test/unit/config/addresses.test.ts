import { describe, expect, it } from 'vitest';
import { loadSubscribe } from '../../../src/job-events/subscribe.ts';
import { checkText, good, sentences } from './files.ts';

describe('a publisher of job events', () => {
  const problemsOf = (endpoint: string): string[] =>
    sentences(checkText(`zmq-publishers:\n  - ${JSON.stringify(endpoint)}\n`).problems);

  it.each([
    ['localhost:8881', 'is not the address of a publisher; write tcp://HOST:PORT or ipc://PATH'],
    ['http://jenkins:8888', 'is not the address of a publisher; write tcp://HOST:PORT or ipc://PATH'],
    [' tcp://jenkins:8888', 'is not the address of a publisher; write tcp://HOST:PORT or ipc://PATH'],
    ['tcp://jenkins', 'names no port; write tcp://HOST:PORT'],
    ['tcp://[::1]', 'names no port; write tcp://HOST:PORT'],
    ['tcp://jenkins:', 'has a port that is not a number from 1 to 65535; correct it'],
    ['tcp://jenkins:0', 'has a port that is not a number from 1 to 65535; correct it'],
    ['tcp://jenkins:65536', 'has a port that is not a number from 1 to 65535; correct it'],
    ['tcp://jenkins:8888/', 'has a port that is not a number from 1 to 65535; correct it'],
    [
      'tcp://*:8881',
      'has * as its host, which is for those who publish; write tcp://HOST:PORT with the one to listen to',
    ],
    ...['tcp://:8881', 'tcp://::1:8881', 'tcp://jen kins:8881', 'tcp://[jenkins:8881', 'tcp://[::1]8:8881'].map(
      (endpoint) => [
        endpoint,
        'has a host that is not a name or address; write tcp://HOST:PORT, an IPv6 address as tcp://[ADDRESS]:PORT',
      ],
    ),
    ...[
      'tcp://127.0.0.1;jenkins:8881',
      'tcp://127.0.0.1:65536;jenkins:8881',
      'tcp://[::1];[::1]:8881',
      'tcp://fe80::1;[::1]:8881',
      'tcp://127.0.0.1:0;[::1]:8881',
      'tcp://[::1]:0;jenkins:8881',
      'tcp://*:0;jenkins:8881',
    ].map((endpoint) => [
      endpoint,
      'cannot be reached from its source; write tcp://SOURCE:0;HOST:PORT, where SOURCE is a network interface, or an ' +
        'address of the same kind as HOST, IPv6 both in brackets',
    ]),
    ['ipc://', 'names no path; write ipc://PATH'],
    ['ipc://@', 'names no path; write ipc://PATH'],
    [`ipc:///${'ä'.repeat(54)}`, 'has a path of more than 107 bytes; shorten it'],
  ])('is not %s', (endpoint, sentence) => {
    expect(problemsOf(endpoint)).toEqual([`FILE:2:5: zmq-publishers[0]: ${sentence}`]);
  });

  it.each([
    'tcp://localhost:8881',
    'tcp://jenkins_01.example.org.:65535',
    'tcp://127.0.0.1:1',
    'tcp://[::1]:8881',
    'tcp://[fe80::1%lo]:8881',
    'tcp://[jenkins]:8881',
    'tcp://127.0.0.1:0;jenkins:8881',
    'tcp://127.0.0.1:*;jenkins:8881',
    'tcp://eth0.100:4000;jenkins:8881',
    'tcp://[::1]:0;[::1]:8881',
    'tcp://lo:0;[::1]:8881',
    'ipc:///run/jenkins/events',
    'ipc://@events',
    `ipc:///${'x'.repeat(106)}`,
  ])('is %s, to which libzmq connects', async (endpoint) => {
    const subscribe = await loadSubscribe();

    expect(problemsOf(endpoint)).toEqual([]);
    expect(() => subscribe(endpoint, () => undefined).close()).not.toThrow();
  });
});

describe('the host of a Gearman server', () => {
  const hostIn = (host: string): string => `gearman-servers:\n  - host: ${JSON.stringify(host)}\n`;

  it.each(['zuul:4730', 'tcp://zuul', 'zuul example', '[::1]', 'zuul/', '*', 'me@zuul'])('is not %s', (host) => {
    expect(sentences(checkText(hostIn(host)).problems)).toEqual([
      'FILE:2:11: gearman-servers[0].host: is not a host name or address; write one alone, without tcp://, port or brackets',
    ]);
  });

  it.each(['zuul', 'zuul_01.example.org', 'zuul.müller.example', '10.0.0.1', '::1', 'fe80::1%eth0'])(
    'is %s',
    (host) => {
      expect(good(checkText(hostIn(host))).gearmanServers).toEqual([{ host, port: 4730 }]);
    },
  );
});

describe('the host of the HTTP interface', () => {
  it('is no address with a port', () => {
    expect(sentences(checkText('api: { host: localhost:8005 }').problems)).toEqual([
      'FILE:1:14: api.host: is not a host name or address; write one alone, without tcp://, port or brackets',
    ]);
  });

  it('is an address of either kind', () => {
    expect(good(checkText("api: { host: '::' }")).api.host).toBe('::');
    expect(good(checkText('api: { host: 0.0.0.0 }')).api.host).toBe('0.0.0.0');
  });
});
