/** What an operation can do at worst by recorded catalogs, read anew: each that counts, and each that does not. */
import { beforeEach, expect, test } from 'vitest';
import { isRecordedAs, recordedThen } from '../src/effects.ts';
import type { LedgerSoFar } from '../src/ledger-so-far.ts';
import { ledgerByHand, operation } from './ledger-by-hand.ts';

let ledger: LedgerSoFar;
beforeEach(() => {
  ledger = ledgerByHand();
});

const then = (name: string) =>
  recordedThen(ledger.state, `postgres:${name}`, 'public.orders', 'staging');
type Catalog = Parameters<LedgerSoFar['state']['catalogs']['set']>[1];
function record(
  digest: string,
  operations: Catalog['operations'],
  more: Partial<Catalog> = {},
): void {
  ledger.state.catalogs.set(digest, { provider: 'postgres', operations, ...more });
}
function adopt(
  digest: string,
  effects: readonly (readonly [string, 'read' | 'delete'])[],
  superseded: string[] = [],
) {
  ledger.state.adopted.set('postgres', { digest, effects: new Map(effects), superseded });
}

test('what no catalog knows has no effect that anybody could tell', () => {
  expect(then('merge')).toBeNull();
  expect(isRecordedAs(ledger.state, 'postgres:merge', true)).toBe(false);
  expect(isRecordedAs(ledger.state, 'postgres:merge', false)).toBe(false);
});

test.each([
  ['read', 'delete'],
  ['delete', 'read'],
] as const)('the worst ever recorded counts, in any order: %s, %s', (first, second) => {
  record('first', [operation('merge', first)]);
  record('second', [operation('merge', second)]);
  expect(then('merge')).toBe('delete');
});

test('one catalog without a rule for the case makes it unknown', () => {
  const effects = [{ effect: 'read', environment_class: 'production' }] as const;
  record('first', [operation('merge', 'read')]);
  record('second', [{ ...operation('merge', 'read'), effects }]);
  expect(then('merge')).toBeNull();
});

test('rules are read for this resource in this class', () => {
  const effects = [
    { effect: 'write' },
    { effect: 'delete', whole_resource: true },
    { effect: 'escalate', environment_class: 'production' },
  ] as const;
  record('rules', [{ ...operation('merge', 'read'), effects }]);
  const of = (resource: string, environmentClass: string) =>
    recordedThen(ledger.state, 'postgres:merge', resource, environmentClass);
  expect(of('public.orders', 'staging')).toBe('delete');
  expect(of('public.orders(id)', 'staging')).toBe('write');
  expect(of('public.orders(id)', 'production')).toBe('escalate');
});

test("another provider's catalog says nothing of it", () => {
  record('railway', [operation('select', 'delete')], { provider: 'railway' });
  expect(then('select')).toBe('read');
});

test('a catalog in whose place humans put another counts no more', () => {
  record('new', [operation('select', 'read')]);
  record('old', [operation('select', 'delete')]);
  adopt('new', [], ['old']);
  expect(then('select')).toBe('read');
});

test('what humans adopted of a catalog counts in its place, and of no other catalog', () => {
  adopt('catalog', [['postgres:select', 'delete']]);
  expect(then('select')).toBe('delete');
  expect(then('update')).toBe('write');
  adopt('new', [['postgres:select', 'delete']]);
  expect(then('select')).toBe('read');
});

test('what humans described counts while they have adopted it', () => {
  record('described', [operation('select', 'delete')], { description: {} });
  expect(then('select')).toBe('read');
  adopt('described', []);
  expect(then('select')).toBe('delete');
  adopt('catalog', []);
  expect(then('select')).toBe('read');
});

test('one catalog that mints credentials for it is enough, and one that never does', () => {
  const recorded = (exchangeable: boolean) =>
    isRecordedAs(ledger.state, 'postgres:select', exchangeable);
  expect([recorded(true), recorded(false)]).toEqual([true, false]);
  record('never', [operation('select', 'read', false)]);
  expect([recorded(true), recorded(false)]).toEqual([true, true]);
});
