/**
 * Emergency stops. A freeze takes effect on one human's word and each is an object of its own: its target
 * is frozen while any freeze on it stands. Lifting one takes two humans, or its author alone until another
 * human has seconded it by signing it too. Nothing here can lock a team out: frozen humans may still veto,
 * and their signatures still count where a freeze is lifted.
 */
import type { FreezeTarget, StatementOf } from '@countersign/contract';
import { type CountersignError, inputError } from '@countersign/core';
import {
  type AuthorityState,
  type CountedSignature,
  type Freeze,
  isPresent,
  presentConnection,
} from './state.ts';

function targetKey(target: FreezeTarget): string {
  return target.id === null ? target.kind : `${target.kind}/${target.id}`;
}

/** The freezes that stand on a target, oldest first. */
export function freezesOn(state: AuthorityState, target: FreezeTarget): Freeze[] {
  return (state.frozen.get(targetKey(target)) ?? []).flatMap((id) => {
    const freeze = state.freezes.get(id);
    return freeze === undefined ? [] : [freeze];
  });
}

/** Whether signatures by this key are suspended: it is frozen, or the human it belongs to is. */
export function isFrozenKey(state: AuthorityState, kid: string): boolean {
  const human = state.keys.get(kid)?.human;
  return (
    state.frozen.has(`key/${kid}`) || (human !== undefined && state.frozen.has(`human/${human}`))
  );
}

/** The first freeze that stops a use: everything, environment, connection, agent, in that order. */
export function haltOf(
  state: AuthorityState,
  use: {
    /** Ids; undefined where it names none that is known. */
    readonly environment: string | undefined;
    readonly connection: string | undefined;
    readonly agent: string;
  },
): Freeze | null {
  if (state.frozen.size === 0) return null;
  const targets: FreezeTarget[] = [{ kind: 'everything', id: null }];
  if (use.environment !== undefined) targets.push({ kind: 'environment', id: use.environment });
  if (use.connection !== undefined) targets.push({ kind: 'connection', id: use.connection });
  targets.push({ kind: 'agent', id: use.agent });
  for (const target of targets) {
    const [freeze] = freezesOn(state, target);
    if (freeze !== undefined) return freeze;
  }
  return null;
}

/** What is frozen, by name, as people say it. */
export function frozenTargetName(state: AuthorityState, target: FreezeTarget): string {
  switch (target.kind) {
    case 'everything':
      return 'everything';
    case 'environment':
      return `environment ${state.environments.get(target.id)?.name ?? target.id}`;
    case 'connection':
      return `connection ${state.connections.get(target.id)?.name ?? target.id}`;
    case 'agent':
      return `agent ${state.agents.get(target.id)?.name ?? target.id}`;
    case 'human':
      return `human ${state.humans.get(target.id)?.name ?? target.id}`;
    case 'key': {
      const owner = state.humans.get(state.keys.get(target.id)?.human ?? '');
      return `a key of ${owner?.name ?? 'nobody here'}`;
    }
  }
}

/** Why nothing could be frozen there; null where it can. */
export function freezeRefusal(
  state: AuthorityState,
  { target }: StatementOf<'freeze'>['body'],
): CountersignError | null {
  switch (target.kind) {
    case 'everything':
      return null;
    case 'environment':
      return state.environments.has(target.id)
        ? null
        : inputError('not_found', 'There is no such environment.');
    case 'connection':
      return presentConnection(state, target.id) === undefined
        ? inputError('not_found', 'There is no such connection.')
        : null;
    case 'agent': {
      const agent = state.agents.get(target.id);
      if (agent === undefined) return inputError('not_found', 'There is no such agent.');
      return agent.disabledAt === null
        ? null
        : inputError('conflict', `Agent ${agent.name} is disabled, for good.`);
    }
    case 'human':
      return isPresent(state.humans.get(target.id))
        ? null
        : inputError('not_found', 'There is no such enrolled human.');
    case 'key':
      return state.keys.get(target.id)?.revokedAt === null
        ? null
        : inputError('not_found', 'There is no such key, or it is revoked.');
  }
}

export function unfreezeRefusal(
  state: AuthorityState,
  { freeze }: StatementOf<'unfreeze'>['body'],
): CountersignError | null {
  const present = state.freezes.get(freeze);
  if (present === undefined) return inputError('not_found', 'There is no such freeze.');
  return present.liftedAt === null
    ? null
    : inputError('conflict', 'This freeze is lifted already.');
}

/** Why a signature on a completed freeze would second nothing; null where it would. */
export function secondingRefusal(state: AuthorityState, id: string): CountersignError | null {
  const freeze = state.freezes.get(id);
  if (freeze === undefined) return inputError('not_found', 'There is no such freeze.');
  if (freeze.liftedAt !== null) return inputError('conflict', 'This freeze is lifted already.');
  return freeze.secondedBy === null
    ? null
    : inputError('conflict', 'Another human has seconded this freeze already.');
}

/**
 * The human who may lift a freeze alone: its author, until another has seconded it. Not while somebody
 * else has frozen that author or a key of theirs: who is doubted undoes nothing on one word.
 */
export function loneLifter(state: AuthorityState, id: string): string | null {
  const freeze = state.freezes.get(id);
  if (freeze === undefined || freeze.secondedBy !== null) return null;
  const { author } = freeze;
  const keys = [...state.keys.values()].filter(
    (key) => key.human === author && key.revokedAt === null,
  );
  const doubted = [
    ...freezesOn(state, { kind: 'human', id: author }),
    ...keys.flatMap(({ kid }) => freezesOn(state, { kind: 'key', id: kid })),
  ].some((other) => other.author !== author);
  return doubted ? null : author;
}

/**
 * A freeze that nobody could lift once these keys are gone: fewer than two humans would be left who can
 * sign, and its author is not the one. Null when there is none.
 */
export function strandedFreeze(state: AuthorityState, gone: ReadonlySet<string>): Freeze | null {
  // Whoever was removed has no key left.
  const left = new Set(
    [...state.keys.values()]
      .filter((key) => key.revokedAt === null && !gone.has(key.kid))
      .map((key) => key.human),
  );
  if (left.size > 1) return null;
  for (const freeze of state.freezes.values()) {
    if (freeze.liftedAt !== null) continue;
    const alone = loneLifter(state, freeze.id);
    if (alone === null || !left.has(alone)) return freeze;
  }
  return null;
}

export function applyFreeze(
  state: AuthorityState,
  time: string,
  statement: StatementOf<'freeze'>,
  signatures: readonly CountedSignature[],
): void {
  const [author, second] = signatures;
  if (author === undefined) return;
  const { id, body } = statement;
  state.freezes.set(id, {
    id,
    target: body.target,
    reason: body.reason,
    author: author.human,
    at: time,
    secondedBy: second?.human ?? null,
    liftedAt: null,
  });
  const key = targetKey(body.target);
  state.frozen.set(key, [...(state.frozen.get(key) ?? []), id]);
}

export function applySeconding(state: AuthorityState, id: string, human: string): void {
  const freeze = state.freezes.get(id);
  if (freeze !== undefined) state.freezes.set(id, { ...freeze, secondedBy: human });
}

export function applyUnfreeze(state: AuthorityState, time: string, id: string): void {
  const freeze = state.freezes.get(id);
  if (freeze === undefined) return;
  state.freezes.set(id, { ...freeze, liftedAt: time });
  const key = targetKey(freeze.target);
  const left = (state.frozen.get(key) ?? []).filter((other) => other !== id);
  if (left.length === 0) state.frozen.delete(key);
  else state.frozen.set(key, left);
}
