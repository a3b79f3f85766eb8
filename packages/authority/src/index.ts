export { draftedEffect } from './admissible.ts';
export { canonicalBytes, digestOf, digestOfDocument } from './canonical.ts';
export { catalogDigest, latestOperation, recordedEffect } from './catalog.ts';
export { describe, duration } from './describe.ts';
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
export { type Accepted, type AuthorityEntry, fold, type Judgement, judge } from './fold.ts';
export { freezesOn, frozenTargetName, haltOf, isFrozenKey } from './freezes.ts';
export { effectOfRight, isDeleteCapableGrant, worstEffect } from './grant-effect.ts';
export { isReadable } from './readable.ts';
export { couldCount, countingHuman, progressOf, requirementOf } from './requirement.ts';
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
  type Human,
  isPresent,
  nameKey,
  presentConnection,
  registeredKeys,
  type StatementRecord,
  signingHuman,
} from './state.ts';
export { readAloud } from './words.ts';
