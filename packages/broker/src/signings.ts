/** What each human signed, proposed and vetoed: one look through the statements, with turns for others. */
import { setImmediate as turn } from 'node:timers/promises';
import type { AuthorityState } from '@countersign/authority';
import type { Statement } from '@countersign/contract';
import { fromInstant } from '@countersign/core';

/** Statements looked at before others have their turn. */
const AT_ONCE = 1_000;

export interface Signing {
  readonly signed: ReadonlyMap<Statement['kind'], number>;
  readonly proposed: number;
  readonly vetoed: number;
  /** Instant of the latest signature ever; null without any. */
  readonly lastAt: string | null;
}

export const NOTHING_SIGNED: Signing = {
  signed: new Map(),
  proposed: 0,
  vetoed: 0,
  lastAt: null,
};

/** By human. @param from milliseconds: counts are of what came since */
export async function signingsOf(
  state: AuthorityState,
  from: number,
): Promise<ReadonlyMap<string, Signing>> {
  const signings = new Map<string, Signing>();
  const note = (human: string, change: (signing: Signing) => Partial<Signing>): void => {
    const present = signings.get(human) ?? NOTHING_SIGNED;
    signings.set(human, { ...present, ...change(present) });
  };
  let looked = 0;
  for (const { decoded, signatures, rejection, settledAt } of [...state.statements.values()]) {
    const { kind } = decoded.statement;
    signatures.forEach(({ human, at }, place) => {
      const counts = fromInstant(at) >= from;
      note(human, ({ signed, proposed, lastAt }) => ({
        ...(counts ? { signed: new Map(signed).set(kind, (signed.get(kind) ?? 0) + 1) } : {}),
        ...(counts && place === 0 ? { proposed: proposed + 1 } : {}),
        lastAt: lastAt === null || at > lastAt ? at : lastAt,
      }));
    });
    if (rejection !== null && settledAt !== null && fromInstant(settledAt) >= from) {
      note(rejection.human, ({ vetoed }) => ({ vetoed: vetoed + 1 }));
    }
    looked += 1;
    if (looked % AT_ONCE === 0) await turn();
  }
  return signings;
}
