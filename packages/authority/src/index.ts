export { draftedEffect } from './admissible.ts';
export {
  adoptedDescription,
  type EffectChange,
  effectChanges,
  isBuiltIn,
  recordedCatalogs,
  recordedEffect,
} from './adoption.ts';
export { isOvertaken } from './basis.ts';
export { canonicalBytes, digestOf, digestOfDocument } from './canonical.ts';
export { catalogDigest, latestOperation } from './catalog.ts';
export { delayed, effectiveFrom } from './delays.ts';
export { describe } from './describe.ts';
export { deletionFacts } from './describe-deletion.ts';
export { dryRunFacts, sqlFacts } from './describe-script.ts';
export {
  type DecodedStatement,
  decodeStatement,
  encodeStatement,
  parseEnvelope,
  shapeProblem,
  signerOf,
  signStatement,
  thumbprintOf,
  verifySignature,
} from './envelope.ts';
export { escapesAccepted } from './escapes.ts';
export { fold, judge } from './fold.ts';
export {
  stateWithCatalog,
  stateWithStatement,
  type TouchedGrant,
  touchedGrants,
} from './foresee.ts';
export { freezesOn, frozenTargetName, haltOf, isFrozenKey } from './freezes.ts';
export { effectOfRight, isDeleteCapableGrant, worstEffect } from './grant-effect.ts';
export { presentGuardrail, standingGuardrails } from './guardrails.ts';
export type { Accepted, AuthorityEntry, Judgement } from './judgement.ts';
export { couldCount, countingHuman, progressOf } from './progress.ts';
export { isReadable } from './readable.ts';
export { delayOf, quorumOf, requirementOf } from './requirement.ts';
export { isVoid, latestRestoration, presentLine, restoreAccepted } from './restored.ts';
export {
  copying,
  copyOf,
  createStateDigests,
  type KeptStatePart,
  partsOf,
  type StatePart,
  stateOf,
} from './snapshot.ts';
export { connectionPin, grantStanding, standingOf, suspensions } from './standing.ts';
export {
  type Agent,
  type AuthorityState,
  type Connection,
  type CountedSignature,
  type Environment,
  emptyState,
  type Freeze,
  type Grant,
  type Guardrail,
  type Human,
  isFormerKey,
  isPresent,
  nameKey,
  presentConnection,
  type Restoration,
  registeredKeys,
  type StatementRecord,
  signingHuman,
} from './state.ts';
export { counted, duration, readAloud } from './words.ts';
