import { expect, test } from 'vitest';
import { EMPTY_CHAIN, extendChain } from '../src/index.ts';

/** What Python's hashlib makes of 32 zero bytes and leaves of ones and of twos. */
const [FIRST, SECOND] = [
  '5c85955f709283ecce2b74f1b1552918819f390911816e7bb466805a38ab87f3',
  'a7f2fad943905535b10ccf63c832802ed84eaffb15e4fb6bee86a817c35eb833',
];
const hex = (chain: Uint8Array) => Buffer.from(chain).toString('hex');
const leaf = (byte: number) => Buffer.alloc(32, byte);

test('a chain is the hash of the chain before and the leaf', () => {
  const first = extendChain(EMPTY_CHAIN, leaf(1));
  expect(hex(first)).toBe(FIRST);
  expect(hex(extendChain(first, leaf(2)))).toBe(SECOND);
});

test('it is of one order', () => {
  const other = extendChain(extendChain(EMPTY_CHAIN, leaf(2)), leaf(1));
  expect(hex(other)).not.toBe(SECOND);
});
