/**
 * The part of JSON Schema that Nova and Glance check request bodies with, and the words in which it refuses: which key, the value
 * as Python prints it, what is wrong. Keywords are looked at in the order in which Nova's schemas name them, so that
 * of several mistakes the same one is reported.
 */
import { pythonRepr, pythonStr } from './python-text.ts';

type TypeName = 'string' | 'integer' | 'boolean' | 'array' | 'object' | 'null';

export interface Schema {
  readonly type?: TypeName | readonly TypeName[];
  readonly enum?: readonly unknown[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: RegExp;
  readonly format?: 'uuid' | 'base64' | 'name';
  readonly minimum?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  /** Keys that `properties` does not name have to look like this, and their values fit the schema. */
  readonly otherKeys?: { readonly pattern: RegExp; readonly schema: Schema };
  readonly required?: readonly string[];
  /** Whether keys are allowed that nothing above names. */
  readonly isOpen?: boolean;
  readonly oneOf?: readonly Schema[];
}

interface Flaw {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
  readonly text: string;
  /** Nova gives this kind of refusal in words of its own. */
  readonly isWhole?: boolean;
}

/** What is wrong with `body`, in the words of Python's jsonschema alone; null: it fits. */
export function describeFlaw(schema: Schema, body: unknown): string | null {
  return check(schema, body, [])?.text ?? null;
}

/** Nova's refusal of `body`; null: it fits. */
export function findFlaw(schema: Schema, body: unknown): string | null {
  const flaw = check(schema, body, []);
  if (!flaw) return null;
  const key = flaw.path.at(-1);
  if (key === undefined || flaw.isWhole) return flaw.text;
  return `Invalid input for field/attribute ${key}. Value: ${pythonStr(flaw.value)}. ${flaw.text}`;
}

type Path = readonly (string | number)[];

function check(schema: Schema, value: unknown, path: Path): Flaw | null {
  if (schema.oneOf) {
    if (schema.oneOf.some((choice) => check(choice, value, path) === null)) return null;
    return { path, value, text: `${pythonRepr(value)} is not valid under any of the given schemas` };
  }
  if (schema.type !== undefined) {
    const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
    if (!types.some((type) => isOfType(value, type))) {
      return { path, value, text: `${pythonRepr(value)} is not of type ${types.map(pythonRepr).join(', ')}` };
    }
  }
  if (typeof value === 'string') return checkString(schema, value, path);
  if (Array.isArray(value)) return checkItems(schema, value, path);
  if (typeof value === 'object' && value !== null) return checkObject(schema, value as Record<string, unknown>, path);
  return checkPlain(schema, value, path);
}

function checkPlain(schema: Schema, value: unknown, path: Path): Flaw | null {
  if (schema.enum && !schema.enum.includes(value)) {
    return { path, value, text: `${pythonRepr(value)} is not one of ${pythonRepr(schema.enum)}` };
  }
  if (schema.minimum !== undefined && typeof value === 'number' && value < schema.minimum) {
    return { path, value, text: `${value} is less than the minimum of ${schema.minimum}` };
  }
  return null;
}

function checkString(schema: Schema, value: string, path: Path): Flaw | null {
  const flaw = (text: string): Flaw => ({ path, value, text });
  if (value.length < (schema.minLength ?? 0)) return flaw(`${pythonRepr(value)} is too short`);
  if (value.length > (schema.maxLength ?? Infinity)) return flaw(`${pythonRepr(value)} is too long`);
  if (schema.pattern && !schema.pattern.test(value)) {
    return flaw(`${pythonRepr(value)} does not match ${pythonRepr(schema.pattern.source)}`);
  }
  if (schema.format === 'name' && !/^[^\s\p{Cc}]([^\p{Cc}]*[^\s\p{Cc}])?$/u.test(value)) {
    const text =
      "An invalid 'name' value was provided. The name must be: printable characters. " +
      'Can not start or end with whitespace.';
    return { path, value, text, isWhole: true };
  }
  if (schema.format === 'uuid' && !isUuid(value)) return flaw(`${pythonRepr(value)} is not a 'uuid'`);
  if (schema.format === 'base64' && !isBase64(value)) return flaw(`${pythonRepr(value)} is not a 'base64'`);
  return checkPlain(schema, value, path);
}

function checkItems(schema: Schema, values: readonly unknown[], path: Path): Flaw | null {
  for (const [index, value] of values.entries()) {
    const flaw = schema.items && check(schema.items, value, [...path, index]);
    if (flaw) return flaw;
  }
  return null;
}

function checkObject(schema: Schema, value: Record<string, unknown>, path: Path): Flaw | null {
  const unknown: string[] = [];
  for (const [key, entry] of Object.entries(value)) {
    const known = schema.properties?.[key] ?? (schema.otherKeys?.pattern.test(key) ? schema.otherKeys.schema : null);
    if (!known) {
      unknown.push(key);
      continue;
    }
    const flaw = check(known, entry, [...path, key]);
    if (flaw) return flaw;
  }
  const missing = schema.required?.find((key) => !(key in value));
  if (missing !== undefined) return { path, value, text: `${pythonRepr(missing)} is a required property` };
  if (unknown.length === 0 || schema.isOpen) return null;
  return { path, value, text: describeUnknown(schema, unknown) };
}

function describeUnknown(schema: Schema, keys: readonly string[]): string {
  const list = keys.map(pythonRepr).join(', ');
  if (schema.otherKeys) {
    const source = pythonRepr(schema.otherKeys.pattern.source);
    return `${list} ${keys.length === 1 ? 'does' : 'do'} not match any of the regexes: ${source}`;
  }
  return `Additional properties are not allowed (${list} ${keys.length === 1 ? 'was' : 'were'} unexpected)`;
}

function isOfType(value: unknown, type: TypeName): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

export function isUuid(text: string): boolean {
  return /^[\da-f]{8}-?([\da-f]{4}-?){3}[\da-f]{12}$/i.test(text);
}

function isBase64(text: string): boolean {
  return /^[A-Za-z\d+/\s]*={0,2}\s*$/.test(text) && text.replace(/\s/g, '').length % 4 === 0;
}
