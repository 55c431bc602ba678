/**
 * Reads answers of a cloud, taking nothing for granted but what is used. What is missing or of another type reads as
 * null; what an answer is useless without is required, and its absence means `unavailable`: it is not what was asked for,
 * whatever stands between us and the cloud.
 */
import { NodepoolError } from '../../lib/errors.ts';
import { isRecord } from '../../lib/json.ts';

export type Json = Readonly<Record<string, unknown>>;

export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Empty for anything but an object. */
export function objectOf(value: unknown): Json {
  return isRecord(value) ? value : {};
}

/** The objects of an array; empty for anything else. */
export function objectsOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

export function requireObjects(body: unknown, key: string): readonly Json[] {
  const value = objectOf(body)[key];
  if (!Array.isArray(value)) throw unexpected(`a list "${key}"`);
  return objectsOf(value);
}

export function requireObject(body: unknown, key: string): Json {
  const value = objectOf(body)[key];
  if (!isRecord(value)) throw unexpected(`"${key}"`);
  return value;
}

export function requireText(object: Json, key: string): string {
  const value = textOf(object[key]);
  if (value === null) throw unexpected(`"${key}"`);
  return value;
}

function unexpected(missing: string): NodepoolError {
  return new NodepoolError('unavailable', `the cloud answered without ${missing}: not what was asked for`);
}
