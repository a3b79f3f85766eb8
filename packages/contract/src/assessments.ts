/** What a grant's `assessment` holds, by kind and version, for whoever shows it before it is signed. */
import { z } from 'zod';

const Names = z.array(z.string());
const Count = z.number().int().min(0);

/** Kind `dry-run`, version 1: SQL that was tried in one transaction and undone. */
export const DryRunAssessment = z.object({
  server: z.string(),
  schema: z.string(),
  /** Whose rights the SQL had. */
  owner: z.string(),
  dropped: Names,
  /** Tables that held something before and nothing after. */
  emptied: Names,
  rows: z.array(z.object({ table: z.string(), inserted: Count, updated: Count, deleted: Count })),
  altered: Names,
  created: Names,
  /** Tables that got a new file, and were locked while it was written. */
  rewritten: Names,
  /** How many names were left out, so that it fits into a statement. */
  omitted: Count,
  /** The ledger entry by which the broker vouches for it. */
  dry_run: z.string(),
});
export type DryRunAssessment = z.infer<typeof DryRunAssessment>;

/** Kind `deletion`, version 1: what deletions would take with them, by the provider's own account when it was drafted. */
export const DeletionAssessment = z.object({
  deletions: z.array(
    z.object({
      operation: z.string(),
      resource: z.string(),
      losses: z.array(
        z.object({
          /** An environment of the provider's, by name and by id. */
          place: z.string(),
          place_id: z.string(),
          object: z.string(),
          used_by: z.string().nullable(),
          /** Bytes. */
          size: Count.nullable(),
          backups: Count.nullable(),
          newest_backup: z.string().nullable(),
          /** Absent where it holds no rows, and in statements from before rows were counted. */
          rows: z
            .object({
              counted: Count.nullable(),
              /** False: there are more than were counted. */
              complete: z.boolean(),
              estimated: Count.nullable(),
            })
            .exactOptional(),
        }),
      ),
      /** How many losses were left out, so that it fits into a statement. */
      omitted: Count,
      /** Why nobody could tell; null: it was told. */
      unassessed: z.string().nullable(),
    }),
  ),
  /** How many deletions nobody looked at. */
  omitted: Count,
  /** The ledger entry by which the broker vouches for it. */
  assessed: z.string(),
});
export type DeletionAssessment = z.infer<typeof DeletionAssessment>;
