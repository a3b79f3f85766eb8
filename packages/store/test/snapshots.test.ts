/** Folded authority in the database: read back as it was written, whole, under the present key, or not at all. */
import type { StatePart } from '@countersign/authority';
import type { AuthorityPosition } from '@countersign/broker';
import { Secret } from '@countersign/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import { authorityChange, edit, newId, open } from './support/store.ts';

const keyOf = (byte: number) => new Secret<Uint8Array>('kek', Buffer.alloc(32, byte));
const [OLD, NEW] = [keyOf(1), keyOf(2)];

let server: Server;
let url: string;
let store: Store;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.database();
  store = await open(url, { kek: [OLD, NEW] });
  await store.journal.commit([authorityChange()]);
});
afterEach(() => store.close());

const superuser = (text: string) => edit(server.asSuperuser(url), text);

function at(next: number): AuthorityPosition {
  return { next, count: next, chain: new Uint8Array(32).fill(next) };
}

/** Some mebibytes that do not compress, so that it takes several rows. */
function* parts(count = 60): Generator<StatePart> {
  yield { member: '', keys: ['size'], texts: ['7'] };
  for (let made = 0; made < count; made += 1) {
    const bytes = crypto.getRandomValues(new Uint8Array(49_152));
    const text = JSON.stringify(Buffer.from(bytes).toString('base64'));
    yield { member: 'agents', keys: [`${made}`, `${made}b`], texts: [text, '"short"'] };
  }
}

/** What is read, every text of it. */
async function readBack(from = store) {
  const { snapshot, isForeign } = await from.snapshots.read();
  if (snapshot === null) return { snapshot, isForeign };
  const { parts: kept, ...rest } = snapshot;
  const read = kept.map(({ member, keys, texts }) => ({ member, keys, texts: texts() }));
  return { snapshot: { ...rest, parts: read }, isForeign };
}

const rowsOf = async (table: string) => {
  const [row] = await superuser(`select count(*)::int as count from countersign.${table}`);
  return row?.['count'];
};

describe('a snapshot', () => {
  it('is read as it was written', async () => {
    const written = [...parts()];
    expect(await store.snapshots.write(at(5), written)).toBe(true);
    const { snapshot, isForeign } = await readBack();
    expect(isForeign).toBe(false);
    expect(snapshot).toMatchObject(at(5));
    expect(snapshot?.parts).toEqual(written);
    expect(Object.keys(snapshot?.digests ?? {})).toEqual(['', 'agents']);
    expect(await store.snapshots.latest()).toMatchObject(at(5));
    expect(await rowsOf('snapshot_parts')).toBeGreaterThan(2);
  });

  it('is none before the first', async () => {
    expect(await readBack()).toEqual({ snapshot: null, isForeign: false });
    expect(await store.snapshots.latest()).toBeNull();
  });

  it('takes the place of the one before, of which nothing is left', async () => {
    await store.snapshots.write(at(5), parts());
    const before = await rowsOf('snapshot_parts');
    await store.snapshots.write(at(6), parts());
    expect(await store.snapshots.latest()).toMatchObject(at(6));
    expect(await rowsOf('snapshot_parts')).toBe(before);
  });

  it('leaves one that goes further where it is', async () => {
    const other = await open(url, { kek: [OLD, NEW] });
    await other.snapshots.write(at(6), parts());
    expect(await store.snapshots.write(at(5), parts(1))).toBe(false);
    expect((await readBack()).snapshot).toMatchObject(at(6));
    await other.close();
  });

  it('is whole when two servers write at once', async () => {
    const other = await open(url, { kek: [OLD, NEW] });
    await Promise.all([
      store.snapshots.write(at(5), parts()),
      other.snapshots.write(at(6), parts()),
    ]);
    expect(await readBack()).toMatchObject({ snapshot: at(6), isForeign: false });
    await other.close();
  });

  it('is the one before when a writer ends half way, and what that one left is swept up', async () => {
    await store.snapshots.write(at(5), parts());
    const whole = await rowsOf('snapshot_parts');
    const half = function* (): Generator<StatePart> {
      yield* parts();
      throw new Error('the process ends');
    };
    await expect(store.snapshots.write(at(6), half())).rejects.toThrow();
    expect((await readBack()).snapshot).toMatchObject(at(5));
    expect(await rowsOf('snapshot_parts')).toBeGreaterThan(Number(whole));
    await superuser(
      "update countersign.snapshot_parts set written_at = now() - interval '2 hours'",
    );
    await store.snapshots.write(at(7), parts());
    expect(await rowsOf('snapshot_parts')).toBe(whole);
  });

  it('is read although another server replaces it meanwhile', async () => {
    await store.snapshots.write(at(5), parts(600));
    const other = await open(url, { kek: [OLD, NEW] });
    const [found] = await Promise.all([readBack(), other.snapshots.write(at(6), parts(1))]);
    expect(found.isForeign).toBe(false);
    expect(found.snapshot).not.toBeNull();
    await other.close();
  });

  it('is gone when it is discarded', async () => {
    await store.snapshots.write(at(5), parts());
    await store.snapshots.discard();
    expect(await readBack()).toEqual({ snapshot: null, isForeign: false });
    expect(await rowsOf('snapshot_parts')).toBe(0);
  });
});

describe('Law 1: a snapshot is nothing, and somebody hears of it, when', () => {
  it.each([
    [
      'its document says it goes further',
      `update countersign.snapshots set document = replace(document, '"next":5', '"next":9')`,
    ],
    ['its document is no JSON', `update countersign.snapshots set document = '{'`],
    ['its MAC is another', `update countersign.snapshots set mac = sha256(mac)`],
    ['it is put under another id', 'update countersign.snapshots set id = gen_random_uuid()'],
    [
      'it is of another fold',
      `update countersign.snapshots set document = replace(document, fold, 'x')`,
    ],
    [
      'a byte of a part is flipped',
      'update countersign.snapshot_parts set bytes = set_byte(bytes, 700, get_byte(bytes, 700) # 1) where number = 1',
    ],
    [
      'a part is cut short',
      'update countersign.snapshot_parts set bytes = substr(bytes, 1, 100) where number = 0',
    ],
    ['a part is empty', `update countersign.snapshot_parts set bytes = '' where number = 0`],
    ['a part is missing', 'delete from countersign.snapshot_parts where number = 1'],
    ['all parts are missing', 'delete from countersign.snapshot_parts'],
    [
      'two parts are swapped',
      'update countersign.snapshot_parts set number = case number when 0 then 1 else 0 end + 100 where number < 2; update countersign.snapshot_parts set number = number - 100 where number >= 100',
    ],
  ])('%s', async (_, text) => {
    await store.snapshots.write(at(5), parts());
    await superuser(text);
    expect(await readBack()).toEqual({ snapshot: null, isForeign: true });
    // It stands in nobody's way.
    expect(await store.snapshots.write(at(5), parts())).toBe(true);
    expect((await readBack()).snapshot).toMatchObject(at(5));
  });

  it('it was made under a key that is not held', async () => {
    await store.snapshots.write(at(5), parts());
    const [row] = await superuser('select fold, id, document, mac from countersign.snapshots');
    const elsewhere = await server.database();
    const stranger = await open(elsewhere, { kek: NEW });
    const copy = `insert into countersign.snapshots (fold, id, document, mac) values ('${row?.['fold']}',
      '${row?.['id']}', '${row?.['document']}', '\\x${Buffer.from(String(row?.['mac'])).toString('hex')}')`;
    await edit(server.asSuperuser(elsewhere), copy);
    expect(await readBack(stranger)).toEqual({ snapshot: null, isForeign: true });
    await stranger.close();
  });
});

describe('a snapshot of another fold', () => {
  it('is left to those who wrote it, and gone when they have been for a week', async () => {
    await store.snapshots.write(at(5), parts());
    await superuser(`update countersign.snapshots set fold = 'of another version'`);
    expect(await readBack()).toEqual({ snapshot: null, isForeign: false });
    await store.snapshots.write(at(4), parts(1));
    expect(await rowsOf('snapshots')).toBe(2);
    await superuser(`update countersign.snapshots set made_at = now() - interval '8 days'
      where fold = 'of another version'`);
    await store.snapshots.write(at(5), parts(1));
    expect(await rowsOf('snapshots')).toBe(1);
  });
});

describe('when the key-encryption key is rotated, a snapshot', () => {
  const rotate = async () => {
    const next = (await store.keks.state()).held.at(-1) ?? '';
    await store.keks.changeOver(next, { id: newId(), type: 'keys.rotated', body: { key: 'kek' } });
  };

  it('of the key before counts no more, and nobody calls it forged', async () => {
    await store.snapshots.write(at(5), parts());
    await rotate();
    expect(await readBack()).toEqual({ snapshot: null, isForeign: false });
    expect(await store.snapshots.latest()).toBeNull();
  });

  it('is dropped, not vouched for anew; the next is under the next key', async () => {
    await store.snapshots.write(at(5), parts());
    await rotate();
    const [old = ''] = (await store.keks.state()).held;
    await store.keks.remake(() => undefined);
    expect(await rowsOf('snapshots')).toBe(0);
    expect((await store.keks.survey()).under.get(old)).toBeUndefined();
    // However far the one before it went.
    expect(await store.snapshots.write(at(3), parts())).toBe(true);
    const after = await open(url, { kek: NEW });
    expect((await readBack(after)).snapshot).toMatchObject(at(3));
    await after.close();
  });
});
