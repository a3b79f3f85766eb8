/** Lines of an audit export: a header, then entries in order. Everything a verifier needs, offline. */
import { z } from 'zod';
import { Digest } from './primitives.ts';

export const EXPORT_FORMAT = 'countersign-export/1';

export const ExportHeader = z.strictObject({
  format: z.literal(EXPORT_FORMAT),
  /** Genesis fingerprint; null before genesis. */
  broker: Digest.nullable(),
  /** C2SP signed note over the whole tree. */
  checkpoint: z.string().max(4096),
  /** C2SP verifier key, as the server claims it; genesis says which is right. */
  vkey: z.string().max(512),
  /** Whether entries without authority were left out, so that no tree can be computed. */
  authority_only: z.boolean(),
});
export type ExportHeader = z.infer<typeof ExportHeader>;

/** `entry` as JSON where the stored bytes are their own canonical form, else `bytes` in base64. */
export const ExportLine = z.union([
  z.strictObject({
    index: z.number().int().min(0),
    leaf_hash: z.string().max(64),
    entry: z.json(),
  }),
  z.strictObject({
    index: z.number().int().min(0),
    leaf_hash: z.string().max(64),
    bytes: z.base64(),
  }),
]);
export type ExportLine = z.infer<typeof ExportLine>;
