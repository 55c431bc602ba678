/** Log lines for people: time, level, logger, message, then the fields as `name=value`. */
import { replaceBreaks } from '../lib/one-line.ts';

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
      return `${String(event['logger'])}: ${replaceBreaks(String(event[messageKey]), ' ')}${shown}${stacks}`;
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
  const lines = String(value.stack).split('\n');
  return `\n${lines.map((line) => replaceBreaks(line, ' ')).join('\n')}`;
}
