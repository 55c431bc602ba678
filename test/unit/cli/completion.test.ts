import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CliContext } from '../../../src/cli/context.ts';
import { commandNames, createProgram } from '../../../src/cli/program.ts';
import { runCli } from '../../support/run-cli.ts';

const names = commandNames(createProgram({ stdout: {}, stderr: {}, version: '' } as unknown as CliContext));
/** Those of a group go by its name. */
const commands = [...new Set(names.map((name) => name.split(' ')[0]!))];

let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nodepool-completion-'));
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout, stderr } = await runCli(['completion', shell]);
    expect([code, stderr]).toEqual([0, '']);
    writeFileSync(join(directory, `nodepool.${shell}`), stdout);
  }
  writeFileSync(join(directory, 'a file.yaml'), '');
});

afterAll(() => rmSync(directory, { recursive: true }));

/** What bash offers for the last of the words. */
function complete(...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const script = `source nodepool.bash
    COMP_WORDS=(nodepool ${line}); COMP_CWORD=${words.length}
    _nodepool
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['--noprofile', '--norc', '-u', '-c', script], {
    cwd: directory,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((word) => word !== '');
}

describe('bash completes', () => {
  it('every command', () => {
    expect(complete('')).toEqual(expect.arrayContaining([...commands, 'help']));
  });

  it('the commands that begin with what is typed', () => {
    expect(complete('image-u')).toEqual(['image-update', 'image-upload', 'image-unpause']);
  });

  it('global options before the command, and not after it', () => {
    expect(complete('--conf')).toEqual(['--config']);
    expect(complete('list', '--conf')).toEqual([]);
  });

  it('the options of a command', () => {
    expect(complete('delete', '--')).toEqual(['--now', '--output', '--help']);
    expect(complete('list', '--')).toEqual(['--output', '--help']);
  });

  it('a command behind global options with values', () => {
    expect(complete('-c', 'a file.yaml', '--debug', 'unh')).toEqual(['unhold']);
  });

  it('choices of an option', () => {
    expect(complete('list', '--output', '')).toEqual(['table', 'json', 'yaml']);
    expect(complete('list', '-o', 'j')).toEqual(['json']);
  });

  it('the commands of a group, and all of their options', () => {
    expect(complete('token', '')).toEqual(expect.arrayContaining(['create', 'list', 'revoke']));
    expect(complete('token', 'create', '--')).toEqual(['--scope', '--expires', '--output', '--help']);
    expect(complete('token', 'create', '--scope', '')).toEqual(['requests', 'read', 'admin']);
  });

  it('choices of an argument', () => {
    expect(complete('completion', 'z')).toEqual(['zsh']);
  });

  it('files, with blanks in their names, where a file is due', () => {
    expect(complete('-c', 'a')).toEqual(['a file.yaml']);
  });

  it('nothing where anything may stand', () => {
    expect(complete('hold', '7', '--reason', '')).toEqual([]);
  });
});

describe.each(['zsh', 'fish'])('the completion for %s', (shell) => {
  it('knows every command and every option', async () => {
    const { stdout } = await runCli(['completion', shell]);
    const missing = commands.filter(
      (command) => !stdout.includes(shell === 'zsh' ? `        '${command}:` : ` -a ${command} `),
    );
    expect(missing).toEqual([]);
    for (const option of ['output', 'now', 'force', 'reason', 'wait', 'config', 'timeout'])
      expect(stdout).toContain(option);
  });

  it('closes every quote', async () => {
    const { stdout } = await runCli(['completion', shell]);
    const odd = stdout
      .split('\n')
      .filter((line) => !line.startsWith('#') && (line.replaceAll(/'\\''|\\'/g, '').split("'").length - 1) % 2 === 1);
    expect(odd).toEqual([]);
  });
});

const installed = ['bash', 'zsh', 'fish'].filter((shell) => spawnSync(shell, ['--version']).status === 0);

describe.each(installed)('%s', (shell) => {
  it('finds no fault in the syntax of its script', () => {
    const { status, stderr } = spawnSync(shell, ['-n', join(directory, `nodepool.${shell}`)], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});
