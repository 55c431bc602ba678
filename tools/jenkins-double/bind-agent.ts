/**
 * Makes an agent of the JSON in a form, as Stapler binds it to `hudson.slaves.DumbSlave` and the launcher of the plugin
 * ssh-slaves. Stapler passes over fields that it does not know; here they are refused, because each one is a mistake.
 */
import { oops } from './replies.ts';
import { encode } from './xml.ts';

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isFilled: Check = (value) => typeof value === 'string' && value !== '';
const isNumber: Check = (value) => /^\d+$/.test(String(value)) && Number(value) > 0;

const LAUNCHER = 'hudson.plugins.sshslaves.SSHLauncher';
const ALWAYS = 'hudson.slaves.RetentionStrategy$Always';
const VERIFIERS = 'hudson.plugins.sshslaves.verifiers';
const KEY_ALGORITHMS = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa'];

/** The `config.xml` of the agent. Throws a page of 500 for what cannot be bound. */
export function bindAgent(form: unknown): string {
  const agent = fieldsOf(form, 'the agent', {
    name: isFilled,
    nodeDescription: isText,
    numExecutors: isNumber,
    remoteFS: isFilled,
    labelString: isText,
    mode: (value) => value === 'NORMAL' || value === 'EXCLUSIVE',
    type: (value) => value === 'hudson.slaves.DumbSlave',
    retentionStrategy: (value) => classOf(value, 'retentionStrategy') === ALWAYS,
    nodeProperties: (value) => JSON.stringify(value) === '{"stapler-class-bag":"true"}',
    launcher: (value) => classOf(value, 'launcher') === LAUNCHER,
  });
  fieldsOf(agent.retentionStrategy, 'retentionStrategy', CLASS);
  return (
    `<?xml version="1.1" encoding="UTF-8"?>\n<slave>\n  <name>${text(agent.name)}</name>\n` +
    `  <description>${text(agent.nodeDescription)}</description>\n  <remoteFS>${text(agent.remoteFS)}</remoteFS>\n` +
    `  <numExecutors>${text(agent.numExecutors)}</numExecutors>\n  <mode>${text(agent.mode)}</mode>\n` +
    `  <retentionStrategy class="${ALWAYS}"/>\n${bindLauncher(agent.launcher)}` +
    `  <label>${text(agent.labelString)}</label>\n  <nodeProperties/>\n</slave>`
  );
}

/** Of any object that is bound: what it is to become, by the name of today or that of old. */
const CLASS: Readonly<Record<string, Check>> = { $class: isFilled, 'stapler-class?': isFilled };

function bindLauncher(form: unknown): string {
  const launcher = fieldsOf(form, LAUNCHER, {
    ...CLASS,
    host: isFilled,
    port: (value) => isNumber(value) && Number(value) < 65536,
    'credentialsId?': isFilled,
    // Of the plugin before 0.23; later ones pass over them.
    'username?': isFilled,
    'privatekey?': isFilled,
    sshHostKeyVerificationStrategy: (value) => value !== null,
  });
  const { credentialsId: id } = launcher;
  const credentials = id === undefined ? '' : `    <credentialsId>${text(id)}</credentialsId>\n`;
  return (
    `  <launcher class="${LAUNCHER}" plugin="ssh-slaves@3.1097.v868116049892">\n    <host>${text(launcher.host)}</host>\n` +
    `    <port>${text(launcher.port)}</port>\n${credentials}` +
    '    <launchTimeoutSeconds>60</launchTimeoutSeconds>\n    <maxNumRetries>10</maxNumRetries>\n' +
    `    <retryWaitTime>15</retryWaitTime>\n${bindVerifier(launcher.sshHostKeyVerificationStrategy)}` +
    '    <tcpNoDelay>true</tcpNoDelay>\n  </launcher>\n'
  );
}

function bindVerifier(form: unknown): string {
  const name = classOf(form, 'sshHostKeyVerificationStrategy');
  const start = `    <sshHostKeyVerificationStrategy class="${name}"`;
  if (name === `${VERIFIERS}.NonVerifyingKeyVerificationStrategy`) {
    fieldsOf(form, name, CLASS);
    return `${start}/>\n`;
  }
  if (name !== `${VERIFIERS}.ManuallyProvidedKeyVerificationStrategy`) throw oops(`no class ${name}`);
  const { key } = fieldsOf(form, name, { ...CLASS, key: isText });
  const [algorithm = '', blob = ''] = String(key).split(' ');
  if (!isKey(algorithm, blob)) throw oops('IllegalArgumentException: Invalid key');
  return (
    `${start}>\n      <key>\n        <algorithm>${algorithm}</algorithm>\n        <key>${blob}</key>\n      </key>\n` +
    '    </sshHostKeyVerificationStrategy>\n'
  );
}

/** Whether it is the blob of a public key of that algorithm, whose name it begins with (RFC 4253, 6.6). */
function isKey(algorithm: string, blob: string): boolean {
  const bytes = Buffer.from(blob, 'base64');
  const isBase64 = bytes.toString('base64') === blob && bytes.length > 4;
  return (
    isBase64 &&
    KEY_ALGORITHMS.includes(algorithm) &&
    bytes.toString('latin1', 4, 4 + bytes.readUInt32BE()) === algorithm
  );
}

function classOf(form: unknown, what: string): string {
  const { $class, 'stapler-class': old } = (form ?? {}) as Fields;
  if (typeof $class !== 'string' || (old ?? $class) !== $class) throw oops(`${what} has no class, or two of them`);
  return $class;
}

/** `checks` has all that may be there; a name with a `?` need not. */
function fieldsOf(form: unknown, what: string, checks: Readonly<Record<string, Check>>): Fields {
  if (typeof form !== 'object' || form === null || Array.isArray(form)) throw oops(`${what} is no object`);
  const fields = form as Fields;
  for (const [name, check] of Object.entries(checks)) {
    const value = fields[name.replace('?', '')];
    if (value === undefined && name.endsWith('?')) continue;
    if (!check(value)) throw oops(`${name} of ${what} cannot be ${JSON.stringify(value)}`);
  }
  const unknown = Object.keys(fields).find((name) => !(name in checks) && !(`${name}?` in checks));
  if (unknown !== undefined) throw oops(`${what} has no ${unknown}`);
  return fields;
}

function text(value: unknown): string {
  return encode(String(value));
}
