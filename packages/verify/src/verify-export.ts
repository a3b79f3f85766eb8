/**
 * The offline verifier: an export proves itself or names where it stops. It needs the lines, and for
 * proof of whose they are one pinned value; it asks no server and believes nothing it can compute.
 */
import { Digest } from '@countersign/contract';
import { fromInstant, inputError } from '@countersign/core';
import { auditTree } from '@countersign/ledger';
import { requireAnswered } from './authority-entries.ts';
import { judgeEntry } from './entry-types.ts';
import { type OpenExport, openExport } from './export-lines.ts';
import { claimedId, ExportFault, type Finding, wholeFault } from './finding.ts';
import { type Gap, restorationsIn } from './gaps.ts';
import { type DeleteCapable, LedgerSoFar, type Remark } from './ledger-so-far.ts';
import { claimedCheckpoint, originFinding, parseTrust, type Trust } from './origin.ts';

/** A tree as it was once seen: its size, and base64url of its RFC 6962 root. */
export interface SeenTree {
  readonly size: number;
  readonly root: string;
}

export interface VerifyOptions {
  /** Genesis fingerprint or C2SP verifier key; without it the export is only shown to be consistent. */
  readonly trust?: string;
  /** Trees this client saw before: each must be a prefix of this one (Law 4). */
  readonly seen?: readonly SeenTree[];
}

export interface VerifyReport {
  readonly ok: boolean;
  /** Genesis fingerprint computed from the entries; null before genesis. */
  readonly broker: string | null;
  /** What was pinned, or null when nothing was. */
  readonly trusted: Trust['kind'] | null;
  /** Entries read, the bad one included. */
  readonly entries: number;
  readonly statements: number;
  readonly decisions: { readonly allowed: number; readonly denied: number };
  readonly leases: {
    readonly made: number;
    /** Without an entry that ended them. */
    readonly open: number;
    /** Of those, the ones whose end was over at the latest entry. */
    readonly overdue: number;
  };
  /** Names of humans whom one person alone vouched for. */
  readonly vouched_by_one: readonly string[];
  /** Every decision that could delete, and whose signatures carried it, in order. */
  readonly delete_capable: readonly DeleteCapable[];
  /** What cannot be judged from an export, and under how many decisions. */
  readonly unjudged: readonly { readonly what: string; readonly decisions: number }[];
  /** What an auditor should hear of though it is no fault, in order. */
  readonly remarks: readonly Remark[];
  /** The signed tree; null when its signature does not verify. */
  readonly checkpoint: (SeenTree & { readonly origin: string }) | null;
  /** Where a restored database went on without what it had lost. No fault, and never passed over in silence. */
  readonly gaps: readonly Gap[];
  /** The first fault; null when there is none. */
  readonly finding: Finding | null;
}

/**
 * Verifies a whole export: every entry's bytes, the tree under the signed checkpoint, every statement,
 * signature and threshold, every decision against the authority at its place, the key that signed, and the
 * roots seen before.
 *
 * @throws CountersignError `invalid_request` when `options` make no sense; a bad export is a report
 */
export async function verifyExport(
  lines: AsyncIterable<string>,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const trust = options.trust === undefined ? null : parseTrust(options.trust);
  const knownRoots = rootsOf(options.seen ?? []);
  const ledger = new LedgerSoFar();
  let latest = 0;
  const report = (
    finding: Finding | null,
    entries: number,
    checkpoint: VerifyReport['checkpoint'],
  ): VerifyReport => {
    const { state, leases } = ledger;
    return {
      ok: finding === null,
      broker: state.broker,
      trusted: trust?.kind ?? null,
      entries,
      statements: state.statements.size,
      decisions: { ...ledger.decisions },
      leases: {
        made: ledger.leasesMade,
        open: leases.size,
        overdue: [...leases.values()].filter(({ expiresAt }) => expiresAt < latest).length,
      },
      vouched_by_one: [...state.humans.values()].filter((h) => h.vouchedByOne).map((h) => h.name),
      delete_capable: ledger.deleteCapable,
      unjudged: ledger.unjudged,
      remarks: ledger.remarks,
      checkpoint,
      gaps: restorationsIn(state),
      finding,
    };
  };
  let opened: OpenExport | null = null;
  let checkpoint: VerifyReport['checkpoint'] = null;
  const entriesRead = () => (opened?.latest()?.index ?? -1) + 1;
  try {
    opened = await openExport(lines);
    const { header } = opened;
    if (header.authority_only) {
      throw new ExportFault(
        wholeFault('The export holds authority entries only; verify a whole one.'),
      );
    }
    const { origin, size, root } = claimedCheckpoint(header);
    checkpoint = { origin, size, root: Buffer.from(root).toString('base64url') };
    const audited = await auditTree(
      opened.entries,
      { size, root, knownRoots },
      async (entry, index) => {
        latest = fromInstant(entry.time);
        return await judgeEntry(ledger, { ...entry, index, at: latest });
      },
    );
    if (audited.ok) requireAnswered(ledger);
    const finding = audited.ok
      ? originFinding(header, ledger.state, trust)
      : findingOf(audited, opened);
    return report(finding, entriesRead(), checkpoint);
  } catch (error) {
    if (error instanceof ExportFault) return report(error.finding, entriesRead(), checkpoint);
    throw error;
  }
}

function findingOf(
  failure: {
    readonly index: number | null;
    readonly reason: string;
    readonly between?: { readonly first: number; readonly last: number };
  },
  opened: OpenExport,
): Finding {
  const { index, reason, between } = failure;
  const latest = opened.latest();
  const id = latest?.index === index ? claimedId(latest.bytes) : null;
  return { index, id, reason, ...(between === undefined ? {} : { between }) };
}

function rootsOf(seen: readonly SeenTree[]): ReadonlyMap<number, Uint8Array> {
  const roots = new Map<number, Uint8Array>();
  for (const { size, root } of seen) {
    if (!Number.isSafeInteger(size) || size < 0 || !Digest.safeParse(root).success) {
      throw inputError('invalid_request', 'A tree seen before is a size and a base64url root.');
    }
    const bytes = Buffer.from(root, 'base64url');
    if (Buffer.compare(roots.get(size) ?? bytes, bytes) !== 0) {
      throw inputError('conflict', `Two different trees of size ${size} were seen before.`);
    }
    roots.set(size, bytes);
  }
  return roots;
}
