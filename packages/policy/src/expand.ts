/** Turns what was left out of a question into rights: what is granted, never what is delete-capable. */
import { effectOfRight } from '@countersign/authority';
import { isDeleteCapable } from '@countersign/core';
import type { Candidate } from './coverage.ts';
import {
  ANY_RESOURCE,
  type Ask,
  type Facts,
  type Question,
  type ResourceRules,
  type Right,
} from './facts.ts';

/** Why a question could not be read. */
export interface Unreadable {
  readonly code: 'unknown_operation' | 'unparseable_request';
  readonly text: string;
}

/** The rights a question asks for: the union of what its asks do. */
export function rightsAsked(
  facts: Facts,
  rules: ResourceRules,
  candidates: readonly Candidate[],
  { asks, sender, use }: Pick<Question, 'asks' | 'sender' | 'use'>,
): readonly Right[] | Unreadable {
  const rights: Right[] = [];
  for (const ask of asks) {
    const found = rightsOf(facts, rules, candidates, ask, { sender, use });
    if ('code' in found) return found;
    rights.push(...found);
  }
  return distinct(rights);
}

/**
 * The rights one ask stands for: the full product of operations × resources. An operation that was
 * not named is never delete-capable here; it has to be asked for by name.
 */
function rightsOf(
  facts: Facts,
  rules: ResourceRules,
  candidates: readonly Candidate[],
  ask: Ask,
  { sender, use }: Pick<Question, 'sender' | 'use'>,
): readonly Right[] | Unreadable {
  if (ask.operations !== null && ask.resources !== null) {
    const rights: Right[] = [];
    for (const operation of ask.operations) {
      for (const asked of ask.resources) {
        const resource = rules.canonical(operation, asked);
        if (resource === null || resource === ANY_RESOURCE) {
          return {
            code: 'unparseable_request',
            text: `${asked} is not a resource of ${operation}.`,
          };
        }
        rights.push({ operation, resource });
      }
    }
    return distinct(rights);
  }
  const rights: Right[] = [];
  for (const { grant, status } of candidates) {
    if (status !== 'active') continue;
    // What is bound to a key that was not shown has to be asked for by name.
    const bound = grant.body.sender !== null && grant.body.sender !== sender;
    if (ask.operations === null && bound) continue;
    for (const permission of grant.body.permissions) {
      for (const operation of permission.operations) {
        if (ask.operations !== null && !ask.operations.includes(operation.name)) continue;
        if (ask.operations === null && !isMeant(rules, operation.name, use)) continue;
        for (const resource of permission.resources) {
          if (ask.operations === null) {
            const effect = effectOfRight(
              facts.authority,
              grant.body.environment,
              operation,
              resource,
            );
            if (effect === null || isDeleteCapable(effect)) continue;
          }
          rights.push({ operation: operation.name, resource });
        }
      }
    }
  }
  if (ask.resources === null) return distinct(rights);
  return distinct(narrow(rules, rights, ask.resources));
}

/** What is run is always asked for by name. */
function isMeant(rules: ResourceRules, operation: string, use: Question['use']): boolean {
  return rules.exchangeable(operation) || (use === 'either' && rules.forwardable(operation));
}

/** Resources named, operations left out: every granted operation that covers each of them. */
function narrow(
  rules: ResourceRules,
  rights: readonly Right[],
  resources: readonly string[],
): Right[] {
  const near = new Map<string, Right[]>();
  for (const right of rights) {
    const key = `${right.operation} ${rules.whole(right.resource)}`;
    near.set(key, [...(near.get(key) ?? []), right]);
  }
  const operations = [...new Set(rights.map((right) => right.operation))];
  return resources.flatMap((asked) =>
    operations.flatMap((operation) => {
      const resource = rules.canonical(operation, asked);
      if (resource === null) return [];
      const covered = (near.get(`${operation} ${rules.whole(resource)}`) ?? []).some((right) =>
        rules.covers(operation, right.resource, resource),
      );
      return covered ? [{ operation, resource }] : [];
    }),
  );
}

function distinct(rights: readonly Right[]): Right[] {
  const seen = new Map(rights.map((right) => [`${right.operation} ${right.resource}`, right]));
  return [...seen.values()].sort(
    (a, b) => compare(a.operation, b.operation) || compare(a.resource, b.resource),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
