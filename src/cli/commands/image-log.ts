import { buildLogDirectory, logPath } from '../../images/build-logs.ts';
import { NodepoolError } from '../../lib/errors.ts';
import type { Store } from '../../store/store.ts';
import {
  buildsOf,
  chooseSubject,
  describeLogSubject,
  findVersions,
  type LoggedBuild,
  type LogSubject,
} from '../build-log.ts';
import { Interruption, untilInterrupted } from '../interruption.ts';
import { openLogFile, type LogFile } from '../log-file.ts';
import type { Session } from '../session.ts';
import { POLL_MS } from '../wait.ts';

export interface ImageLogOptions {
  readonly follow?: true;
  readonly lines?: number;
  /** Version. */
  readonly build?: number;
}

interface Wanted {
  readonly image: string;
  readonly provider: string | undefined;
}

/** Prints the log of a build: the newest one, unless another is asked for. */
export async function showImageLog(session: Session, wanted: Wanted, options: ImageLogOptions): Promise<void> {
  const config = await session.loadConfig();
  const directory = buildLogDirectory(config, await session.context.stateDirectory());
  await session.withStore(async (store) => {
    const records = await store.readPool();
    const subject = await chooseSubject({ config, records, directory }, wanted);
    const version = options.build ?? (await findNewest(directory, subject, buildsOf(records, subject)));
    const log = { store, subject, version, path: logPath(directory, { ...subject, version }) };
    const file = await openLog(session, log, options);
    try {
      if (options.lines !== undefined) await file.skipToLast(options.lines);
      await file.read((text) => session.print(text));
      if (options.follow) await follow(session, log, file);
    } finally {
      await file.close();
    }
  });
}

interface Log {
  readonly store: Store;
  readonly subject: LogSubject;
  readonly version: number;
  readonly path: string;
}

async function findNewest(directory: string, subject: LogSubject, builds: readonly LoggedBuild[]): Promise<number> {
  const versions = [...builds.map(({ version }) => version), ...(await findVersions(directory, subject))];
  if (versions.length > 0) return Math.max(...versions);
  throw new NodepoolError(
    'not-found',
    `there was no build of ${describeLogSubject(subject)} yet, or none whose log is kept in ${directory}`,
  );
}

async function findBuild({ store, subject, version }: Log): Promise<LoggedBuild | undefined> {
  return buildsOf(await store.readPool(), subject).find((build) => build.version === version);
}

/** A build that has just begun has no file for a moment. */
const GRACE_MS = 3000;

/** Who follows a build that has not begun waits for its log. Throws when there is none here. */
async function openLog(session: Session, log: Log, { follow: isFollowed }: ImageLogOptions): Promise<LogFile> {
  const { clock } = session.context;
  const find = async (signal: AbortSignal): Promise<LogFile> => {
    for (let isTold = false; ; isTold = true) {
      const build = await findBuild(log);
      const file = await openLogFile(log.path);
      if (file !== null) return file;
      if (!isFollowed || build === undefined || !isYetToCome(build, clock.now())) throw describeAbsence(log, build);
      if (signal.aborted) throw new Interruption('interrupted');
      if (!isTold) session.tell(`waiting until the build of ${describeLogSubject(log.subject)} begins`);
      await clock.sleep(POLL_MS, signal);
    }
  };
  return untilInterrupted(session.context, find);
}

function isYetToCome({ state, begunAt }: LoggedBuild, now: number): boolean {
  return state === 'building' && (begunAt === null || now < begunAt + GRACE_MS);
}

function describeAbsence({ subject, version, path }: Log, build: LoggedBuild | undefined): NodepoolError {
  const what = `build ${version} of ${describeLogSubject(subject)}`;
  if (build === undefined)
    return new NodepoolError('not-found', `there is no log of ${what} here: ${path} does not exist`);
  if (build.begunAt === null && build.state === 'building')
    return new NodepoolError('refused', `${what} has not begun; there is no log of it yet`);
  const host = build.host === null ? 'the host of the daemon that built it' : `host ${build.host}`;
  return new NodepoolError('refused', `the log of ${what} is not on this machine; look on ${host} for ${path}`);
}

/** Prints what comes, until the build has ended and nothing more comes. */
async function follow(session: Session, log: Log, file: LogFile): Promise<void> {
  const { clock } = session.context;
  let wasBuilding = false;
  await untilInterrupted(session.context, async (signal) => {
    for (;;) {
      // In this order: what a build writes at its end is there when its row has changed.
      const state = (await findBuild(log))?.state;
      const isNew = await file.read((text) => session.print(text));
      if (state !== 'building' && !isNew) {
        if (wasBuilding) session.tell(describeEnd(log, state));
        return;
      }
      wasBuilding ||= state === 'building';
      if (signal.aborted) throw new Interruption('interrupted; the build goes on');
      if (!isNew) await clock.sleep(POLL_MS, signal);
    }
  });
}

function describeEnd({ subject, version }: Log, state: LoggedBuild['state'] | undefined): string {
  return `build ${version} of ${describeLogSubject(subject)} ${state === 'ready' ? 'is ready' : 'has failed or was deleted'}`;
}
