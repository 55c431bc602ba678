import type { Command } from 'commander';
import { writeBashCompletion } from '../completion/bash.ts';
import { readCommandTree, type CommandTree } from '../completion/command-tree.ts';
import { writeFishCompletion } from '../completion/fish.ts';
import type { Shell } from '../completion/shells.ts';
import { writeZshCompletion } from '../completion/zsh.ts';
import type { Session } from '../session.ts';

const WRITERS: Readonly<Record<Shell, (tree: CommandTree) => string>> = {
  bash: writeBashCompletion,
  zsh: writeZshCompletion,
  fish: writeFishCompletion,
};

export function printCompletion(session: Session, program: Command, shell: Shell): void {
  session.print(WRITERS[shell](readCommandTree(program)));
}
