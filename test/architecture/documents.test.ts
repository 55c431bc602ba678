import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/config/load.ts';
import { IMAGE_MOVES } from '../../src/lifecycle/image-states.ts';
import { IMAGE_RULES } from '../../src/lifecycle/image-steps.ts';
import { NODE_MOVES } from '../../src/lifecycle/node-states.ts';
import { REQUEST_MOVES } from '../../src/lifecycle/request-states.ts';
import { SLOT_RULES } from '../../src/lifecycle/slot-steps.ts';
import { ERROR_CODES } from '../../src/lib/errors.ts';
import { read } from './source-tree.ts';

const architecture = read('src/README.md');

/** The text below a heading, up to the next one of the same or a higher level. */
function section(text: string, heading: string): string {
  const level = heading.indexOf(' ');
  const start = text.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`there is no heading "${heading}"`);
  const rest = text.slice(start + heading.length + 2);
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** The rows of the first table in a text, cell by cell, without its head. */
function tableRows(text: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.startsWith('| --- '));
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines.slice(start + 1, end < 0 ? undefined : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

type Moves = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The lines of the first state diagram in a text, without where it begins. */
function diagramLines(text: string): string[] {
  const [, diagram = ''] = /```mermaid\nstateDiagram-v2\n([^`]*)```/.exec(text) ?? [];
  return diagram
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}

/** What the diagram of a table of moves has to say: the first state is where rows begin, dead ends are where they go. */
function expectedLines(moves: Moves): string[] {
  const states = Object.entries(moves);
  const arrows = states.flatMap(([from, targets]) =>
    Object.entries(targets).map(([to, who]) => `${from} --> ${to}: ${who}`),
  );
  const ends = states.filter(([, targets]) => Object.keys(targets).length === 0).map(([state]) => `${state} --> [*]`);
  return [`[*] --> ${states[0]?.[0] ?? ''}`, ...arrows, ...ends];
}

describe('src/README.md', () => {
  it('draws the moves of a node as the table has them', () => {
    expect(diagramLines(section(architecture, '### Nodes')).sort()).toEqual(expectedLines(NODE_MOVES).sort());
  });

  it('draws the moves of an image as the table has them', () => {
    expect(diagramLines(section(architecture, '### Images')).sort()).toEqual(expectedLines(IMAGE_MOVES).sort());
  });

  it('draws the moves of a request as the table has them', () => {
    expect(diagramLines(section(architecture, '### Requests')).sort()).toEqual(expectedLines(REQUEST_MOVES).sort());
  });

  it('shows the steps of a server as the table has them', () => {
    const rows = tableRows(section(architecture, '### Which step is due for a server'));
    expect(rows).toEqual(SLOT_RULES.map((rule) => [rule.when, rule.then]));
  });

  it('shows the steps of a snapshot image as the table has them', () => {
    const rows = tableRows(section(architecture, '### Which step is due for a snapshot image'));
    expect(rows).toEqual(IMAGE_RULES.map((rule) => [rule.when, rule.then]));
  });

  it('lists the error codes as the catalogue has them', () => {
    const rows = tableRows(section(architecture, '## Errors')).map((cells) => cells.slice(0, 3));
    expect(rows).toEqual(
      Object.entries(ERROR_CODES).map(([code, { retry, metric }]) => [`\`${code}\``, retry, metric]),
    );
  });
});

describe('README.md', () => {
  it('shows configurations that are valid, that of disk images too', () => {
    const examples = [...read('README.md').matchAll(/^( *)```yaml\n([^`]*)```/gm)].map(([, indent = '', yaml = '']) =>
      yaml.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    );
    const directory = mkdtempSync(join(tmpdir(), 'nodepool-readme-'));
    const path = join(directory, 'nodepool.yaml');
    try {
      const checks = examples.map((yaml) => {
        writeFileSync(path, yaml);
        const { config, problems, warnings } = checkConfig({ path, env: {}, root: directory, home: directory });
        return { disk: config?.diskimages.size, findings: [...problems, ...warnings] };
      });
      expect(checks).toEqual([
        { disk: 1, findings: [] },
        { disk: 0, findings: [] },
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
