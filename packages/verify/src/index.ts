export type { Finding } from './finding.ts';
export type { DeleteCapable, Remark } from './ledger-so-far.ts';
export { type Replay, replayAuthority } from './replay-authority.ts';
export {
  type SeenTree,
  type VerifyOptions,
  type VerifyReport,
  verifyExport,
} from './verify-export.ts';
