import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { parseCompactJws } from '../src/compact-jws.ts';
import { wasSignedBy } from '../src/verified-signatures.ts';
import { forge, type Holder, newHolder } from './support.ts';

const mine = await newHolder();
const other = await newHolder();
const ec = await newHolder('P-256');

/** Of the signatures that are verified for real. */
const verify = vi.spyOn(crypto.subtle, 'verify');
beforeEach(() => {
  verify.mockClear();
});
afterAll(() => {
  verify.mockRestore();
});

let tokens = 0;
function signedBy(holder: Holder): ReturnType<typeof parseCompactJws> {
  tokens += 1;
  return parseCompactJws(forge({ alg: holder.alg }, { jti: tokens }, holder), 1000);
}

test.each([mine, ec])('what verified once is not verified again: $alg', async (holder) => {
  const jws = signedBy(holder);
  for (let i = 0; i < 3; i += 1) expect(await wasSignedBy(jws, holder.alg, holder)).toBe(true);
  expect(verify).toHaveBeenCalledTimes(1);
});

test('it was that key, that algorithm and those bytes', async () => {
  const jws = signedBy(mine);
  expect(await wasSignedBy(jws, mine.alg, mine)).toBe(true);
  expect(await wasSignedBy(jws, mine.alg, other)).toBe(false);
  expect(await wasSignedBy(jws, 'ES256', mine)).toBe(false);
  const changed = `${jws.text.slice(0, -2)}${jws.text.endsWith('AA') ? 'BA' : 'AA'}`;
  expect(await wasSignedBy({ ...jws, text: changed }, mine.alg, mine)).toBe(false);
});

test('what did not verify is not remembered as if it had', async () => {
  const jws = signedBy(mine);
  for (let i = 0; i < 2; i += 1) expect(await wasSignedBy(jws, mine.alg, other)).toBe(false);
  expect(await wasSignedBy(jws, mine.alg, mine)).toBe(true);
});

test('of more than 4,096 the oldest is forgotten, and no other', async () => {
  const all = Array.from({ length: 4097 }, () => signedBy(mine));
  for (const jws of all) await wasSignedBy(jws, mine.alg, mine);
  verify.mockClear();
  for (const jws of all.slice(1).reverse()) await wasSignedBy(jws, mine.alg, mine);
  expect(verify).not.toHaveBeenCalled();
  expect(await wasSignedBy(all[0] ?? signedBy(other), mine.alg, mine)).toBe(true);
  expect(verify).toHaveBeenCalledTimes(1);
});
