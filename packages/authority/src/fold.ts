/**
 * The fold (Law 1): authority is what these functions make of the ledger's authority entries, in order,
 * each judged against the state before it. `judge` only reads; what it returns is applied after the
 * entry is durable. Deterministic, no I/O: replicas, the verifier and a client all compute the same.
 */
import {
  type AuthorityEntryType,
  CatalogRecordedBody,
  type Envelope,
  type Statement,
  StatementProposedBody,
  type StatementSignature,
  StatementSignedBody,
} from '@countersign/contract';
import { CountersignError, fromInstant, inputError, providerOf } from '@countersign/core';
import { admissible } from './admissible.ts';
import { applyCatalog, applySecond, applyStatement } from './apply.ts';
import { catalogDigest } from './catalog.ts';
import {
  type DecodedStatement,
  decodeStatement,
  shapeProblem,
  signerOf,
  thumbprintOf,
  verifySignature,
} from './envelope.ts';
import { isFrozenKey, secondingRefusal } from './freezes.ts';
import { couldCount, type Progress, progressOf, requirementOf } from './requirement.ts';
import { type AuthorityState, type CountedSignature, signingHuman } from './state.ts';

/** An authority entry as the ledger holds it. */
export interface AuthorityEntry {
  readonly index: number;
  /** Instant. */
  readonly time: string;
  readonly type: AuthorityEntryType;
  readonly body: unknown;
}

export interface Accepted {
  readonly ok: true;
  /** The statement this concerns; null for a catalog. */
  readonly statement: string | null;
  readonly status: 'pending' | 'complete';
  readonly progress: Progress | null;
  /** Changes the state. Call once, after the entry is durable, on the state that was judged. */
  readonly apply: () => void;
}

interface Refused {
  readonly ok: false;
  readonly refusal: CountersignError;
}

export type Judgement = Accepted | Refused;

const LONGEST_SIGNING = 7 * 86_400_000;
const CLOCK_TOLERANCE = 300_000;

/** Judges one entry against the state. Never throws for bad input: it refuses. */
export async function judge(state: AuthorityState, entry: AuthorityEntry): Promise<Judgement> {
  try {
    if (entry.index < state.size) throw inputError('conflict', 'The entry is not after the last.');
    if (entry.time < state.time) {
      throw inputError('conflict', 'The entry is older than the one before it.');
    }
    switch (entry.type) {
      case 'statement.proposed':
        return await judgeProposal(state, entry);
      case 'statement.signed':
        return await judgeSignature(state, entry);
      case 'catalog.recorded':
        return judgeCatalog(state, entry);
    }
  } catch (error) {
    if (error instanceof CountersignError) return { ok: false, refusal: error };
    throw error;
  }
}

/** Judges and applies. @returns the refusal, or null when the state now includes the entry. */
export async function fold(
  state: AuthorityState,
  entry: AuthorityEntry,
): Promise<CountersignError | null> {
  const judgement = await judge(state, entry);
  if (!judgement.ok) return judgement.refusal;
  judgement.apply();
  return null;
}

async function judgeProposal(state: AuthorityState, entry: AuthorityEntry): Promise<Judgement> {
  const parsed = StatementProposedBody.safeParse(entry.body);
  if (!parsed.success) throw inputError('invalid_request', shapeProblem(parsed.error));
  const { envelope } = parsed.data;
  refuseAssertions(envelope.assertions);
  const decoded = decodeStatement(envelope.payload);
  const { statement } = decoded;

  if (statement.broker !== state.broker) {
    throw inputError(
      statement.kind === 'genesis' ? 'conflict' : 'invalid_request',
      statement.kind === 'genesis'
        ? 'This broker has its genesis already.'
        : 'The statement was made for another deployment.',
    );
  }
  // Law 1: an id is unique, so nothing signed can be played twice.
  if (state.statements.has(statement.id)) {
    throw inputError('conflict', 'A statement with this id exists already.');
  }
  checkTimes(statement, entry.time);
  const thumbprints = await thumbprintsIn(statement);
  const refusal = admissible(state, statement, thumbprints);
  if (refusal !== null) throw refusal;

  if (statement.kind === 'genesis') {
    return await judgeGenesis(state, entry, decoded, envelope, thumbprints[0] ?? '');
  }
  const possession = statement.kind === 'human.enroll' ? statement.body.fingerprint : null;
  const { counted, possessed } = await readSignatures(state, decoded, envelope.signatures, {
    already: [],
    possession:
      statement.kind === 'human.enroll'
        ? { kid: statement.body.fingerprint, jwk: statement.body.key }
        : null,
    at: entry.time,
  });
  if (possession !== null && !possessed) {
    throw inputError('forbidden', 'The new key itself must sign, to show that it is possessed.');
  }
  if (possession === null && counted.length === 0) {
    throw inputError('forbidden', "A proposal carries its proposer's signature.");
  }
  return settle(state, entry, decoded, counted, { proposal: true });
}

async function judgeGenesis(
  state: AuthorityState,
  entry: AuthorityEntry,
  decoded: DecodedStatement,
  envelope: Envelope,
  kid: string,
): Promise<Judgement> {
  const { statement } = decoded;
  const [signature] = envelope.signatures;
  if (statement.kind !== 'genesis' || signature === undefined || envelope.signatures.length !== 1) {
    throw inputError('invalid_request', 'Genesis is signed once, by the key it names.');
  }
  if (
    signerOf(signature) !== kid ||
    !(await verifySignature(envelope.payload, signature, statement.body.key))
  ) {
    throw inputError('forbidden', 'The signature does not verify under the key genesis names.');
  }
  const counted = [{ kid, human: statement.id, at: entry.time }];
  return {
    ok: true,
    statement: statement.id,
    status: 'complete',
    progress: { met: true, have: 1, need: 1, counted: [statement.id], missing: [] },
    apply: () => applyStatement(state, entry, decoded, counted, 'complete', [kid]),
  };
}

async function judgeSignature(state: AuthorityState, entry: AuthorityEntry): Promise<Judgement> {
  const parsed = StatementSignedBody.safeParse(entry.body);
  if (!parsed.success) throw inputError('invalid_request', shapeProblem(parsed.error));
  refuseAssertions(parsed.data.assertions);
  const record = state.statements.get(parsed.data.statement);
  if (record === undefined) throw inputError('not_found', 'There is no such statement.');
  const seconds = record.status === 'complete' && record.decoded.statement.kind === 'freeze';
  if (record.status !== 'pending' && !seconds) {
    throw inputError('conflict', `This statement is ${record.status}; it collects no signatures.`);
  }
  const { decoded } = record;
  if (fromInstant(entry.time) > fromInstant(decoded.statement.sign_by)) {
    throw inputError('conflict', 'The time to sign this statement is over. Propose it anew.');
  }
  if (parsed.data.signatures.length === 0) {
    throw inputError('invalid_request', 'There is no signature in it.');
  }
  const refusal = seconds ? secondingRefusal(state, decoded.statement.id) : null;
  if (refusal !== null) throw refusal;
  const requirement = requirementOf(state, decoded.statement);
  const { counted } = await readSignatures(state, decoded, parsed.data.signatures, {
    // Suspended by a freeze and back since, signatures may be enough with nobody left to complete them:
    // then one of those who signed does, afresh.
    already:
      !seconds && progressOf(state, requirement, record.signatures).met ? [] : record.signatures,
    possession: null,
    at: entry.time,
  });
  if (seconds) {
    const progress = progressOf(state, requirement, [...record.signatures, ...counted]);
    return {
      ok: true,
      statement: decoded.statement.id,
      status: 'complete',
      progress,
      apply: () => applySecond(state, entry, decoded.statement.id, counted),
    };
  }
  return settle(state, entry, decoded, [...record.signatures, ...counted], { proposal: false });
}

function judgeCatalog(state: AuthorityState, entry: AuthorityEntry): Judgement {
  const parsed = CatalogRecordedBody.safeParse(entry.body);
  if (!parsed.success) throw inputError('invalid_request', shapeProblem(parsed.error));
  if (state.broker === null) throw inputError('conflict', 'Nothing is recorded before genesis.');
  const { digest, catalog } = parsed.data;
  const names = catalog.operations.map((operation) => operation.name);
  if (
    new Set(names).size !== names.length ||
    names.some((name) => providerOf(name) !== catalog.provider)
  ) {
    throw inputError(
      'invalid_request',
      'A catalog lists the operations of its own provider, each once.',
    );
  }
  if (catalogDigest(catalog) !== digest) {
    throw inputError('invalid_request', 'The digest is not the digest of the catalog.');
  }
  return {
    ok: true,
    statement: null,
    status: 'complete',
    progress: null,
    apply: () => applyCatalog(state, entry, digest, catalog),
  };
}

/** Decides pending or complete, and re-checks admissibility at completion. */
async function settle(
  state: AuthorityState,
  entry: AuthorityEntry,
  decoded: DecodedStatement,
  signatures: readonly CountedSignature[],
  when: { readonly proposal: boolean },
): Promise<Judgement> {
  const { statement } = decoded;
  const thumbprints = await thumbprintsIn(statement);
  const progress = progressOf(state, requirementOf(state, statement), signatures);
  if (progress.met && !when.proposal) {
    const refusal = admissible(state, statement, thumbprints);
    if (refusal !== null) {
      throw inputError('conflict', `It can no longer take effect. ${refusal.message}`);
    }
  }
  const status = progress.met ? 'complete' : 'pending';
  return {
    ok: true,
    statement: statement.id,
    status,
    progress,
    apply: () => applyStatement(state, entry, decoded, signatures, status, thumbprints),
  };
}

function refuseAssertions(assertions: readonly unknown[]): void {
  if (assertions.length > 0) {
    throw inputError(
      'invalid_request',
      'Passkey assertions are not available in this version of Countersign.',
    );
  }
}

function checkTimes(statement: Statement, entryTime: string): void {
  const issued = fromInstant(statement.issued_at);
  const signBy = fromInstant(statement.sign_by);
  const at = fromInstant(entryTime);
  if (signBy <= issued || signBy - issued > LONGEST_SIGNING) {
    throw inputError('invalid_request', 'sign_by is after issued_at, by seven days at most.');
  }
  if (issued > at + CLOCK_TOLERANCE) {
    throw inputError('invalid_request', 'The statement was issued in the future; check the clock.');
  }
  if (at > signBy) throw inputError('conflict', 'The time to sign this statement is over.');
}

/** RFC 7638 thumbprints of the keys a statement introduces. */
async function thumbprintsIn(statement: Statement): Promise<string[]> {
  switch (statement.kind) {
    case 'genesis':
    case 'human.enroll':
      return [await thumbprintOf(statement.body.key)];
    case 'agent.register':
      return statement.body.auth.method === 'private_key_jwt'
        ? await Promise.all(statement.body.auth.jwks.keys.map(thumbprintOf))
        : [];
    default:
      return [];
  }
}

/** Verifies each signature under the key it names and refuses every one that could not count. */
async function readSignatures(
  state: AuthorityState,
  decoded: DecodedStatement,
  signatures: readonly StatementSignature[],
  context: {
    readonly already: readonly CountedSignature[];
    readonly possession: {
      readonly kid: string;
      readonly jwk: { kty: 'OKP'; crv: 'Ed25519'; x: string };
    } | null;
    readonly at: string;
  },
): Promise<{ counted: CountedSignature[]; possessed: boolean }> {
  const requirement = requirementOf(state, decoded.statement);
  const counted: CountedSignature[] = [];
  let possessed = false;
  for (const signature of signatures) {
    const kid = signerOf(signature);
    if (context.possession?.kid === kid) {
      if (!(await verifySignature(decoded.payload, signature, context.possession.jwk))) {
        throw inputError('forbidden', 'The signature of the new key does not verify.');
      }
      possessed = true;
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
    counted.push({ kid, human: human.id, at: context.at });
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
