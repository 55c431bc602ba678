/** The tables as releases of the original made them, in SQL that MariaDB and SQLite both take. */
import type { Knex } from 'knex';

export const CLASSIC_RELEASES = ['0.0.1', '0.1.0', '0.2.0', '0.3.1', '0.5.0'] as const;
export type ClassicRelease = (typeof CLASSIC_RELEASES)[number];

const TEXT = 'VARCHAR(255)';
const STATE = 'state INTEGER, state_time INTEGER';

/** Columns after the id, and which of them have an index. */
interface ClassicTable {
  readonly columns: string;
  readonly indexes: readonly string[];
}

function tablesOf(release: ClassicRelease): Record<string, ClassicTable> {
  const isFrom = (since: ClassicRelease): boolean =>
    CLASSIC_RELEASES.indexOf(release) >= CLASSIC_RELEASES.indexOf(since);
  const addresses = isFrom('0.1.0') ? `ip ${TEXT}, ip_private ${TEXT}` : `ip ${TEXT}`;
  const manager = isFrom('0.3.1') ? `manager_name ${TEXT}, ` : '';
  const comment = isFrom('0.3.1') ? `, comment ${TEXT}` : '';
  const images = {
    dib_image: {
      columns: `image_name ${TEXT} NOT NULL, filename ${TEXT}, version INTEGER, ${STATE}`,
      indexes: ['image_name'],
    },
    snapshot_image: {
      columns: `provider_name ${TEXT} NOT NULL, image_name ${TEXT} NOT NULL, hostname ${TEXT}, version INTEGER, external_id ${TEXT}, server_external_id ${TEXT}, ${STATE}`,
      indexes: ['provider_name', 'image_name'],
    },
  };
  return {
    ...(isFrom('0.5.0') ? {} : images),
    node: {
      columns: `provider_name ${TEXT} NOT NULL, label_name ${TEXT} NOT NULL, target_name ${TEXT} NOT NULL, ${manager}hostname ${TEXT}, nodename ${TEXT}, external_id ${TEXT}, az ${TEXT}, ${addresses}, ${STATE}${comment}`,
      indexes: ['provider_name', 'label_name', 'target_name', 'hostname', 'nodename'],
    },
    subnode: {
      columns: `node_id INTEGER NOT NULL, hostname ${TEXT}, external_id ${TEXT}, ${addresses}, ${STATE}`,
      indexes: ['node_id', 'hostname'],
    },
    ...(isFrom('0.3.1') ? { job: { columns: `name ${TEXT}, hold_on_failure INTEGER`, indexes: ['name'] } } : {}),
  };
}

/** Makes the tables as SQLAlchemy did; before 0.2.0 in the server's default engine, which was MyISAM once. */
export async function createClassicSchema(knex: Knex, release: ClassicRelease): Promise<void> {
  const isMysql = (knex.client as Knex.Client).driverName === 'mysql2';
  const engine = release < '0.2' ? 'MyISAM' : 'InnoDB';
  const id = `id INTEGER NOT NULL ${isMysql ? 'AUTO_INCREMENT ' : ''}PRIMARY KEY`;
  for (const [name, { columns, indexes }] of Object.entries(tablesOf(release))) {
    const options = isMysql ? ` ENGINE = ${engine} DEFAULT CHARACTER SET latin1` : '';
    await knex.raw(`CREATE TABLE ${name} (${id}, ${columns})${options}`);
    for (const index of indexes) await knex.raw(`CREATE INDEX ix_${name}_${index} ON ${name} (${index})`);
  }
}
