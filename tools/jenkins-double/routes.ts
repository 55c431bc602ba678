/** The addresses that are served, and what they answer. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Access } from './access.ts';
import { describeAgent, type Agent, type Hall } from './hall.ts';
import {
  containerPage,
  empty,
  failure,
  json,
  notFound,
  oops,
  postRequired,
  redirect,
  Refusal,
  xml,
  type Reply,
} from './replies.ts';
import { prune } from './tree.ts';

export interface Request {
  readonly method: string;
  /** Below the address of Jenkins, still escaped, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Site {
  readonly hall: Hall;
  readonly access: Access;
  /** With a slash at its end, as the client wrote it: redirections are made from it. */
  readonly url: string;
}

type Handler = (site: Site, request: Request, names: readonly string[]) => Reply;

/** The names in a path are what its pattern has in brackets. */
const ROUTES: readonly (readonly [RegExp, Handler])[] = [
  [
    /^api\/json$/,
    (site, request) =>
      show(request, { _class: 'hudson.model.Hudson', mode: 'NORMAL', quietingDown: site.hall.isQuietingDown }),
  ],
  [
    /^computer\/api\/json$/,
    (site, request) => show(request, { _class: 'hudson.model.ComputerSet', computer: site.hall.describeComputers() }),
  ],
  [/^crumbIssuer\/api\/json$/, (site, { headers }) => site.access.issueCrumb(headers)],
  [/^computer\/doCreateItem$/, createAgent],
  [/^computer\/([^/]+)\/api\/json$/, (site, request, [name]) => show(request, describeAgent(agentOf(site, name)))],
  [/^computer\/([^/]+)\/config\.xml$/, configure],
  [/^computer\/([^/]+)\/doDelete$/, deleteAgent],
  [/^((?:job\/[^/]+\/)+)buildWithParameters$/, build],
];

/** What Jenkins answers, its refusals included. */
export function answer(site: Site, request: Request): Reply {
  try {
    for (const [pattern, handler] of ROUTES) {
      const names = pattern.exec(request.path);
      if (names) return handler(site, request, names.slice(1).map(decodeURIComponent));
    }
    throw notFound();
  } catch (error) {
    if (error instanceof Refusal) return error.reply;
    throw error;
  }
}

function show({ method, query }: Request, bean: object): Reply {
  if (method !== 'GET') throw new Refusal(containerPage(405, 'Method Not Allowed'));
  const shown = prune(bean, query.get('tree'));
  if (shown === null) throw oops('IllegalArgumentException: the tree is malformed');
  return json(shown);
}

function createAgent({ hall, url }: Site, request: Request): Reply {
  // It is there for POST alone; for everything else it looks like the name of an agent.
  if (request.method !== 'POST') throw notFound();
  const form = formOf(request);
  const submitted = form.get('json');
  if (form.get('type') !== 'hudson.slaves.DumbSlave$DescriptorImpl') throw oops('NullPointerException');
  if (!submitted) throw new Refusal(containerPage(400, 'This page expects a form submission'));
  hall.add(form.get('name'), parseForm(submitted));
  return redirect(302, `${url}computer/`);
}

function parseForm(submitted: string): unknown {
  try {
    return JSON.parse(submitted);
  } catch {
    // Whoever sent it has to see it, as with any exception.
    throw oops('Failed to parse JSON');
  }
}

function configure(site: Site, { method, headers, body }: Request, [name]: readonly string[]): Reply {
  const agent = agentOf(site, name);
  if (method === 'GET') return xml(agent.configXml);
  if (method !== 'POST') throw new Refusal(containerPage(400, 'Bad Request'));
  // The servlet container reads a form before Jenkins can, and nothing is left of it.
  if (!/^(?:application|text)\/xml\b/.test(headers['content-type'] ?? '')) throw oops('XStreamException: no document');
  site.hall.configure(agent, body);
  return empty();
}

function deleteAgent(site: Site, { method }: Request, [name]: readonly string[]): Reply {
  const agent = agentOf(site, name);
  if (method !== 'POST') throw postRequired('hudson.model.Computer.doDoDelete');
  site.hall.agents.delete(agent.name);
  return redirect(302, `${site.url}computer/`);
}

function build({ hall, url }: Site, request: Request, [path = '']: readonly string[]): Reply {
  const job = hall.findJob(
    path
      .split('/')
      .filter((_, index) => index % 2 === 1)
      .join('/'),
  );
  if (!job) throw notFound();
  if (request.method !== 'POST') throw postRequired('jenkins.model.ParameterizedJobMixIn.doBuildWithParameters');
  if (job.isDisabled) throw new Refusal(containerPage(409, `${job.name} is not buildable`));
  if (!job.parameters) throw new Refusal(containerPage(400, `${job.name} is not parameterized`));
  const { item, isNew } = hall.enqueue(job, formOf(request));
  return redirect(isNew ? 201 : 303, `${url}queue/item/${item.id}/`);
}

function agentOf({ hall }: Site, name = ''): Agent {
  const agent = hall.agents.get(name);
  if (!agent) throw notFound();
  return agent;
}

function formOf({ headers, body, query }: Request): URLSearchParams {
  const isForm = /^application\/x-www-form-urlencoded\b/.test(headers['content-type'] ?? '');
  if (!isForm) throw failure('this is no form');
  if (query.size > 0) throw failure('the double takes fields from the body alone, where no log shows them');
  return new URLSearchParams(body);
}
