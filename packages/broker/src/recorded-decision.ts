/** An allowed decision as the ledger holds it, read back into the rights it was about. */
import {
  type Agent,
  type Connection,
  type Environment,
  nameKey,
  presentConnection,
} from '@countersign/authority';
import { fromInstant } from '@countersign/core';
import { decodeEntry } from '@countersign/ledger';
import { type CoveredRight, coveredBy, type ResourceRules } from '@countersign/policy';
import type { Deps } from './deps.ts';
import type { JournalEntry } from './ports.ts';

/** One connection and environment of an allowed decision. */
interface RecordedTarget {
  readonly agent: Agent;
  readonly connection: Connection;
  readonly environment: Environment;
  readonly rules: ResourceRules;
  readonly rights: readonly CoveredRight[];
  /** The provider's own ids that it was proven for; null: its provider says which they are, without being asked. */
  readonly providerIds: readonly string[] | null;
}

export interface RecordedDecision {
  readonly id: string;
  readonly index: number;
  readonly stage: string;
  readonly time: string;
  /** Milliseconds. */
  readonly at: number;
  readonly senderBound: boolean;
  /** Limited grants of which it spent a use. */
  readonly uses: readonly string[];
  /** Null where something that it was about is not there any more, or it cannot be read. */
  readonly targets: readonly RecordedTarget[] | null;
}

/** Null for what allowed nothing. */
export function readDecision(deps: Deps, entry: JournalEntry): RecordedDecision | null {
  let body: Members;
  try {
    body = membersOf(decodeEntry(entry.bytes).body);
  } catch {
    return null;
  }
  if (body['verdict'] !== 'allowed') return null;
  const bound = body['jkt'] ?? membersOf(body['token'])['jkt'] ?? null;
  return {
    id: entry.id,
    index: entry.index,
    time: entry.time,
    at: fromInstant(entry.time),
    stage: textOf(body['stage']),
    senderBound: bound !== null,
    uses: textsOf(body['uses']),
    targets: targetsOf(deps, body),
  };
}

type Members = Readonly<Record<string, unknown>>;

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textsOf(value: unknown): readonly string[] {
  return listOf(value).filter((each) => typeof each === 'string');
}

function targetsOf(deps: Deps, body: Members): readonly RecordedTarget[] | null {
  const { state } = deps.authority;
  const agent = state.agents.get(textOf(body['agent']));
  if (agent === undefined) return null;
  const found: RecordedTarget[] = [];
  for (const detail of detailsIn(body)) {
    const connection = presentConnection(
      state,
      state.names.get(nameKey('connection', textOf(detail['connection']))) ?? '',
    );
    const environment = state.environments.get(
      state.names.get(nameKey('environment', textOf(detail['environment']))) ?? '',
    );
    const rules = deps.rules.get(connection?.body.provider ?? '');
    if (connection === undefined || environment === undefined || rules === undefined) return null;
    const rights = rightsOf(deps, rules, detail, textsOf(body['grants']));
    if (rights === null) return null;
    const providerIds =
      body['provider_ids'] === undefined
        ? mappedOf(connection, environment, rules, rights)
        : textsOf(body['provider_ids']);
    found.push({ agent, connection, environment, rules, rights, providerIds });
  }
  return found;
}

/** A token for what is forwarded was for whatever its environment is mapped to. */
function mappedOf(
  { body }: Connection,
  { id }: Environment,
  rules: ResourceRules,
  rights: readonly CoveredRight[],
): readonly string[] | null {
  const isMinted = rights.some(
    ({ operation }) => rules.exchangeable(operation) || rules.runnable(operation),
  );
  return isMinted ? null : (body.mapping[id] ?? []);
}

/** A token's details; or what a lease or a run was for, each group of its rights. */
function detailsIn(body: Members): readonly Members[] {
  const { connection, environment } = body;
  return body['authorization_details'] === undefined
    ? listOf(body['rights']).map((group) => ({ ...membersOf(group), connection, environment }))
    : listOf(body['authorization_details']).map(membersOf);
}

/** Each right under the grant that covers it, with the effect it has by the catalogs of now. */
function rightsOf(
  deps: Deps,
  rules: ResourceRules,
  group: Members,
  named: readonly string[],
): readonly CoveredRight[] | null {
  const { state } = deps.authority;
  const own = textOf(group['grant']);
  const grants = (own === '' ? named : [own]).flatMap((id) => state.grants.get(id) ?? []);
  const rights: CoveredRight[] = [];
  for (const operation of textsOf(group['operations'])) {
    for (const resource of textsOf(group['resources'])) {
      const [right] = grants.flatMap(
        (grant) => coveredBy(state, rules, grant, { operation, resource }) ?? [],
      );
      if (right === undefined) return null;
      rights.push(right);
    }
  }
  return rights;
}
