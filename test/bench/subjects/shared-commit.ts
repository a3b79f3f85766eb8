/** The least that a durable entry costs: one row, in one commit with whoever else waits. No ledger, no head, no order. */
import postgres from 'postgres';

interface Waiting {
  readonly id: string;
  readonly bytes: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** @param schema made anew. @returns resolves once the row is on the disk */
export async function sharedCommit(
  databaseUrl: string,
  schema: string,
): Promise<(id: string, bytes: Buffer) => Promise<void>> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  await sql`drop schema if exists ${sql(schema)} cascade`;
  await sql`create schema ${sql(schema)}`;
  await sql`create table ${sql(schema)}.entries (id text primary key, bytes bytea not null)`;
  let queue: Waiting[] = [];
  let running = false;

  async function commit(): Promise<void> {
    running = true;
    await null;
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        await sql`insert into ${sql(schema)}.entries (id, bytes) select * from unnest(
          ${sql.array(
            batch.map(({ id }) => id),
            1009,
          )}::text[],
          ${sql.array(
            batch.map(({ bytes }) => bytes),
            1001,
          )}::bytea[])`;
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    running = false;
  }

  return (id, bytes) =>
    new Promise((resolve, reject) => {
      queue.push({ id, bytes, resolve, reject });
      if (!running) void commit();
    });
}
