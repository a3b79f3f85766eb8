export {
  type AuditExpectation,
  type AuditReport,
  auditTree,
  type StoredEntry,
} from './audit.ts';
export { EMPTY_CHAIN, extendChain } from './chain.ts';
export {
  type Checkpoint,
  checkpointBody,
  openCheckpoint,
  signCheckpoint,
} from './checkpoint.ts';
export {
  decodeEntry,
  encodeEntry,
  type LedgerEntry,
  MAX_ENTRY_BYTES,
  retimeEntry,
} from './entry.ts';
export {
  type ConsistencyClaim,
  consistencyProof,
  emptyRoot,
  type InclusionClaim,
  inclusionPath,
  leafHash,
  nodeHash,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';
export {
  encodeVkey,
  type NoteSigner,
  openNote,
  parseVkey,
  signNote,
  type VerifierKey,
} from './note.ts';
export {
  appendLeaf,
  type CompactRange,
  decodeRange,
  emptyRange,
  encodeRange,
  rangeRoot,
} from './range.ts';
export {
  completedTiles,
  TILE_WIDTH,
  type TileAddress,
  tileOf,
  tilePath,
  tileRoot,
} from './tiles.ts';
