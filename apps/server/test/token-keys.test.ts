/** Token keys in their turn on two servers, with the clock moved through months and the rows edited by hand. */
import { randomBytes } from 'node:crypto';
import { createTokenKeys, type TokenKeys } from '@countersign/broker';
import { Secret } from '@countersign/core';
import type { Store } from '@countersign/store';
import { mintSessionToken, verifySessionToken } from '@countersign/tokens';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../src/logger.ts';
import { begin, type KeysDatabase, newId, startKeysDatabase } from './keys-support.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** RFC 8037 appendix A.2. */
const THIEF = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
const ISSUER = 'http://localhost:8420';

let database: KeysDatabase;
let store: Store;
let now: number;

beforeAll(async () => {
  database = await startKeysDatabase();
});
afterAll(() => database.stop());
beforeEach(async () => {
  await database.empty();
  store = await database.open([new Secret('kek', new Uint8Array(randomBytes(32)))]);
  await begin(store);
  now = Date.now();
});
afterEach(() => store.close());

/** What one server knows. */
async function server(): Promise<TokenKeys> {
  const keys = await createTokenKeys({
    rows: store.tokenKeys,
    clock: { now: () => now },
    random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
    log: createLogger('silent'),
  });
  await keys.maintain();
  return keys;
}

function sign(keys: TokenKeys): Promise<string> {
  const iat = Math.floor(now / 1000);
  return mintSessionToken(keys.signer(), {
    iss: ISSUER,
    aud: ISSUER,
    sub: newId(),
    iat,
    nbf: iat,
    exp: iat + 8 * 3600,
    jti: newId(),
    device_kid: 'A'.repeat(43),
    cnf: { jkt: 'B'.repeat(43) },
  });
}

async function verifies(keys: TokenKeys, token: string): Promise<boolean> {
  try {
    await verifySessionToken(token, { keys: await keys.verifying(token), issuer: ISSUER, now });
    return true;
  } catch {
    return false;
  }
}

const statesOf = (keys: TokenKeys) => keys.list().map(({ state }) => state);
const rotations = async () =>
  (
    await store.journal.page({
      after: null,
      limit: 50,
      descending: false,
      types: ['keys.rotated'],
      agent: null,
    })
  ).length;

test('two servers that start at once agree on one key', async () => {
  const servers = await Promise.all([server(), server(), server()]);
  expect(new Set(servers.map((keys) => keys.signer().kid)).size).toBe(1);
  expect(servers.map(statesOf)).toEqual([['present'], ['present'], ['present']]);
});

test('the next is published before it signs, the previous verifies all it signed, then it is gone', async () => {
  const keys = await server();
  const first = keys.signer().kid;
  await keys.rotate(false);
  await keys.rotate(false);
  expect(statesOf(keys)).toEqual(['present', 'next']);
  expect(keys.published()).toHaveLength(2);
  now += 9 * MINUTE;
  expect(keys.signer().kid).toBe(first);
  const last = await sign(keys);
  now += 2 * MINUTE;
  expect(statesOf(keys)).toEqual(['previous', 'present']);
  expect(keys.signer().kid).not.toBe(first);
  now += 7 * HOUR;
  expect(await verifies(keys, last)).toBe(true);
  now += HOUR;
  await keys.maintain();
  expect(statesOf(keys)).toEqual(['present']);
  const rows = await database.edit(
    "select purpose from countersign.sealed_keys where purpose like 'token/%'",
  );
  expect(rows).toHaveLength(1);
});

test('over months one of two servers makes each next key, and no token of either is ever refused by the other', async () => {
  const [a, b] = await Promise.all([server(), server()]);
  const before = await rotations();
  let kept: { token: string; at: number }[] = [];
  for (let step = 0; step < 65 * 8; step += 1) {
    now += 3 * HOUR;
    await Promise.all(step % 3 === 0 ? [a.maintain(), b.maintain()] : [a.maintain()]);
    kept = [...kept.filter(({ at }) => now - at < 8 * HOUR - MINUTE)];
    kept.push({ token: await sign(a), at: now }, { token: await sign(b), at: now });
    for (const { token } of kept) {
      expect([await verifies(a, token), await verifies(b, token)]).toEqual([true, true]);
    }
  }
  expect((await rotations()) - before).toBe(2);
});

test('a server that has not looked since verifies a token of the new key', async () => {
  const [a, b] = await Promise.all([server(), server()]);
  await a.rotate(true);
  const token = await sign(a);
  expect(await verifies(b, token)).toBe(true);
});

test('after a leak nothing signed before verifies, at the server that was told and at the other', async () => {
  const [a, b] = await Promise.all([server(), server()]);
  await a.rotate(false);
  const stolen = await sign(a);
  const rows = await database.edit('select * from countersign.sealed_keys');
  now += MINUTE;
  await a.rotate(true);
  await b.refresh();
  expect([await verifies(a, stolen), await verifies(b, stolen)]).toEqual([false, false]);
  expect(statesOf(a)).toEqual(['present']);
  // The owner of the database puts the leaked key's row back: it is below the floor, for whoever starts too.
  for (const row of rows) {
    await database.edit(`insert into countersign.sealed_keys
      select * from jsonb_populate_record(null::countersign.sealed_keys, '${JSON.stringify(row)}')
      on conflict do nothing`);
  }
  const restarted = await server();
  for (const keys of [a, b, restarted]) {
    await keys.maintain();
    expect(await verifies(keys, stolen)).toBe(false);
  }
});

test('two leaks within a moment leave nothing of the first one, while the time stands still', async () => {
  const [a, b] = await Promise.all([server(), server()]);
  // Ahead of the ledger's, so that nothing moves it on.
  now += HOUR;
  await a.rotate(true);
  const stolen = await sign(a);
  await b.refresh();
  await a.rotate(true);
  await b.refresh();
  expect([await verifies(a, stolen), await verifies(b, stolen)]).toEqual([false, false]);
  expect(await verifies(b, await sign(a))).toBe(true);
});

describe('a row edited by hand', () => {
  test.each(['made_at', 'signs_from', 'ends_at'])(
    'whose %s was moved is no key',
    async (member) => {
      const keys = await server();
      await keys.rotate(false);
      const later = new Date(now + 300 * DAY).toISOString();
      await database.edit(`update countersign.sealed_keys
      set schedule = schedule || '{"${member}":"${later}"}' where purpose like 'token/%'`);
      expect((await store.tokenKeys.read()).keys).toEqual([]);
      // Who runs goes on; who starts makes a key of its own.
      await keys.maintain();
      const token = await sign(keys);
      expect(await verifies(keys, token)).toBe(true);
      expect(statesOf(await server())).toEqual(['present']);
    },
  );

  test.each([
    ['under another name', "purpose = 'token/' || repeat('A', 43)"],
    ["with a thief's public key", `public_jwk = jsonb_set(public_jwk, '{x}', '"${THIEF}"')`],
    ['without its times', 'schedule = null'],
  ])('%s is no key, and is named', async (_, change) => {
    await server();
    await database.edit(`update countersign.sealed_keys set ${change}`);
    const { keys, foreign } = await store.tokenKeys.read();
    expect([keys, foreign]).toEqual([[], [expect.stringMatching(/^token\//)]]);
  });

  test('that is gone brings no earlier key back', async () => {
    const keys = await server();
    const first = keys.signer().kid;
    await keys.rotate(false);
    now += 11 * MINUTE;
    const present = keys.signer().kid;
    await database.edit(`delete from countersign.sealed_keys where purpose = 'token/${present}'`);
    await keys.refresh();
    expect(keys.signer().kid).toBe(present);
    expect(present).not.toBe(first);
  });
});
