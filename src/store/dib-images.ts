import type { Database } from './database.ts';
import { buildStateFromCode, toMs } from './rows.ts';
import type { DibImageRecord } from './store.ts';

type DibImageRow = readonly [
  id: number,
  image: string,
  filename: string | null,
  version: number | null,
  state: number | null,
  stateTime: number | null,
];

export async function listDibImages(database: Database): Promise<DibImageRecord[]> {
  const select = 'SELECT id, image_name, filename, version, state, state_time FROM dib_image ORDER BY id';
  const rows = await database.tuples<DibImageRow>(select);
  return rows.flatMap(([id, image, filename, version, code, seconds]) => {
    const state = buildStateFromCode(code);
    return state === null ? [] : { id, image, filename, version: version ?? 0, state, stateAt: toMs(seconds) };
  });
}
