/** Who may come in: the Basic header, and crumbs with the web sessions in which they are valid. */
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { containerPage, json, loginPage, notFound, type Reply } from './replies.ts';

export interface Credentials {
  readonly user: string;
  /** Needs no crumb. */
  readonly token: string;
  /** Needs one. */
  readonly password: string;
}

export interface Access {
  /** What is said to a request that does not come as far as Jenkins' own code; null: it does. */
  turnAway(method: string, headers: IncomingHttpHeaders): Reply | null;
  /** Throws the page for 404 when there is no issuer. */
  issueCrumb(headers: IncomingHttpHeaders): Reply;
  /** As after a restart: no crumb that was issued is valid. */
  endSessions(): void;
}

const COOKIE = 'JSESSIONID.4f1c2d3e';
const CRUMB_FIELD = 'jenkins-crumb';

/** `hasCrumbs`: there is a crumb issuer, as there is unless somebody switched it off. */
export function createAccess({ user, token, password }: Credentials, hasCrumbs: boolean): Access {
  const sessions = new Set<string>();
  const salt = randomUUID();
  const header = (secret: string): string => `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`;
  const crumbOf = (session: string): string => createHash('sha256').update(`${user};${session}${salt}`).digest('hex');
  const sessionOf = ({ cookie = '' }: IncomingHttpHeaders): string | null => {
    const values = cookie.split('; ').map((pair) => pair.split('='));
    const id = values.find(([name]) => name === COOKIE)?.[1] ?? '';
    return sessions.has(id) ? id : null;
  };
  const hasCrumb = (headers: IncomingHttpHeaders): boolean => {
    const session = sessionOf(headers);
    return session !== null && headers[CRUMB_FIELD] === crumbOf(session);
  };

  return {
    turnAway: (method, headers) => {
      const { authorization } = headers;
      if (authorization === undefined) return loginPage();
      const hasToken = authorization === header(token);
      if (!hasToken && authorization !== header(password)) {
        return containerPage(401, 'Unauthorized', { 'WWW-Authenticate': 'Basic realm="Jenkins"' });
      }
      const isFree = !hasCrumbs || hasToken || method !== 'POST';
      return isFree || hasCrumb(headers) ? null : containerPage(403, 'No valid crumb was included in the request');
    },
    issueCrumb: (headers) => {
      if (!hasCrumbs) throw notFound();
      const known = sessionOf(headers);
      const session = known ?? `node0${randomUUID()}.node0`;
      sessions.add(session);
      const crumb = { crumb: crumbOf(session), crumbRequestField: 'Jenkins-Crumb' };
      const reply = json({ _class: 'hudson.security.csrf.DefaultCrumbIssuer', ...crumb });
      if (known !== null) return reply;
      return { ...reply, headers: { ...reply.headers, 'Set-Cookie': `${COOKIE}=${session}; Path=/; HttpOnly` } };
    },
    endSessions: () => sessions.clear(),
  };
}
