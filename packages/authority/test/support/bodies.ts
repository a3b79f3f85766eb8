/** Statement bodies with everything in them, for tests to change what they are about. */
import type { Catalog } from '@countersign/core';
import type { AuthorityState } from '../../src/index.ts';
import { canonicalText, keyOf, sha256, type TestKey } from './device-keys.ts';

export type Body = Record<string, unknown>;

/** A provider of tests: one operation of each effect, and one whose effect depends on where and what. */
export const CATALOG: Catalog = {
  provider: 'db',
  operations: [
    {
      name: 'db:dump',
      summary: 'Reads secrets',
      effects: [{ effect: 'reveal' }],
      exchangeable: true,
    },
    { name: 'db:drop', summary: 'Drops it', effects: [{ effect: 'delete' }], exchangeable: true },
    { name: 'db:run', summary: 'Runs code', effects: [{ effect: 'execute' }], exchangeable: true },
    { name: 'db:select', summary: 'Reads', effects: [{ effect: 'read' }], exchangeable: true },
    { name: 'db:share', summary: 'Shares', effects: [{ effect: 'escalate' }], exchangeable: true },
    {
      name: 'db:update',
      summary: 'Overwrites',
      effects: [
        { effect: 'write' },
        { effect: 'delete', environment_class: 'production', whole_resource: true },
      ],
      exchangeable: true,
    },
    {
      name: 'db:vacuum',
      summary: 'Only known in production',
      effects: [{ effect: 'write', environment_class: 'production' }],
      exchangeable: false,
    },
  ],
};

/** The catalog with other effects for one operation. */
export function withEffects(
  name: string,
  effects: Catalog['operations'][number]['effects'],
): Catalog {
  return {
    ...CATALOG,
    operations: CATALOG.operations.map((op) => (op.name === name ? { ...op, effects } : op)),
  };
}

export function digestOfCatalog(catalog: Catalog): string {
  return sha256(canonicalText(catalog));
}

/** The key that a human's first recovery code stands for. */
export function codeOf(name: string): TestKey {
  return keyOf(`recovery code of ${name}`);
}

/** A recovery by the first code; the next code is `next`'s. */
export function recoverBody(human: string, key: TestKey, code: TestKey, next: TestKey): Body {
  return {
    human,
    key: key.jwk,
    key_type: 'passphrase',
    fingerprint: key.kid,
    recovery_key: code.jwk,
    recovery: next.kid,
    rp: null,
    reason: 'laptop lost',
  };
}

/** What an enrolled human shall be from now on, under a key they have. */
export function changeBody(
  human: { readonly id: string; readonly name: string; readonly key: TestKey },
  sponsor: string,
  roles: readonly string[],
  groups: readonly string[] = [],
): Body {
  const body = enrollBody(human.name, human.key, sponsor, [...roles]);
  return { ...body, human: human.id, groups, recovery: null };
}

export function genesisBody(name: string, key: TestKey, ledger: TestKey): Body {
  return {
    name,
    key: key.jwk,
    key_type: 'passphrase',
    recovery: codeOf(name).kid,
    rp: null,
    ledger_key: ledger.jwk,
    identity_provider: null,
  };
}

export function enrollBody(name: string, key: TestKey, sponsor: string, roles: string[]): Body {
  return {
    human: null,
    name,
    key: key.jwk,
    key_type: 'passphrase',
    fingerprint: key.kid,
    roles,
    groups: [],
    sponsor,
    recovery: codeOf(name).kid,
    rp: null,
    subject: null,
  };
}

export function environmentBody(name: string, environmentClass: string): Body {
  return {
    environment: null,
    name,
    class: environmentClass,
    quorum: 2,
    groups: [],
    user_verified: 0,
    cool_off: 0,
    require_dpop: false,
  };
}

export function agentBody(name: string, ...keys: readonly { readonly jwk: unknown }[]): Body {
  return {
    name,
    auth: { method: 'private_key_jwt', jwks: { keys: keys.map((key) => key.jwk) } },
    require_dpop: false,
  };
}

export function connectionBody(name: string, mapping: Record<string, readonly string[]>): Body {
  return {
    connection: null,
    name,
    provider: 'db',
    endpoint: `${name}.example:5432`,
    account: 'broker',
    config: { tls: 'verify-full' },
    mapping,
    credential: sha256('salt and credential'),
  };
}

/** What a delete-capable grant pins, computed as docs/reference/statements.md words it: all but other environments. */
export function pinsFor(
  state: AuthorityState,
  agent: string,
  connection: string,
  environment: string,
): { agent_credentials: readonly string[]; connection: string } {
  const body = state.connections.get(connection)?.body;
  const pinned = {
    connection,
    provider: body?.provider ?? null,
    endpoint: body?.endpoint ?? null,
    account: body?.account ?? null,
    config: body?.config ?? null,
    mapping: body?.mapping[environment] ?? [],
  };
  return {
    agent_credentials: state.agents.get(agent)?.credentials ?? [],
    connection: sha256(canonicalText(pinned)),
  };
}

export function permission(
  operations: Readonly<Record<string, string>>,
  resources: readonly string[],
  catalog: Catalog = CATALOG,
): Body {
  return {
    catalog: digestOfCatalog(catalog),
    operations: Object.entries(operations)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, effect]) => ({ name, effect })),
    resources: [...resources].sort(),
  };
}

/** A grant body of what is read or written, with neither pins nor sender. */
export function grantBody(
  on: { readonly agent: string; readonly connection: string; readonly environment: string },
  permissions: readonly Body[],
): Body {
  return {
    agent: on.agent,
    connection: on.connection,
    environment: on.environment,
    permissions,
    ttl: 900,
    valid_for: 3600,
    max_uses: null,
    pins: null,
    sender: null,
    sql: null,
    assessment: null,
    request: null,
    reason: 'nightly report',
  };
}
