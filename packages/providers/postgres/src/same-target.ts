/** One database under two names (an alias, a loopback spelling) is told by the server that answers. */
import type { Target } from './connect.ts';

/**
 * True when both reach the same database of the same running server. A physical copy shares the system
 * identifier and is another server: it was started at another moment.
 */
export async function sameTarget(a: Target, b: Target): Promise<boolean> {
  if (a.config.database !== b.config.database) return false;
  const [one, other] = await Promise.all([instanceOf(a), instanceOf(b)]);
  return one === other;
}

async function instanceOf(target: Target): Promise<string> {
  const [row] = await target.transaction(
    (tx) => tx<{ instance: string }[]>`
      SELECT (SELECT system_identifier FROM pg_control_system())
        || '/' || extract(epoch FROM pg_postmaster_start_time()) AS instance`,
  );
  return row?.instance ?? '';
}
