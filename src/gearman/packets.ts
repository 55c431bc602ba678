/**
 * Binary packets of the Gearman protocol, version of gearmand 1.1 (https://gearman.org/protocol): a header of a magic
 * number, a type and a size, 4 bytes each, the largest byte first; then the arguments with a NUL between them. The last
 * argument may hold NULs of its own.
 */

export const PACKET_TYPES = {
  submitJob: 7,
  jobCreated: 8,
  workComplete: 13,
  workFail: 14,
  getStatus: 15,
  error: 19,
  statusAnswer: 20,
  setClientId: 22,
  workException: 25,
  option: 26,
  workData: 28,
} as const;

export interface Packet {
  readonly type: number;
  /** The arguments, not yet taken apart. */
  readonly data: Buffer;
}

export const HEADER_BYTES = 12;
const NUL = Buffer.of(0);
const REQUEST = Buffer.from('\0REQ', 'latin1');
const RESPONSE = Buffer.from('\0RES', 'latin1');

/** A request. Only the last argument may contain NUL. */
export function encodeRequest(type: number, args: readonly (string | Buffer)[]): Buffer {
  const data = args.flatMap((arg, index) => (index === 0 ? [Buffer.from(arg)] : [NUL, Buffer.from(arg)]));
  const header = Buffer.alloc(HEADER_BYTES);
  REQUEST.copy(header);
  header.writeUInt32BE(type, 4);
  header.writeUInt32BE(
    data.reduce((sum, { length }) => sum + length, 0),
    8,
  );
  return Buffer.concat([header, ...data]);
}

/** What follows a header and of what type it is; null: this is no header. */
export function decodeHeader(header: Buffer): { readonly type: number; readonly size: number } | null {
  const magic = header.subarray(0, 4);
  // Zuul's own server tells a client with a request, not a response, that the worker of its job went away.
  if (!magic.equals(RESPONSE) && !magic.equals(REQUEST)) return null;
  return { type: header.readUInt32BE(4), size: header.readUInt32BE(8) };
}

/** The first argument, and all that follows it. */
export function splitFirst(data: Buffer): readonly [first: string, rest: Buffer] {
  const end = data.indexOf(0);
  return end < 0 ? [data.toString(), Buffer.alloc(0)] : [data.toString('utf8', 0, end), data.subarray(end + 1)];
}
