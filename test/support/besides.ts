/** A hand beside the databases: it copies, renames and drops them, as their owner can. */
import postgres from 'postgres';
import type { Deployment } from './deployment.ts';

/** Runs SQL in the cluster of Countersign's own database, in no database of ours. */
export async function besides({ databaseUrl }: Deployment, text: string): Promise<void> {
  const url = new URL(databaseUrl.reveal());
  url.pathname = '/postgres';
  const beside = postgres(url.href, { max: 1, onnotice: () => undefined });
  await beside.unsafe(text);
  await beside.end();
}
