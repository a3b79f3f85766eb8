/**
 * What a grant depends on, for whoever relies on it: each line is one thing that would end it. A delete-capable
 * grant is judged again at every look (Law 1), so the list is as of now.
 */
import {
  type AuthorityState,
  type CountedSignature,
  isDeleteCapableGrant,
  progressOf,
  requirementOf,
  type StatementRecord,
} from '@countersign/authority';
import type { StatementOf } from '@countersign/contract';

type Grant = StatementOf<'grant.create'>;

export function dependenciesOf(
  state: AuthorityState,
  grant: Grant,
  { signatures }: Pick<StatementRecord, 'signatures'>,
): string[] {
  const { body } = grant;
  const connection = state.connections.get(body.connection)?.name ?? body.connection;
  const environment = state.environments.get(body.environment)?.name ?? body.environment;
  const agent = state.agents.get(body.agent)?.name ?? body.agent;
  const always = [`agent ${agent} disabled`, `connection ${connection} removed`];
  const moved = `what ${connection} maps into ${environment} mapped elsewhere`;
  if (!isDeleteCapableGrant(state, body)) {
    const operations = body.permissions.flatMap((permission) => permission.operations);
    const names = [...new Set(operations.map(({ name }) => name))].join(' or ');
    return [...always, moved, `${names} counted as delete-capable from then on`];
  }
  const progress = progressOf(state, requirementOf(state, grant), signatures);
  return [
    ...(progress.met ? neededSigners(state, grant, signatures) : []),
    `a rule of ${environment} that its ${progress.have} signatures do not meet`,
    `another credential of ${agent}`,
    `another endpoint, account or configuration of ${connection}`,
    moved,
    'an operation of it counted as something that stands for less long, or is used less often',
    ...always,
  ];
}

/** Humans without whom the signatures would not be enough. */
function neededSigners(
  state: AuthorityState,
  grant: Grant,
  signatures: readonly CountedSignature[],
): string[] {
  const requirement = requirementOf(state, grant);
  const humans = [...new Set(signatures.map(({ human }) => human))];
  return humans.flatMap((human) => {
    const rest = signatures.filter((signature) => signature.human !== human);
    if (progressOf(state, requirement, rest).met) return [];
    const name = state.humans.get(human)?.name ?? human;
    const groups = requirement.groups.filter((group) =>
      state.humans.get(human)?.groups.includes(group),
    );
    const roles = [...requirement.among, ...groups.map((group) => `group ${group}`)].join(', ');
    return [`${name} removed or frozen, their key revoked, or no more ${roles}`];
  });
}
