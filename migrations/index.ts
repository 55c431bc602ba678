import type { Migration } from '../src/store/migrate.ts';
import { classic } from './0001-classic.ts';
import { pool } from './0002-pool.ts';
import { clouds } from './0003-clouds.ts';
import { diskImages } from './0004-disk-images.ts';
import { requests } from './0005-requests.ts';
import { locations } from './0006-locations.ts';

/** All migrations in order; the first brings the schema to version 1. Append only. */
export const migrations: readonly Migration[] = [classic, pool, clouds, diskImages, requests, locations];
