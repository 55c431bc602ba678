/**
 * `npm run fuzz:api -- [--seconds N] [--seed N]`: sends right, wrong and broken requests to the HTTP interface on an
 * embedded database, on 127.0.0.1 alone, and fails on any answer that says that something went wrong on our side, on
 * errors in the log, on connections that hang, and on secrets that show. Prints one line, and what it found.
 */
import { program } from 'commander';
import { parseCount } from '../../src/cli/options.ts';
import { systemClock as clock } from '../../src/lib/clock.ts';
import { createSeededRandom } from '../../test/support/seeded-random.ts';
import { nextCase, type Case } from './cases.ts';
import { exchange } from './exchange.ts';
import { createDice } from './mutations.ts';
import { openSite, type Site } from './site.ts';

const { seconds, seed } = program
  .name('npm run fuzz:api --')
  .option('--seconds <n>', 'how long', parseCount, 60)
  .option('--seed <n>', 'where to begin; the same seed sends the same', parseCount, clock.now() % 1_000_000)
  .parse()
  .opts<{ seconds: number; seed: number }>();

const WORKERS = 32;
/** So many findings end the run, and the first of them are shown. */
const ENOUGH = 100;
const MOST_SHOWN = 5;

const findings: string[] = [];
const statuses = new Map<string, number>();
let cases = 0;
let highestId = 1;

function find(what: string, sent: readonly string[] = [], got = ''): void {
  findings.push(`${what}\n  sent: ${JSON.stringify(sent).slice(0, 2000)}\n  got: ${JSON.stringify(got.slice(0, 600))}`);
}

function countStatuses(list: readonly number[]): void {
  for (const status of list.length === 0 ? ['none'] : list.map(String)) {
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
}

/** Whether what came shows a secret other than where the client itself may have put it. */
function showsSecret(text: string, { pieces }: Case): boolean {
  const sent = pieces.join('');
  return secrets.some((secret) => text.includes(secret) && sent.split(secret).length <= 2);
}

async function work(site: Site, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const number = (cases += 1);
    const dice = createDice(createSeededRandom(seed * 10_000_019 + number));
    const given = nextCase(dice, site.tokens, highestId + 5);
    const { statuses: got, text, problem } = await exchange(site.port, given, clock);
    countStatuses(got);
    if (problem !== null) find(`case ${number}: ${problem}`, given.pieces, text);
    if (showsSecret(text, given)) find(`case ${number}: a secret shows`, given.pieces, text);
    for (const [, id] of text.matchAll(/"id":(\d+),"label"/g)) highestId = Math.max(highestId, Number(id));
  }
}

process.on('uncaughtException', (error) => find(`uncaught: ${error.stack ?? error.message}`));
process.on('unhandledRejection', (error) => find(`unhandled: ${error instanceof Error ? error.stack : String(error)}`));
for (const method of ['error', 'warn', 'info', 'log'] as const) {
  console[method] = (...args: unknown[]) => find(`printed: ${args.map(String).join(' ')}`);
}

let secrets: readonly string[] = [];
const site = await openSite((level, line) => {
  if (level === 'error' || level === 'warn') find(`log: ${level} ${line}`);
  if (secrets.some((secret) => line.includes(secret))) find(`log: a secret shows: ${line}`);
});
secrets = site.tokens.map(({ secret }) => secret.slice('np_'.length));
const until = clock.now() + seconds * 1000;
const isOver = (): boolean => clock.now() >= until || findings.length >= ENOUGH;
const tend = async (): Promise<void> => {
  while (!isOver()) await site.tend();
};
try {
  await Promise.all([tend(), ...Array.from({ length: WORKERS }, () => work(site, isOver))]);
  await site.close();
} catch (error) {
  find(`the fuzzer failed: ${error instanceof Error ? error.stack : String(error)}`);
}

for (const finding of findings.slice(0, MOST_SHOWN)) process.stdout.write(`${finding}\n`);
const counts = [...statuses].toSorted().map(([status, count]) => `${count} x ${status}`);
const heap = Math.round(process.memoryUsage().heapUsed / 2 ** 20);
process.stdout.write(
  `fuzz: seed ${seed}, ${seconds} s, ${cases} connections, answers ${counts.join(', ')}, heap ${heap} MB: ${findings.length} findings\n`,
);
process.exit(findings.length === 0 ? 0 : 1);
