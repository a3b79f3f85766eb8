/**
 * The fold (Law 1): authority is what these functions make of the ledger's authority entries, in order,
 * each judged against the state before it. `judge` only reads; what it returns is applied after the
 * entry is durable. Deterministic, no I/O: replicas, the verifier and a client all compute the same.
 */
import {
  type Envelope,
  type Statement,
  StatementProposedBody,
  StatementSignedBody,
} from '@countersign/contract';
import { CountersignError, fromInstant, inputError } from '@countersign/core';
import { admissible } from './admissible.ts';
import { applySecond, applyStatement } from './apply.ts';
import {
  type DecodedStatement,
  decodeStatement,
  shapeProblem,
  signerOf,
  thumbprintsIn,
  verifySignature,
} from './envelope.ts';
import { secondingRefusal } from './freezes.ts';
import { judgeCatalog, judgeCatalogPart } from './judge-catalog.ts';
import { judgeEffect } from './judge-effect.ts';
import { judgeRestored } from './judge-restored.ts';
import type { AuthorityEntry, Judgement } from './judgement.ts';
import { progressOf } from './progress.ts';
import { requirementOf } from './requirement.ts';
import { requireNotOvertaken, settle } from './settle.ts';
import { possessionsOf, readSignatures } from './signatures.ts';
import type { AuthorityState, StatementRecord } from './state.ts';

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
      case 'statement.effective':
        return await judgeEffect(state, entry);
      case 'catalog.recorded':
        return judgeCatalog(state, entry);
      case 'catalog.part':
        return judgeCatalogPart(state, entry);
      case 'restored':
        return judgeRestored(state, entry);
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
  const possession = possessionsOf(state, statement);
  const { counted, possessed } = await readSignatures(state, decoded, envelope.signatures, {
    already: [],
    possession,
    entry,
  });
  const unseen = possession.find(({ kid }) => !possessed.has(kid));
  if (unseen !== undefined) {
    throw inputError(
      'forbidden',
      `The ${unseen.what} itself must sign, to show that it is possessed.`,
    );
  }
  if (possession.length === 0 && counted.length === 0) {
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
  const counted = [{ kid, human: statement.id, at: entry.time, entry: entry.index }];
  return {
    ok: true,
    statement: statement.id,
    status: 'complete',
    progress: { met: true, have: 1, need: 1, counted: [statement.id], missing: [] },
    apply: () =>
      applyStatement(state, entry, {
        decoded,
        signatures: counted,
        status: 'complete',
        onOneWord: false,
        thumbprints: [kid],
      }),
  };
}

async function judgeSignature(state: AuthorityState, entry: AuthorityEntry): Promise<Judgement> {
  const parsed = StatementSignedBody.safeParse(entry.body);
  if (!parsed.success) throw inputError('invalid_request', shapeProblem(parsed.error));
  refuseAssertions(parsed.data.assertions);
  const record = state.statements.get(parsed.data.statement);
  if (record === undefined) throw inputError('not_found', 'There is no such statement.');
  const isSeconding = record.status === 'complete' && record.decoded.statement.kind === 'freeze';
  if (record.status !== 'pending' && !isSeconding) {
    throw inputError('conflict', `This statement is ${record.status}; it collects no signatures.`);
  }
  const { decoded } = record;
  const { signatures } = parsed.data;
  if (fromInstant(entry.time) > fromInstant(decoded.statement.sign_by)) {
    throw inputError('conflict', 'The time to sign this statement is over. Propose it anew.');
  }
  if (signatures.length === 0) {
    throw inputError('invalid_request', 'There is no signature in it.');
  }
  requireNotOvertaken(state, record);
  if (isSeconding) return await judgeSeconding(state, entry, record, signatures);
  const isEnough = progressOf(
    state,
    requirementOf(state, decoded.statement, entry.time),
    record.signatures,
  ).met;
  const { counted } = await readSignatures(state, decoded, signatures, {
    // Suspended by a freeze and back since, signatures may be enough with nobody left to complete them:
    // then one of those who signed does, afresh.
    already: isEnough ? [] : record.signatures,
    possession: [],
    entry,
  });
  return settle(state, entry, decoded, [...record.signatures, ...counted], { proposal: false });
}

/** A freeze took effect with its first signature; a second human's stands behind it. */
async function judgeSeconding(
  state: AuthorityState,
  entry: AuthorityEntry,
  { decoded, signatures: already }: StatementRecord,
  signatures: Envelope['signatures'],
): Promise<Judgement> {
  const { id } = decoded.statement;
  const refusal = secondingRefusal(state, id);
  if (refusal !== null) throw refusal;
  const { counted } = await readSignatures(state, decoded, signatures, {
    already,
    possession: [],
    entry,
  });
  return {
    ok: true,
    statement: id,
    status: 'complete',
    progress: progressOf(state, requirementOf(state, decoded.statement, entry.time), [
      ...already,
      ...counted,
    ]),
    apply: () => applySecond(state, entry, id, counted),
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
