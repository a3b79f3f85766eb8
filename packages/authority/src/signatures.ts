/**
 * Which of the signatures on a statement could count, each verified under the key it names (Law 1). One
 * that could not is refused, never passed over, so that whoever made it hears why.
 */
import type { Statement, StatementSignature } from '@countersign/contract';
import { inputError } from '@countersign/core';
import { type DecodedStatement, type DeviceKey, signerOf, verifySignature } from './envelope.ts';
import { isFrozenKey } from './freezes.ts';
import { couldCount } from './progress.ts';
import { requirementOf } from './requirement.ts';
import { type AuthorityState, type CountedSignature, signingHuman } from './state.ts';

/** A key that a statement brings with it, and that must have signed it. */
export interface Possession {
  /** `new key`. */
  readonly what: string;
  readonly kid: string;
  readonly jwk: DeviceKey;
}

/** Keys that must sign a statement to show that they are there. They count for nobody. */
export function possessionsOf(state: AuthorityState, statement: Statement): readonly Possession[] {
  switch (statement.kind) {
    case 'human.enroll': {
      const { fingerprint, key } = statement.body;
      // Where only roles and groups change, the key is no news.
      return state.keys.has(fingerprint) ? [] : [{ what: 'new key', kid: fingerprint, jwk: key }];
    }
    case 'recover': {
      const { human, fingerprint, key, recovery_key } = statement.body;
      const kid = state.humans.get(human)?.recovery ?? '';
      return [
        { what: 'new key', kid: fingerprint, jwk: key },
        { what: 'recovery code', kid, jwk: recovery_key },
      ];
    }
    default:
      return [];
  }
}

/**
 * @param context signatures counted `already`, keys that show their `possession`, and the entry they come with
 * @throws CountersignError `forbidden`, `conflict`
 */
export async function readSignatures(
  state: AuthorityState,
  decoded: DecodedStatement,
  signatures: readonly StatementSignature[],
  context: {
    readonly already: readonly CountedSignature[];
    readonly possession: readonly Possession[];
    readonly entry: { readonly index: number; readonly time: string };
  },
): Promise<{ counted: CountedSignature[]; possessed: ReadonlySet<string> }> {
  const requirement = requirementOf(state, decoded.statement, context.entry.time);
  const counted: CountedSignature[] = [];
  const possessed = new Set<string>();
  for (const signature of signatures) {
    const kid = signerOf(signature);
    const shown = context.possession.find((other) => other.kid === kid);
    if (shown !== undefined) {
      if (!(await verifySignature(decoded.payload, signature, shown.jwk))) {
        throw inputError('forbidden', `The signature of the ${shown.what} does not verify.`);
      }
      possessed.add(kid);
      continue;
    }
    const key = state.keys.get(kid);
    const human = signingHuman(state, kid);
    if (key === undefined || human === null) {
      throw inputError('forbidden', 'A signature is by no key that may sign here.');
    }
    // Law 1: a frozen human keeps the veto, and counts where a freeze is lifted; nothing else.
    if (requirement.frozenCount !== true && isFrozenKey(state, kid)) {
      throw inputError(
        'forbidden',
        `${human.name} is frozen, and may only veto, or sign that a freeze is lifted.`,
      );
    }
    if (!(await verifySignature(decoded.payload, signature, key.jwk))) {
      throw inputError('forbidden', `The signature by ${human.name} does not verify.`);
    }
    // Law 1: distinct humans. A second signature by the same human, with any key, adds nothing.
    if ([...context.already, ...counted].some((other) => other.human === human.id)) {
      throw inputError(
        'conflict',
        `${human.name} has signed already; a second signature by the same human does not count.`,
      );
    }
    if (!couldCount(requirement, human)) {
      throw inputError('forbidden', `${human.name} has no role whose signature counts here.`);
    }
    if (vetoedBySelf(decoded.statement, human.id, state)) {
      throw inputError(
        'forbidden',
        'Nobody vetoes their own removal or revocation, nor that a freeze of theirs is lifted.',
      );
    }
    const { time: at, index: entry } = context.entry;
    counted.push({ kid, human: human.id, at, entry });
  }
  return { counted, possessed };
}

/** Law 1: nobody vetoes their own removal, revocation or freeze. */
function vetoedBySelf(statement: Statement, human: string, state: AuthorityState): boolean {
  if (statement.kind !== 'statement.reject') return false;
  const target = state.statements.get(statement.body.statement)?.decoded.statement;
  if (target?.kind === 'human.remove') return target.body.human === human;
  if (target?.kind === 'key.revoke') return state.keys.get(target.body.key)?.human === human;
  // A freeze takes effect at once, so that only its lifting could be vetoed: who froze others does not
  // keep them frozen on one word.
  if (target?.kind === 'unfreeze') {
    return state.freezes.get(target.body.freeze)?.author === human;
  }
  return false;
}
