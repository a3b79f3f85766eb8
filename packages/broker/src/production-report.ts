/**
 * Who can delete production now, and on whose signatures: every delete-capable grant there that would hold at
 * this moment, by the same judgement that a decision makes, and everyone whose signature the next one could have.
 */
import { setImmediate as turn } from 'node:timers/promises';
import {
  type AuthorityState,
  type CountedSignature,
  countingHuman,
  type Environment,
  isDeleteCapableGrant,
  progressOf,
  quorumOf,
} from '@countersign/authority';
import type { ProductionReport } from '@countersign/contract';
import { fromInstant } from '@countersign/core';
import type { Deps } from './deps.ts';
import { grantReport } from './grant-report.ts';

/** Grants looked at before others have their turn. */
const AT_ONCE = 256;

export async function reportProduction(
  deps: Deps,
  from: number,
  agent: string | null,
): Promise<ProductionReport[]> {
  const { state } = deps.authority;
  const now = Math.max(deps.clock.now(), fromInstant(state.time));
  const environments = [...state.environments.values()].filter(
    ({ rule }) => rule.class === 'production',
  );
  const ids = await deleteCapable(state, new Set(environments.map(({ id }) => id)), now);
  const ofAgent = ids.filter((id) => {
    const statement = state.statements.get(id)?.decoded.statement;
    return agent === null || (statement?.kind === 'grant.create' && statement.body.agent === agent);
  });
  const [used, counts] = await Promise.all([deps.uses.used(ofAgent), deps.usage.of(ofAgent, from)]);
  const usedAt = new Map(counts.map(({ subject, lastAt }) => [subject, lastAt]));
  const reports = ofAgent.flatMap((id) => {
    const record = state.statements.get(id);
    return record === undefined ? [] : (grantReport(state, record, { used, usedAt }, now) ?? []);
  });
  return environments.map((environment) => {
    const grants = reports.filter((grant) => grant.environment === environment.name);
    return {
      environment: environment.name,
      quorum: environment.rule.quorum,
      groups: [...environment.rule.groups],
      user_verified: environment.rule.user_verified,
      cool_off: environment.rule.cool_off,
      grants: grants.filter(({ status }) => status === 'active'),
      coming: grants.filter(({ status }) => COMING.has(status)),
      ...nextSigners(state, environment),
    };
  });
}

const COMING: ReadonlySet<string> = new Set(['waiting', 'cooling_off', 'held']);

/** Ids of delete-capable grants in these environments that are not over, and of those that wait for signatures. */
async function deleteCapable(
  state: AuthorityState,
  environments: ReadonlySet<string>,
  now: number,
): Promise<string[]> {
  const found: string[] = [];
  let looked = 0;
  for (const { id, body, until, revokedAt } of [...state.grants.values()]) {
    if (revokedAt !== null || now >= until || !environments.has(body.environment)) continue;
    if (isDeleteCapableGrant(state, body)) found.push(id);
    looked += 1;
    if (looked % AT_ONCE === 0) await turn();
  }
  for (const id of state.unsettled.keys()) {
    const statement = state.statements.get(id)?.decoded.statement;
    if (statement?.kind !== 'grant.create' || !environments.has(statement.body.environment))
      continue;
    if (isDeleteCapableGrant(state, statement.body)) found.push(id);
  }
  return found;
}

/** Everyone who could sign, and what is lacking if all of them did. */
function nextSigners(
  state: AuthorityState,
  { rule }: Environment,
): Pick<ProductionReport, 'signers' | 'lacking'> {
  const requirement = quorumOf(rule);
  const signatures = [...state.keys.values()]
    .filter(({ kid, human }) => countingHuman(state, requirement, kid)?.id === human)
    // Of one human the last counts: where somebody has both, the user-verified key that they would use.
    .sort((a, b) => Number(a.type === 'user-verified') - Number(b.type === 'user-verified'))
    .map(({ kid, human }): CountedSignature => ({ kid, human, at: state.time, entry: state.size }));
  const { counted, missing } = progressOf(state, requirement, signatures);
  const signers = counted.flatMap((id) => {
    const human = state.humans.get(id);
    if (human === undefined) return [];
    const types = signatures.filter((each) => each.human === id).map(({ kid }) => kid);
    return {
      human: id,
      name: human.name,
      roles: [...human.roles],
      groups: [...human.groups],
      user_verified: types.some((kid) => state.keys.get(kid)?.type === 'user-verified'),
      vouched_by_one: human.vouchedByOne,
    };
  });
  return { signers, lacking: [...missing] };
}
