import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { prepareTemplate, readyCommand, setupCommand } from '../../../src/remote/scripts.ts';
import { removeTree } from './temporary-directory.ts';

const env = {
  PATH: '/home/me/bin',
  NODEPOOL_SSH_PASSPHRASE: 'secret',
  NODEPOOL_SSH_KEY: 'AAAA+B=',
  NODEPOOL_MIRROR: 'http://m/"x" $y',
  HOME: '/root',
};

describe('setupCommand', () => {
  it('runs the script with the server name, a fixed PATH and the NODEPOOL_* variables but for the passphrase, then writes disks out', () => {
    expect(setupCommand('prepare_node.sh', 'template-devstack-1', env)).toEqual({
      line:
        'cd /opt/nodepool-scripts && PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ' +
        `NODEPOOL_MIRROR='http://m/"x" $y' NODEPOOL_SSH_KEY='AAAA+B=' ` +
        './prepare_node.sh template-devstack-1 && sync && sleep 5',
    });
  });
});

describe('readyCommand', () => {
  it('runs the script with the host name and the NODEPOOL_* variables on a terminal, with the PATH of the login', () => {
    expect(readyCommand('multinode_setup.sh', 'multi-rax-7', { ...env, NODEPOOL_MIRROR: undefined })).toEqual({
      line: "cd /opt/nodepool-scripts && NODEPOOL_SSH_KEY='AAAA+B=' ./multinode_setup.sh multi-rax-7",
      pty: true,
    });
  });

  it('passes values on unchanged, whatever they hold, and leaves out names that no shell knows', () => {
    const directory = mkdtempSync(join(tmpdir(), 'nodepool-scripts-'));
    onTestFinished(() => removeTree(directory));
    const script = 'printf "%s|" "$1" "$NODEPOOL_A" > out; env | grep -c NODEPOOL >> out\n';
    writeFileSync(join(directory, "it's ready.sh"), `#!/bin/sh\n${script}`, { mode: 0o755 });
    const nasty = `it's "$HOME" \`id\`\\\n;exit 3`;
    const { line } = readyCommand("it's ready.sh", 'a b', { NODEPOOL_A: nasty, 'NODEPOOL_B-C': 'x', NODEPOOLD: 'x' });
    const { status } = spawnSync('sh', ['-c', line.replace('/opt/nodepool-scripts', directory)], { env: {} });
    expect(status).toBe(0);
    expect(readFileSync(join(directory, 'out'), 'utf8')).toBe(`a b|${nasty}|1\n`);
  });
});

describe('prepareTemplate', () => {
  const scripts = [{ path: '/tmp/nodepool-scripts/setup.sh', content: '#!/bin/sh\n', mode: 0o755 }];

  it('makes the directories, copies the scripts and puts them in place', () => {
    expect(prepareTemplate('root', scripts)).toEqual({
      before: {
        line:
          'mkdir -p /etc/nodepool /opt/nodepool-scripts && chmod 0777 /etc/nodepool ' +
          '&& mkdir -p /tmp/nodepool-scripts',
      },
      files: scripts,
      after: {
        line:
          'cp -R /tmp/nodepool-scripts/. /opt/nodepool-scripts/ && chmod -R a+rx /opt/nodepool-scripts ' +
          '&& rm -rf /tmp/nodepool-scripts',
      },
    });
  });

  it('uses sudo for any other user, but not for what that user has to own', () => {
    const { before, after } = prepareTemplate('ubuntu', scripts);
    expect(before.line).toBe(
      'sudo mkdir -p /etc/nodepool /opt/nodepool-scripts && sudo chmod 0777 /etc/nodepool ' +
        '&& mkdir -p /tmp/nodepool-scripts',
    );
    expect(after.line).toBe(
      'sudo cp -R /tmp/nodepool-scripts/. /opt/nodepool-scripts/ && sudo chmod -R a+rx /opt/nodepool-scripts ' +
        '&& rm -rf /tmp/nodepool-scripts',
    );
  });

  it('can be repeated on a server, and takes scripts or none', () => {
    const root = mkdtempSync(join(tmpdir(), 'nodepool-template-'));
    onTestFinished(() => removeTree(root));
    const run = (line: string): number | null =>
      spawnSync('sh', ['-c', line.replaceAll(/\/(etc|opt|tmp)\//g, `${root}/$1/`)]).status;
    const { before, after } = prepareTemplate('root', scripts);
    expect([run(before.line), run(after.line)]).toEqual([0, 0]);
    expect(run(before.line)).toBe(0);
    writeFileSync(join(root, 'tmp/nodepool-scripts/setup.sh'), '#!/bin/sh\n', { mode: 0o600 });
    expect(run(after.line)).toBe(0);
    expect(run(`test -x /opt/nodepool-scripts/setup.sh && ! test -e /tmp/nodepool-scripts`)).toBe(0);
  });
});
