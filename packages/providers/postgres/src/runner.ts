/** `Runner`: a script tried, run once, and afterwards asked about by its transaction's number. */
import type { Clock, Random } from '@countersign/core';
import {
  type Assessment,
  type DryRun,
  type DryRunOrder,
  ProviderError,
  type Ran,
  type RunOrder,
  type RunOutcome,
} from '@countersign/provider-kit';
import { type CatalogChanges, operationsFor, summaryOf } from './catalog-changes.ts';
import type { Target } from './connect.ts';
import { dryRunRole, leaseRole } from './names.ts';
import { makeOwnerLogin, type OwnerLogin } from './owner-login.ts';
import { revokeLease } from './revoke.ts';
import { executeScript, requireScript } from './script.ts';

interface Ports {
  readonly clock: Clock;
  readonly random: Random;
}

/** Seconds. */
export const LONGEST_RUN = 240;
/** Milliseconds: a dry run holds the locks of the real one, so it is short. */
const DRY_RUN_LIMIT = 10_000;
/** Milliseconds after which the login of a dry run was left by a crash. */
export const DRY_RUN_ENDS = 120_000;
/** Bytes of names in an assessment: with the SQL it has to fit into a statement. */
const NAMES_BUDGET = 5_000;

export async function dryRun(
  target: Target,
  brokerTag: string,
  { script, resource, id, requireStart }: DryRunOrder,
  { clock, random }: Ports,
): Promise<DryRun> {
  requireScript(script);
  const role = dryRunRole(brokerTag, id);
  const order = { resource, signed: true, expiresAt: clock.now() + DRY_RUN_ENDS, requireStart };
  const login = await makeOwnerLogin(target, role, order, random);
  try {
    const { owner } = login;
    const tried = await executeScript(
      target.config,
      { role, password: login.password },
      { text: script, owner, limit: DRY_RUN_LIMIT, requireStart: () => {} },
      async () => false,
      random,
    );
    if (tried.failure !== null) return { ok: false, failure: tried.failure };
    return { ok: true, assessment: assessmentOf(resource, login, tried.executed.changes) };
  } finally {
    await revokeLease(target, role);
  }
}

export async function run(
  target: Target,
  brokerTag: string,
  order: RunOrder,
  { clock, random }: Ports,
): Promise<Ran> {
  requireScript(order.script);
  const role = leaseRole(brokerTag, order.leaseId);
  const limit = Math.min(order.expiresAt - clock.now(), LONGEST_RUN * 1000);
  if (!(limit > 0)) throw new ProviderError('refused', 'A run must end in the future.');
  const { owner, password } = await makeOwnerLogin(target, role, order, random);
  let missing: readonly string[] = [];
  const result = await executeScript(
    target.config,
    { role, password },
    { text: order.script, owner, limit, requireStart: order.requireStart },
    async ({ xid, changes }) => {
      missing = operationsFor(changes).filter((each) => !order.operations.includes(each));
      if (missing.length > 0) return false;
      await order.beforeCommit(xid, summaryOf(changes));
      return true;
    },
    random,
  );
  if (result.failure !== null) return { outcome: 'failed', failure: result.failure };
  if (!result.committed) return { outcome: 'exceeded', operations: missing };
  return { outcome: 'committed', changes: summaryOf(result.executed.changes) };
}

/** Asked after the lease was revoked, so nothing of it is under way any more. */
export async function outcomeOf(target: Target, xid: string): Promise<RunOutcome> {
  if (!/^[1-9][0-9]{0,19}$/.test(xid)) return 'unknown';
  const [row] = await target.transaction(
    (tx) => tx<{ status: string | null }[]>`SELECT pg_xact_status(${xid}::text::xid8) AS status`,
  );
  if (row?.status === 'committed') return 'committed';
  if (row?.status === 'aborted') return 'rolled_back';
  if (row?.status === 'in progress') {
    throw new ProviderError('unavailable', 'The transaction of this run has not ended yet.');
  }
  return 'unknown';
}

function assessmentOf(
  resource: string,
  { owner, reached }: OwnerLogin,
  changes: CatalogChanges,
): Assessment {
  let left = NAMES_BUDGET;
  let omitted = 0;
  const within = <T>(list: readonly T[]): T[] =>
    list.filter((item) => {
      left -= Buffer.byteLength(JSON.stringify(item)) + 1;
      if (left < 0) omitted += 1;
      return left >= 0;
    });
  // What is lost first: it is the last to be left out.
  const dropped = within(changes.dropped);
  const emptied = within(changes.emptied);
  const rows = within(changes.rows);
  const altered = within(changes.altered);
  const created = within(changes.created);
  const rewritten = within(changes.rewritten);
  return {
    kind: 'dry-run',
    v: 1,
    body: {
      server: `PostgreSQL ${Math.floor(reached.version / 10_000)}`,
      schema: resource,
      owner: owner.name,
      dropped,
      emptied,
      rows,
      altered,
      created,
      rewritten,
      omitted,
    },
  };
}
