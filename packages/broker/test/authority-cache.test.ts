/** Replicas of two versions on one ledger: what this one cannot read it must not pass over (Law 4). */
import { canonicalBytes } from '@countersign/authority';
import { encodeEntry, type LedgerEntry, leafHash } from '@countersign/ledger';
import { describe, expect, test } from 'vitest';
import { createAuthorityCache } from '../src/authority-cache.ts';
import type { Journal, JournalEntry } from '../src/ports.ts';

const TIME = '2026-11-20T12:00:00.000Z';
const ID = '018f0000-0000-7000-8000-000000000001';

function stored(entry: Pick<LedgerEntry, 'type' | 'body'>, bytes?: Uint8Array): JournalEntry {
  const encoded = bytes ?? encodeEntry({ v: 1, id: ID, time: TIME, ...entry });
  return {
    index: 0,
    id: ID,
    type: entry.type,
    time: TIME,
    bytes: encoded,
    leafHash: leafHash(encoded),
  };
}

function cacheOver(entries: readonly JournalEntry[]) {
  const reported: string[] = [];
  const journal = {
    head: async () => ({ authorityVersion: 1, clockSkew: 0 }),
    readAuthority: async function* () {
      yield* entries;
    },
    // Only what a fold reads; the rest of the journal is not asked.
  } as unknown as Journal;
  const log = {
    info: () => undefined,
    warn: (fields: Readonly<Record<string, unknown>>) => reported.push(String(fields['reason'])),
  };
  return { cache: createAuthorityCache(journal, log), reported };
}

function proposal(statement: Readonly<Record<string, unknown>>): JournalEntry {
  const payload = Buffer.from(canonicalBytes(statement)).toString('base64url');
  const envelope = { payload, signatures: [], assertions: [] };
  return stored({ type: 'statement.proposed', body: { envelope } });
}

const REVOKE = {
  v: 1,
  kind: 'grant.revoke',
  id: ID,
  broker: `${'A'.repeat(42)}A`,
  issued_at: TIME,
  sign_by: '2026-11-21T12:00:00.000Z',
  body: { grant: ID, reason: 'over' },
};

describe('an authority entry of a newer version stops the decisions of this one', () => {
  test.each<[string, JournalEntry]>([
    ['a kind of statement', proposal({ ...REVOKE, kind: 'grant.suspend' })],
    ['a member of a statement', proposal({ ...REVOKE, body: { ...REVOKE.body, until: TIME } })],
    ['a version of statements', proposal({ ...REVOKE, v: 2 })],
    ['a member of a proposal', stored({ type: 'statement.proposed', body: { batch: [] } })],
    ['a kind of entry', stored({ type: 'statement.bundled', body: {} })],
    ['a form of entries', stored({ type: 'statement.proposed', body: {} }, Buffer.from('{"v":2}'))],
  ])('%s', async (_, entry) => {
    const { cache } = cacheOver([entry]);
    await expect(cache.refresh()).rejects.toMatchObject({
      code: 'broker_unavailable',
      message: expect.stringContaining('upgrade this server'),
    });
    expect(cache.version).toBe(-1);
  });

  test('while one that can be read and is refused has no effect, and is reported', async () => {
    const { cache, reported } = cacheOver([proposal(REVOKE)]);
    await cache.refresh();
    expect(cache.version).toBe(1);
    expect(reported).toEqual(['The statement was made for another deployment.']);
  });
});
