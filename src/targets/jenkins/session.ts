/** Requests to one Jenkins, with a crumb where it wants one, and answers of it that are JSON. */
import type { Clock } from '../../lib/clock.ts';
import { isRecord, parseJson } from '../../lib/json.ts';
import type { LaneName } from '../../lib/limiter.ts';
import type { Answer } from './exchange.ts';
import { createSender, type Call, type JenkinsSettings, type Sender } from './sender.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface Session extends Sender {
  /** Reads what every Jenkins has. Rejects with what an answer that is no JSON object says. */
  read(call: Call, signal: AbortSignal): Promise<Json>;
}

/** Proof that a request is no forgery, as headers. It is valid in the web session in which it was issued: a cookie. */
type Crumb = Readonly<Record<string, string>>;

/** Connects to nothing yet. Throws `config` when the address is none. */
export function createSession(settings: JenkinsSettings, clock: Clock): Session {
  const sender = createSender(settings, clock);
  let crumb: Crumb | null = null;
  return {
    ...sender,
    send: async (call, signal) => {
      if (!call.body) return sender.send(call, signal);
      const answer = await sender.send({ ...call, headers: crumb ?? {} }, signal);
      // With an API token none is needed since Jenkins 2.96, so it is fetched only when a request is refused. The session
      // of the one that we have may be over.
      if (answer.status !== 403) return answer;
      const fresh = await fetchCrumb(sender, call.lane, signal);
      crumb = fresh;
      return fresh ? sender.send({ ...call, headers: fresh }, signal) : answer;
    },
    read: async (call, signal) => {
      const answer = await sender.send(call, signal);
      if (answer.status === 404) throw sender.unusable(call, '404, as if there were no Jenkins');
      return readObject(sender, call, answer);
    },
  };
}

/** null: it issues none, so what it refuses it refuses for another reason. */
async function fetchCrumb(sender: Sender, lane: LaneName, signal: AbortSignal): Promise<Crumb | null> {
  const call: Call = { lane, path: 'crumbIssuer/api/json' };
  const answer = await sender.send(call, signal);
  if (answer.status === 404) return null;
  const { crumbRequestField: field, crumb: value } = readObject(sender, call, answer);
  if (!isPlain(field) || !isPlain(value)) throw sender.unusable(call, 'no crumb in it');
  const cookie = answer.cookies.join('; ');
  return { [field]: value, ...(cookie !== '' && { cookie }) };
}

function readObject(sender: Sender, call: Call, answer: Answer): Json {
  if (answer.status !== 200) throw sender.fault(call, answer);
  const value = parseJson(answer.text);
  if (!isRecord(value)) throw sender.unusable(call, '200, not JSON');
  return value;
}

/** Whether it can be the name or the value of a header. */
function isPlain(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.-]+$/.test(value);
}
