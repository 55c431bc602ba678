/** Log lines for people: time, level, logger, message, then the fields as `name=value`. */

/** What a line begins with already. */
const SHOWN = new Set(['level', 'time', 'logger', 'msg']);

/** Made from the JSON line of an event; a stack follows on lines of its own. */
export async function createPrettyFormat(colours: boolean): Promise<(line: string) => string> {
  // Loaded only where somebody reads along: it costs start-up time.
  const { prettyFactory } = await import('pino-pretty');
  return prettyFactory({
    colorize: colours,
    translateTime: 'SYS:HH:MM:ss.l',
    // pino-pretty has ideas of its own about fields named `name` and `pid`; here all fields look alike.
    hideObject: true,
    ignore: 'name,pid,hostname,caller',
    messageFormat: (event, messageKey) => {
      const fields = Object.entries(event).filter(([key]) => !SHOWN.has(key));
      const shown = fields.map(([key, value]) => ` ${key}=${valueText(value)}`).join('');
      const stacks = fields.map(([, value]) => stackText(value)).join('');
      return `${String(event['logger'])}: ${oneLine(String(event[messageKey]))}${shown}${stacks}`;
    },
  });
}

function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[\w./:@+-]+$/.test(value)) return value;
  if (typeof value !== 'object' || value === null || !('stack' in value)) return JSON.stringify(value);
  return JSON.stringify({ ...value, stack: undefined });
}

function stackText(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('stack' in value)) return '';
  return `\n${String(value.stack).split('\n').map(oneLine).join('\n')}`;
}

/** What a server or a script has said must not move the cursor of whoever reads the log. */
function oneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');
}
