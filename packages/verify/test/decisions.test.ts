/**
 * Ledgers that another program made from the documents alone: a true one, and false ones in which hashes and
 * the checkpoint are right, so that only an entry's authority can tell.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { replayAuthority, verifyExport } from '../src/index.ts';
import { each } from './ledger-of-two.ts';

interface Vector {
  readonly checkpoint: string;
  /** Leaf hashes, in order. */
  readonly ledger: readonly string[];
}

interface Bad extends Vector {
  readonly name: string;
  readonly first_bad: number;
  /** Part of what the finding says: found for this reason and no other. */
  readonly says: string;
}

interface Unjudged {
  readonly what: string;
  readonly decisions: number;
}

const vectors: {
  readonly vkey: string;
  readonly broker: string;
  readonly good: Vector & {
    readonly allowed: number;
    readonly vouched_by_one: readonly string[];
    readonly unjudged: readonly Unjudged[];
    readonly delete_capable: readonly {
      readonly index: number;
      readonly grant: string;
      readonly signed_by: readonly string[];
    }[];
  };
  readonly bad: readonly Bad[];
  readonly odd: readonly (Vector & {
    readonly name: string;
    readonly remarks: readonly { readonly index: number; readonly says: string }[];
    readonly unjudged: readonly Unjudged[];
    readonly leases: { readonly made: number; readonly open: number; readonly overdue: number };
  })[];
  readonly entries: Readonly<Record<string, { readonly id: string }>>;
} = JSON.parse(
  readFileSync(new URL('../../../test/vectors/decisions.json', import.meta.url), 'utf8'),
);

function exportOf({ checkpoint, ledger }: Vector): AsyncGenerator<string> {
  const { vkey, broker } = vectors;
  const header = {
    format: 'countersign-export/1',
    broker,
    checkpoint,
    vkey,
    authority_only: false,
  };
  const lines = ledger.map((leaf_hash, index) => ({
    index,
    leaf_hash,
    entry: vectors.entries[leaf_hash],
  }));
  return each([header, ...lines].map((line) => JSON.stringify(line)));
}

describe('a ledger that another program made', () => {
  const { good } = vectors;

  test('verifies, with whatever could delete traced to its signers', async () => {
    const report = await verifyExport(exportOf(good), { trust: vectors.broker });
    expect(report.finding).toBeNull();
    expect(report).toMatchObject({
      ok: true,
      entries: good.ledger.length,
      decisions: { allowed: good.allowed, denied: 1 },
      leases: { made: 6, open: 0, overdue: 0 },
      vouched_by_one: good.vouched_by_one,
      unjudged: vectors.good.unjudged,
      remarks: [],
    });
    expect(
      report.delete_capable.map(({ index, grants }) => ({
        index,
        grants: grants.map(({ grant, signed_by }) => [grant, signed_by.map((by) => by.human)]),
      })),
    ).toEqual(
      good.delete_capable.map(({ index, grant, signed_by }) => ({
        index,
        grants: [[grant, signed_by]],
      })),
    );
    const bob = report.delete_capable[0]?.grants[0]?.signed_by[1];
    expect(bob).toEqual({ human: 'bob', vouched_by_one: true });
  });

  test.each(vectors.bad)('is refused at its first bad entry: $name', async (bad) => {
    const report = await verifyExport(exportOf(bad));
    expect(report.finding?.reason).toContain(bad.says);
    expect(report).toMatchObject({
      ok: false,
      finding: { index: bad.first_bad, id: vectors.entries[bad.ledger[bad.first_bad] ?? '']?.id },
    });
  });

  test.each(vectors.bad.filter(({ says }) => says.includes('carries no authority')))(
    'is refused as well where authority alone is replayed: $name',
    async (bad) => {
      const { finding } = await verifyExport(exportOf(bad));
      expect(await replayAuthority(exportOf(bad))).toEqual({ ok: false, finding });
    },
  );

  test.each(vectors.odd)('verifies, and more is said of it: $name', async (odd) => {
    const report = await verifyExport(exportOf(odd));
    const { unjudged, leases } = odd;
    expect(report).toMatchObject({ ok: true, finding: null, unjudged, leases });
    expect(report.remarks).toEqual(
      odd.remarks.map(({ index, says }) => ({
        index,
        id: vectors.entries[odd.ledger[index] ?? '']?.id,
        text: expect.stringContaining(says),
      })),
    );
  });

  test('has its variants, each another ledger', () => {
    expect(vectors.bad.length).toBeGreaterThan(80);
    const ledgers = [good, ...vectors.bad].map(({ ledger }) => ledger.join());
    expect(new Set(ledgers).size).toBe(ledgers.length);
  });
});
