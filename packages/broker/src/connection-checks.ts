/** What was last found when a connection was looked at, so that not everyone who asks makes a provider look. */
import { type Connection, escapesAccepted } from '@countersign/authority';
import type { ConnectionCheckView } from '@countersign/contract';
import { openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';
import { escapeViews } from './escapes.ts';

interface Check {
  /** Milliseconds. */
  readonly at: number;
  readonly view: ConnectionCheckView;
}

/** Remembered by this server alone, until it stops. */
export interface ConnectionChecks {
  note(connection: Connection, check: Check): void;
  /** Null when it was not looked at since it is as it is. */
  last(connection: Connection): Check | null;
}

export function createConnectionChecks(): ConnectionChecks {
  const checks = new Map<string, Check & { readonly setBy: string }>();
  return {
    note({ id, setBy }, check) {
      checks.set(id, { ...check, setBy });
    },
    last({ id, setBy }) {
      const check = checks.get(id);
      return check?.setBy === setBy ? check : null;
    },
  };
}

/** @throws CountersignError, ProviderError when it cannot be looked at */
export async function checkConnection(
  deps: Deps,
  connection: Connection,
): Promise<ConnectionCheckView> {
  const { provider, opened } = await openConnection(deps, connection);
  const { ok, findings, escapes } = await provider.check(opened);
  const view = {
    ok,
    findings: findings.map((finding) => ({ ...finding })),
    escapes: escapeViews(escapes, escapesAccepted(deps.authority.state, connection.id)),
  };
  deps.checks.note(connection, { at: deps.clock.now(), view });
  return view;
}
