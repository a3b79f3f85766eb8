/**
 * Root credentials of connections that requests are forwarded on: opened once for each statement that set
 * one, kept in memory as a Secret, and dropped as soon as authority has dropped it.
 */
import { type Connection, presentConnection } from '@countersign/authority';
import type { Provider, ProviderConnection } from '@countersign/provider-kit';
import { openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';

interface Opened {
  readonly provider: Provider;
  readonly opened: ProviderConnection;
}

type Opening = Pick<Deps, 'authority' | 'providers' | 'sealed'>;

export interface OpenedConnections {
  /** @throws CountersignError `broker_unavailable` when it does not open or is not the one signed for */
  of(deps: Opening, connection: Connection): Promise<Opened>;
}

export function createOpenedConnections(): OpenedConnections {
  const kept = new Map<string, { readonly key: string; readonly opened: Promise<Opened> }>();

  function dropReplaced({ authority }: Opening): void {
    for (const [id, { key }] of kept) {
      const present = presentConnection(authority.state, id);
      if (present === undefined || keyOf(present) !== key) kept.delete(id);
    }
  }

  return {
    async of(deps, connection) {
      dropReplaced(deps);
      const key = keyOf(connection);
      let present = kept.get(connection.id);
      if (present?.key !== key) {
        present = { key, opened: openConnection(deps, connection) };
        kept.set(connection.id, present);
      }
      try {
        const { provider, opened } = await present.opened;
        return { provider, opened: { ...opened, config: connection.body.config } };
      } catch (error) {
        // What did not open may open again: a database that was away is no verdict on a credential.
        if (kept.get(connection.id) === present) kept.delete(connection.id);
        throw error;
      }
    },
  };
}

/** The statement that set the credential, and what it committed to. */
function keyOf({ setBy, body }: Connection): string {
  return `${setBy} ${body.credential}`;
}
