/**
 * The end of a root credential that was replaced, or proposed and never signed by enough. It is destroyed once no lease
 * needs it; any replica may run this any number of times: what is done is found done.
 */
import {
  type AuthorityState,
  type Connection,
  isOvertaken,
  type StatementRecord,
} from '@countersign/authority';
import { fromInstant, uuidv7 } from '@countersign/core';
import type { Deps } from './deps.ts';
import { elsewhereUnder, formerOf, needs } from './former-connections.ts';
import { entryIntent } from './intents.ts';
import { reapStraysOf } from './revoke.ts';

/** Milliseconds until what is not done is looked at again. */
const RETRY_AFTER = 5_000;
/** Milliseconds after its `sign_by` for which no clock of any server lets a statement be signed. */
const LAPSED_FOR = 60_000;

export interface Retirements {
  /** Destroys root credentials that nothing needs any more. Rejects when one failed. */
  finish(): Promise<void>;
}

export function createRetirements(deps: Deps): Retirements {
  /** What this replica found done; another start looks again. */
  const done = new Set<string>();
  const retryAt = new Map<string, number>();

  async function attempt({ statement, connection }: Retired): Promise<void> {
    if (!(await deps.sealed.holds(statement))) {
      done.add(statement);
      retryAt.delete(statement);
      return;
    }
    try {
      if (await isNeeded(deps, connection, statement)) return;
      // The one replica whose commit finds the credential destroys it, and says so in the ledger.
      const body = { connection: connection?.id ?? null, credential: statement };
      await deps.journal.commit([
        {
          ...entryIntent(uuidv7(deps.clock, deps.random), 'credential.destroyed', body),
          effects: [{ kind: 'destroy-credential', statement }],
        },
      ]);
    } finally {
      retryAt.set(statement, performance.now() + RETRY_AFTER);
    }
  }

  return {
    async finish() {
      const due = retired(deps).filter(
        ({ statement }) =>
          !done.has(statement) && performance.now() >= (retryAt.get(statement) ?? 0),
      );
      const attempts = await Promise.allSettled(due.map(attempt));
      for (const tried of attempts) if (tried.status === 'rejected') throw tried.reason;
    },
  };
}

interface Retired {
  /** The statement it is kept for. */
  readonly statement: string;
  /** Whose it was; null where it never took effect. */
  readonly connection: Connection | null;
}

function retired(deps: Deps): Retired[] {
  const { connections, statements } = deps.authority.state;
  const replaced = [...connections.values()].flatMap((connection) =>
    formerCredentials(connection).map((statement) => ({ statement, connection })),
  );
  const now = deps.clock.now();
  const unsigned = [...statements.values()].flatMap((record) =>
    isNeverSigned(deps.authority.state, record, now)
      ? [{ statement: record.decoded.statement.id, connection: null }]
      : [],
  );
  return [...replaced, ...unsigned];
}

/** A proposal that can take no effect any more: too late, or what it would change has changed. */
function isNeverSigned(state: AuthorityState, record: StatementRecord, now: number): boolean {
  const { kind, sign_by } = record.decoded.statement;
  if (kind !== 'connection.set' || record.status !== 'pending') return false;
  return now > fromInstant(sign_by) + LAPSED_FOR || isOvertaken(state, record);
}

/** Statements whose credential was the connection's, and is no more. */
function formerCredentials(connection: Connection): string[] {
  const before = new Set(formerOf(connection).map(({ setBy }) => setBy));
  before.delete(connection.setBy);
  return [...before];
}

/** Law 4: no lease was committed under it since it was replaced, so that none left is none to come. */
async function isNeeded(
  deps: Deps,
  connection: Connection | null,
  statement: string,
): Promise<boolean> {
  if (connection === null) return false;
  const live = await deps.leases.live(connection.id);
  if (live.some((lease) => needs(connection, lease, statement))) return true;
  for (const elsewhere of elsewhereUnder(connection, statement)) {
    if (!(await reapStraysOf(deps, elsewhere))) return true;
  }
  return false;
}

/** How many replaced credentials of a connection are still kept. */
export async function keptCredentials(deps: Deps, connection: Connection): Promise<number> {
  const kept = await Promise.all(formerCredentials(connection).map((id) => deps.sealed.holds(id)));
  return kept.filter((holds) => holds).length;
}
