/**
 * What a grant allows, read a second time from docs/reference/statements.md: own effects, own product of
 * operations and resources, own counting of signers. Knows the hand-written authority of `facts.ts` and nothing
 * of src.
 */
import type { AuthorityState } from '@countersign/authority';
import type { Question } from '../../src/index.ts';
import { NOW } from './facts.ts';

/** From the mildest to the worst. */
const EFFECTS = ['read', 'write', 'reveal', 'execute', 'delete', 'escalate'];

/** How bad an operation is on a resource, by all recorded catalogs and by what was signed. */
export function badness(
  state: AuthorityState,
  name: string,
  resource: string,
  environment: string,
  signed: string,
): number {
  let worst = EFFECTS.indexOf(signed);
  for (const catalog of state.catalogs.values()) {
    for (const rule of catalog.operations.find((op) => op.name === name)?.effects ?? []) {
      const elsewhere = rule.environment_class === 'production' && environment !== 'production-id';
      const part = rule.whole_resource === true && resource.includes('(');
      if (!elsewhere && !part) worst = Math.max(worst, EFFECTS.indexOf(rule.effect));
    }
  }
  return worst;
}

function isWithin(granted: string, asked: string): boolean {
  const [table, columns] = granted.split('(');
  const [askedTable, askedColumns] = asked.split('(');
  if (table !== askedTable) return false;
  if (columns === undefined) return true;
  const has = columns.replace(')', '').split(',');
  return (
    askedColumns
      ?.replace(')', '')
      .split(',')
      .every((column) => has.includes(column)) ?? false
  );
}

/** The mildest effect among what covers the right in its grant, as the oracle reads it. */
export function lawfulEffect(state: AuthorityState, right: Covering): string | undefined {
  const body = state.grants.get(right.grant)?.body;
  const found = (body?.permissions ?? [])
    .filter(({ resources }) => resources.some((granted) => isWithin(granted, right.resource)))
    .flatMap(({ operations }) => operations.filter(({ name }) => name === right.operation))
    .map(({ name, effect }) =>
      badness(state, name, right.resource, body?.environment ?? '', effect),
    );
  return EFFECTS[Math.min(...found)];
}

interface Covering {
  readonly operation: string;
  readonly resource: string;
  readonly grant: string;
}

/** Why this right is not lawfully covered by the grant it names; null when it is. */
export function objection(
  state: AuthorityState,
  asked: Question,
  uses: ReadonlyMap<string, number>,
  right: Covering,
): string | null {
  const grant = state.grants.get(right.grant);
  if (grant === undefined) return 'no such grant';
  const { body } = grant;
  if (body.agent !== asked.agent) return 'another agent';
  if (body.connection !== `${asked.connection}-id`) return 'another connection';
  if (body.environment !== `${asked.environment}-id`) return 'another environment';
  if (asked.grants !== null && !asked.grants.includes(grant.id)) return 'not in the token';
  if (grant.revokedAt !== null) return 'revoked';
  if (NOW < grant.from || NOW >= grant.until) return 'not now';
  if (body.max_uses !== null && (uses.get(grant.id) ?? 0) >= body.max_uses) return 'used up';

  const product = body.permissions.flatMap((permission) =>
    permission.operations.flatMap((op) =>
      permission.resources.map((resource) => ({ op, resource })),
    ),
  );
  const covering = product.filter(
    ({ op, resource }) => op.name === right.operation && isWithin(resource, right.resource),
  );
  if (covering.length === 0) return 'not in the product';

  const worst = Math.max(
    ...product.map(({ op, resource }) =>
      badness(state, op.name, resource, body.environment, op.effect),
    ),
  );
  if (worst <= 1) return null;
  const signers = new Set(state.statements.get(grant.id)?.signatures.map(({ human }) => human));
  signers.delete('gone');
  if (signers.size < 2 || !signers.has('alice')) return 'not two humans who may sign now';
  if (body.pins?.agent_credentials.join() !== 'registered-key') return 'pins';
  if (body.sender === null) return 'no sender';
  const month = (worst === 2 || worst === 3) && body.environment !== 'production-id';
  if (!month && body.max_uses === null) return 'unlimited';
  return body.valid_for > (month ? 30 : 1) * 86_400 ? 'too long' : null;
}
