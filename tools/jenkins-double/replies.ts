/** What Jenkins answers, and the pages around it: plain values, apart from node:http. */

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Thrown by whoever finds that a request cannot be served; becomes its answer. */
export class Refusal extends Error {
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(`refused with ${reply.status}`);
    this.reply = reply;
  }
}

const VERSION = { 'X-Jenkins': '2.579', 'X-Hudson': '1.395' };
const HTML = { 'Content-Type': 'text/html;charset=utf-8' };

export function json(body: unknown): Reply {
  const headers = { 'Content-Type': 'application/json;charset=utf-8', 'X-Content-Type-Options': 'nosniff' };
  return { status: 200, headers: { ...VERSION, ...headers }, body: JSON.stringify(body) };
}

export function xml(body: string): Reply {
  return { status: 200, headers: { 'Content-Type': 'application/xml' }, body };
}

export function empty(): Reply {
  return { status: 200, headers: {}, body: '' };
}

export function redirect(status: number, location: string): Reply {
  return { status, headers: { Location: location }, body: '' };
}

/** Of the servlet container, for what never comes to Jenkins itself. */
export function containerPage(status: number, text: string, headers: Reply['headers'] = {}): Reply {
  const title = `Error ${status} ${text}`;
  const body =
    `<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=ISO-8859-1"/>\n<title>${title}</title>\n` +
    `</head>\n<body><h2>HTTP ERROR ${status} ${text}</h2>\n<hr/><a href="https://jetty.org/">Powered by Jetty://</a>\n` +
    `</body>\n</html>\n`;
  return { status, headers: { ...HTML, 'Cache-Control': 'must-revalidate,no-cache,no-store', ...headers }, body };
}

/** `hudson.model.Failure`: what a user did wrong. */
export function failure(text: string): Refusal {
  // The container writes headers in Latin-1.
  const header = text.replaceAll(/[^\x20-\xff]/g, '?');
  return new Refusal(page(400, 'Jenkins', `<h1>Error</h1><p>${text}</p>`, { 'X-Error': header }));
}

export function notFound(): Refusal {
  return new Refusal(page(404, 'Not Found', '<h2>Not Found</h2>'));
}

export function postRequired(what: string): Refusal {
  return new Refusal(page(405, 'POST required', `POST is required for ${what}`, { Allow: 'POST' }));
}

/** An exception that nobody expected. */
export function oops(why: string): Refusal {
  return new Refusal(page(500, 'Oops!', `<h1>Oops!</h1><p>A problem occurred while processing the request.</p>${why}`));
}

/** Who comes without credentials is sent to the login page, by HTML. */
export function loginPage(): Reply {
  return page(403, 'Jenkins', "<meta http-equiv='refresh' content='1;url=/login'/>Authentication required");
}

function page(status: number, title: string, content: string, headers: Reply['headers'] = {}): Reply {
  const body =
    `<!DOCTYPE html><html><head resURL="/static/1a2b3c4d"><title>${title} - Jenkins</title></head>` +
    `<body id="jenkins"><header id="page-header">log out</header><div id="main-panel">${content}</div></body></html>`;
  return { status, headers: { ...HTML, ...VERSION, ...headers }, body };
}
