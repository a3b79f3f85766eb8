/** Whether this database never held a ledger: the only case in which a KEK may be made. */
import { CountersignError, type Secret } from '@countersign/core';
import postgres from 'postgres';

/** @throws CountersignError `broker_unavailable` when it cannot be told */
export async function ledgerIsEmpty(url: Secret): Promise<boolean> {
  const sql = postgres(url.reveal(), { max: 1, onnotice: () => undefined, connect_timeout: 5 });
  try {
    const [table] = await sql<{ present: boolean }[]>`
      SELECT to_regclass('countersign.head') IS NOT NULL AS present`;
    if (table?.present !== true) return true;
    const [head] = await sql<{ used: boolean }[]>`
      SELECT EXISTS (SELECT FROM countersign.head) AS used`;
    return head?.used !== true;
  } catch (cause) {
    throw new CountersignError('broker_unavailable', 'The database did not answer at the start.', {
      cause,
    });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
