import type { Readable } from 'node:stream';
import { readChunks } from '../../file-chunks.ts';

/** A file that is the body of a request. */
export interface FileBody {
  readonly bytes: number;
  /** Opens it at its beginning: a stream can be sent once. */
  readonly open: () => Readable;
  /** Told how many bytes have been handed to the connection. */
  readonly onProgress: (sentBytes: number) => void;
}

/** A file on its way. */
export interface FileInTransit {
  /** Opened when the first piece is asked for; the next one is not read before the connection has taken the one before. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Throws what the reading of it ended with, if it failed. */
  throwFailure(): void;
  /** To be called whatever came of the request. */
  close(): void;
}

export function openFileBody(file: FileBody): FileInTransit {
  let stream: Readable | null = null;
  let failure: { readonly error: unknown } | null = null;

  async function* read(): AsyncGenerator<Uint8Array> {
    try {
      stream = file.open();
      yield* readChunks(file, stream);
    } catch (error) {
      failure = { error };
      throw error;
    }
  }
  return {
    chunks: read(),
    throwFailure: () => {
      if (failure !== null) throw failure.error;
    },
    // What sends it waits for the next piece, however long that takes, also when the request has long ended.
    close: () => void stream?.destroy(),
  };
}
