/** What an admin's configuration lacks is asked of the server once, and signed from then on. */
import type { Secret } from '@countersign/core';
import { ProviderError, type ResolvedConfig } from '@countersign/provider-kit';
import { describeConfig, parseDraft } from './config.ts';
import { MEMBERSHIP_OPTIONS, type Reached, type Target } from './connect.ts';

/**
 * Connects (so authentication was SCRAM, over verified TLS where it leaves the machine), pins the
 * system identifier and refuses what could never work or must never be a target.
 * @throws ProviderError with words for the admin
 */
export async function resolveConfig(
  config: Readonly<Record<string, unknown>>,
  credential: Secret,
  open: (config: ReturnType<typeof parseDraft>, credential: Secret) => Target,
  brokerSystemIdentifier: () => Promise<string>,
): Promise<ResolvedConfig> {
  const draft = parseDraft(config);
  const target = open(draft, credential);
  try {
    const reached = await target.transaction(async (_, answer) => answer);
    await requireForeign(reached, brokerSystemIdentifier);
    requireRoleRights(reached, draft.username);
    return describeConfig({ ...draft, system_identifier: reached.systemIdentifier });
  } finally {
    await target.close();
  }
}

/** Whoever can write there can write the ledger, so no grant may ever point there. */
async function requireForeign(
  reached: Reached,
  brokerSystemIdentifier: () => Promise<string>,
): Promise<void> {
  let own: string;
  try {
    own = await brokerSystemIdentifier();
  } catch {
    throw new ProviderError('unavailable', "Countersign's own database does not say which it is.");
  }
  if (own !== reached.systemIdentifier) return;
  throw new ProviderError(
    'misconfigured',
    "This is Countersign's own database cluster (or a physical copy of it), which cannot be a target.",
  );
}

/** What minting and revoking need of the account itself, whatever the tables are. */
export function requireRoleRights(reached: Reached, username: string): void {
  const account = `"${username.replaceAll('"', '""')}"`;
  if (!reached.superuser && !reached.mayCreateRoles) {
    throw new ProviderError(
      'misconfigured',
      `The role of this connection may not create roles. As a superuser: ALTER ROLE ${account} CREATEROLE;`,
    );
  }
  if (!reached.superuser && !reached.inherits && reached.version < MEMBERSHIP_OPTIONS) {
    throw new ProviderError(
      'misconfigured',
      `Before PostgreSQL 16 the role of a connection must inherit, to end the sessions of its leases. As a superuser: ALTER ROLE ${account} INHERIT;`,
    );
  }
}
