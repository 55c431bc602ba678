/** The form with which Jenkins makes an agent, as its own page for new agents sends it. */
import type { JenkinsAgent } from './jenkins.ts';

const DUMB_SLAVE = 'hudson.slaves.DumbSlave';
const VERIFIERS = 'hudson.plugins.sshslaves.verifiers';

/** Fields for `computer/doCreateItem`. */
export function describeAgent(agent: JenkinsAgent): Readonly<Record<string, string>> {
  const json = {
    name: agent.name,
    nodeDescription: agent.description,
    numExecutors: 1,
    remoteFS: agent.remoteRoot,
    labelString: agent.label ?? '',
    // Only jobs that ask for its label.
    mode: 'EXCLUSIVE',
    type: DUMB_SLAVE,
    retentionStrategy: ofClass('hudson.slaves.RetentionStrategy$Always'),
    nodeProperties: { 'stapler-class-bag': 'true' },
    launcher: ofClass('hudson.plugins.sshslaves.SSHLauncher', {
      host: agent.host,
      port: agent.port,
      ...loginOf(agent),
      sshHostKeyVerificationStrategy: verifierOf(agent),
    }),
  };
  return { name: agent.name, type: `${DUMB_SLAVE}$DescriptorImpl`, json: JSON.stringify(json) };
}

/** Only the SSH plugin before 0.23 knows a user and a path; later ones ignore them, and cannot log in. */
function loginOf({ credentialsId, username, privateKeyPath }: JenkinsAgent): object {
  return credentialsId === null ? { username, privatekey: privateKeyPath } : { credentialsId };
}

function verifierOf({ hostKey }: JenkinsAgent): object {
  return hostKey === null
    ? ofClass(`${VERIFIERS}.NonVerifyingKeyVerificationStrategy`)
    : ofClass(`${VERIFIERS}.ManuallyProvidedKeyVerificationStrategy`, { key: hostKey });
}

/** Jenkins of old looks for the first name, that of today for the second. */
function ofClass(name: string, fields: object = {}): object {
  return { 'stapler-class': name, $class: name, ...fields };
}
