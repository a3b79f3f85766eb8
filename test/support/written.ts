/** What Countersign's own database holds, so that a test can say that nothing was written. */
import postgres from 'postgres';
import { z } from 'zod';

/** Entry types a refusal may leave: they are the record of the refusal. */
const OF_REFUSALS = ['unauthenticated.summed', 'denials.summed'];

export interface Watch {
  /** What was written since the last look, apart from the entries of refusals; empty when nothing was. */
  news(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const Counted = z.object({ rows: z.coerce.number(), digest: z.string().nullable() });

/**
 * Looks at every table but replay ids (a proof is spent by being shown), the servers' signs of life, the
 * head and the tiles, and what servers reckon from the ledger by themselves: daily counts and snapshots.
 */
export async function watchWrites(databaseUrl: string): Promise<Watch> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  const tables = await sql<{ name: string }[]>`
    SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'countersign' AND c.relkind = 'r'
      AND c.relname NOT IN ('replay_ids', 'replicas', 'head', 'tiles', 'entries', 'usage', 'usage_counted',
        'snapshots', 'snapshot_parts') ORDER BY 1`;
  let entries = -1;
  let before = new Map<string, string>();

  async function look(): Promise<string[]> {
    const news: string[] = [];
    const now = new Map<string, string>();
    for (const { name } of tables) {
      const [row] = await sql`
        SELECT count(*) AS rows, md5(string_agg(t::text, '|' ORDER BY t::text)) AS digest
        FROM ${sql(`countersign.${name}`)} t`;
      const { rows, digest } = Counted.parse(row);
      now.set(name, `${rows} ${digest}`);
      if (before.has(name) && before.get(name) !== now.get(name)) news.push(`table ${name}`);
    }
    before = now;
    const added = await sql<{ index: string; type: string; denied: boolean }[]>`
      SELECT index, type, convert_from(bytes, 'UTF8')::jsonb #>> '{body,verdict}' = 'denied' AS denied
      FROM countersign.entries WHERE index > ${entries} ORDER BY index`;
    for (const { index, type, denied } of added) {
      entries = Number(index);
      if (denied !== true && !OF_REFUSALS.includes(type)) news.push(`entry ${index} ${type}`);
    }
    return news;
  }
  await look();
  return { news: look, close: () => sql.end() };
}
