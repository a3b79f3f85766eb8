/**
 * The Cedar schema that guardrails are checked against: what a policy may look at, and what it is called.
 * `docs/reference/guardrails.md` explains each attribute; `guardrail-request.ts` fills them in.
 */
import { type Catalog, EFFECTS, isOperation, providerOf } from '@countersign/core';

const ENTITIES = `
entity Effect enum [${EFFECTS.map((effect) => JSON.stringify(effect)).join(', ')}];

entity Agent = {
  name: String,
  auth: String,
};

entity Connection = {
  name: String,
  provider: String,
};

entity Environment = {
  name: String,
  class: String,
};

entity Resource in [Resource, Connection, Environment] = {
  id: String,
  whole: String,
  provider: String,
  connection: Connection,
  environment: Environment,
  provider_ids: Set<String>,
};

type Grant = {
  id: String,
  reason: String,
  ticket?: String,
  ttl: Long,
  uses?: Long,
  max_uses?: Long,
  sql: Bool,
};

type Request = {
  time: datetime,
  hour: Long,
  weekday: Long,
  effect: Effect,
  delete_capable: Bool,
  sender_bound: Bool,
  rights: Long,
  grant: Grant,
};
`;

/** In Cedar's own syntax: every operation of these catalogs is an action, in the group of its provider. */
export function guardrailSchema(catalogs: Iterable<Catalog>): string {
  const byProvider = new Map<string, Set<string>>();
  for (const { operations } of catalogs) {
    for (const { name } of operations) {
      // Nothing else is ever asked for, and it needs no escapes.
      if (!isOperation(name)) continue;
      const known = byProvider.get(providerOf(name)) ?? new Set();
      byProvider.set(providerOf(name), known.add(name));
    }
  }
  const actions = [...byProvider].sort().flatMap(([provider, operations]) => [
    `action ${JSON.stringify(provider)};`,
    `action ${[...operations]
      .sort()
      .map((name) => JSON.stringify(name))
      .join(', ')}`,
    `  in [Action::${JSON.stringify(provider)}]`,
    '  appliesTo { principal: Agent, resource: Resource, context: Request };',
  ]);
  return `${ENTITIES}\n${actions.join('\n')}\n`;
}
