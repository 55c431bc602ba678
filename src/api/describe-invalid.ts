/** Says in one sentence what does not fit a schema. */
import type { z } from '@hono/zod-openapi';
import { HttpError } from './http-error.ts';

/** Where the value was: as Hono's validators call it. */
type Place = 'json' | 'query' | 'header' | 'param' | (string & {});

const MOST_SHOWN = 60;

/** What is answered; an id that cannot be one is of nothing that there is. */
export function describeInvalid(place: Place, { issues }: z.ZodError): HttpError {
  const [issue] = issues;
  if (place === 'param' || issue === undefined) return new HttpError('not-found', 'there is no such request');
  if (issue.code === 'unrecognized_keys') {
    const kind = place === 'query' ? 'parameter' : 'key';
    return new HttpError('malformed', `there is no ${kind} ${JSON.stringify(issue.keys[0]?.slice(0, MOST_SHOWN))}`);
  }
  const subject = issue.path.join('.') || 'the body';
  return new HttpError('malformed', `${subject} ${describeValue(issue)}`);
}

function describeValue({ code, message }: z.core.$ZodIssue): string {
  // The schemas' own messages go on after the name of the value; zod's would not.
  return code === 'too_big' || code === 'too_small' ? 'is out of range' : message;
}
