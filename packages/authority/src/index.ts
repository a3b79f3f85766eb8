export {
  admissible,
  draftedEffect,
} from './admissible.ts';
export {
  applyCatalog,
  applyStatement,
} from './apply.ts';
export {
  bytesOfBase64Url,
  canonicalBytes,
  digestOf,
  digestOfDocument,
  parseCanonical,
} from './canonical.ts';
export {
  catalogDigest,
  type EffectQuestion,
  latestOperation,
  recordedEffect,
} from './catalog.ts';
export {
  type Description,
  describe,
  duration,
  readAloud,
} from './describe.ts';
export {
  type DecodedStatement,
  type DeviceKey,
  decodeStatement,
  encodeStatement,
  parseEnvelope,
  shapeProblem,
  signerOf,
  signStatement,
  thumbprintOf,
  verifySignature,
} from './envelope.ts';
export {
  type Accepted,
  type AuthorityEntry,
  fold,
  type Judgement,
  judge,
  type Refused,
} from './fold.ts';
export {
  effectOfRight,
  isDeleteCapableGrant,
  worstEffect,
} from './grant-effect.ts';
export {
  couldCount,
  type Progress,
  progressOf,
  type Requirement,
  requirementOf,
  SMALLEST_QUORUM,
} from './requirement.ts';
export {
  brokenBounds,
  brokenPins,
  connectionPin,
  DELETE_CAPABLE_VALIDITY,
  type GrantStanding,
  type GrantStatus,
  grantStanding,
  REVEAL_EXECUTE_VALIDITY,
  standingOf,
  suspensions,
} from './standing.ts';
export {
  type Agent,
  type AuthorityState,
  type Connection,
  type CountedSignature,
  type Environment,
  emptyState,
  type Grant,
  type Human,
  type HumanKey,
  holdersOf,
  isPresent,
  nameKey,
  type StatementRecord,
  type StatementStatus,
  secondHumanEver,
  signingHuman,
} from './state.ts';
