/** PostgreSQL as a provider: leases are login roles that PostgreSQL itself narrows to what was granted. */
import type { Clock, Random } from '@countersign/core';
import {
  type Provider,
  type ProviderConnection,
  ProviderError,
  sanitizeErrors,
  withDeadline,
} from '@countersign/provider-kit';
import { assessDeletion, takesMore } from './assess.ts';
import { catalog, SCHEMA_OPERATIONS, tableOperation } from './catalog.ts';
import { checkTarget } from './check.ts';
import { describeConfig, parseConfig } from './config.ts';
import { openTarget, type Target, Targets } from './connect.ts';
import { issueLease, LONGEST_LIFETIME } from './lease-role.ts';
import { leaseRole } from './names.ts';
import { leasesInUse, reapLeases } from './reap.ts';
import { resolveConfig } from './resolve.ts';
import { canonicalResource, covers, formatResource, parsePattern, wholeOf } from './resource.ts';
import { revokeLease } from './revoke.ts';
import { dryRun, LONGEST_RUN, outcomeOf, run } from './runner.ts';
import { sameTarget } from './same-target.ts';

export interface PostgresProviderPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** `pg_control_system().system_identifier` of Countersign's own database, which is never a target. */
  readonly brokerSystemIdentifier: () => Promise<string>;
}

/** Milliseconds. A reap takes as long as there is to reap. */
const DEADLINES = {
  expand: 15_000,
  resolveConfig: 15_000,
  check: 15_000,
  sameTarget: 15_000,
  issue: 45_000,
  revoke: 60_000,
  inUse: 15_000,
  dryRun: 90_000,
  // A script has its own limit; then its login, its session and two looks at the catalogs.
  run: (LONGEST_RUN + 60) * 1000,
  outcome: 15_000,
  assess: 20_000,
} as const;

export function createPostgresProvider(ports: PostgresProviderPorts): Provider {
  const targets = new Targets(ports.random);
  const target = ({ id, config, credential }: ProviderConnection): Target =>
    targets.of(id, parseConfig(config), credential);
  return withDeadline(
    sanitizeErrors({
      name: 'postgres',
      catalog,
      canonicalResource,
      covers,
      wholeOf,
      expand: (connection, operation, pattern) =>
        expand(() => target(connection), operation, pattern),
      resolveConfig: (config, credential) =>
        resolveConfig(
          config,
          credential,
          (draft, secret) => openTarget(draft, secret, ports.random),
          ports.brokerSystemIdentifier,
        ),
      describeConfig: (config) => describeConfig(parseConfig(config)),
      // Law 2: a connection is one database, so whatever is used on it touches that database.
      environmentIds: (config) => idsOf(config),
      check: async (connection) => checkTarget(target(connection)),
      sameTarget: async (a, b) => sameTarget(target(a), target(b)),
      issuer: {
        revocation: 'immediate',
        shortestLifetime: 1,
        longestLifetime: LONGEST_LIFETIME,
        issue: async (connection, order) =>
          issueLease(target(connection), connection.brokerTag, order, ports),
        revoke: async (connection, leaseId) =>
          revokeLease(target(connection), leaseRole(connection.brokerTag, leaseId)),
        reap: async (connection, live) =>
          reapLeases(target(connection), connection.brokerTag, live, ports.clock),
        inUse: async (connection) => leasesInUse(target(connection), connection.brokerTag),
      },
      runner: {
        operations: SCHEMA_OPERATIONS,
        longestRun: LONGEST_RUN,
        dryRun: async (connection, order) =>
          dryRun(target(connection), connection.brokerTag, order, ports),
        run: async (connection, order) =>
          run(target(connection), connection.brokerTag, order, ports),
        outcome: async (connection, mark) => outcomeOf(target(connection), mark),
      },
      assessor: {
        assesses: takesMore,
        assess: async (connection, deletion) =>
          assessDeletion(target(connection), parseConfig(connection.config), deletion, ports.clock),
      },
      close: () => targets.close(),
    }),
    DEADLINES,
  );
}

/** Every decision asks, and what humans signed does not change: each signed configuration is read once. */
const idsOf = (() => {
  const known = new WeakMap<object, readonly string[]>();
  return (config: Readonly<Record<string, unknown>>): readonly string[] => {
    const ids = known.get(config) ?? describeConfig(parseConfig(config)).ids;
    known.set(config, ids);
    return ids;
  };
})();

/** `schema.*` stands for the ordinary tables there now; a plain resource for itself, unasked. */
async function expand(
  target: () => Target,
  operation: string,
  pattern: string,
): Promise<readonly string[]> {
  const plain = canonicalResource(operation, pattern);
  if (plain !== null) return [plain];
  const schema = parsePattern(pattern);
  if (schema === null || tableOperation(operation) === null) {
    throw new ProviderError(
      'refused',
      'This is neither a table, nor columns of one, nor schema.*, nor a schema for what is done to schemas.',
    );
  }
  const tables = await target().transaction(
    (tx) => tx<{ name: string }[]>`
      SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ${schema}::text AND c.relkind IN ('r', 'p')
      ORDER BY c.relname`,
  );
  return tables.map(({ name }) => formatResource({ schema, table: name, columns: null }));
}
