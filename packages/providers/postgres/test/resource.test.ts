import { isNarrowed } from '@countersign/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalResource, covers, formatResource, parseResource } from '../src/resource.ts';
import { identifier } from '../src/sql.ts';

const SELECT = 'postgres:select';

describe('canonicalResource', () => {
  it.each([
    ['public.orders', 'public.orders'],
    ['"public"."orders"', 'public.orders'],
    ['public.orders(b, a,a)', 'public.orders(a,b)'],
    ['public.orders("b","a")', 'public.orders(a,b)'],
    ['"Public".orders', '"Public".orders'],
    ['public."or""ders"', 'public."or""ders"'],
    ['public."a.b"', 'public."a.b"'],
    ['public."a(b)"', 'public."a(b)"'],
    ['public."select"', 'public.select'],
    ['public.o$1', 'public.o$1'],
    ['public."Ünïcode 表"', 'public."Ünïcode 表"'],
    [`public.${'a'.repeat(63)}`, `public.${'a'.repeat(63)}`],
    ['public."x; DROP TABLE y"', 'public."x; DROP TABLE y"'],
    ['pgbench.accounts', 'pgbench.accounts'],
  ])('%s is %s', (spelling, canonical) => {
    expect(canonicalResource(SELECT, spelling)).toBe(canonical);
  });

  it.each([
    '',
    'orders',
    'public.',
    '.orders',
    'public.orders.id',
    'public.*',
    '*.*',
    'public.orders(*)',
    'public.orders()',
    'public.orders(a',
    'public.orders(a,)',
    'public.orders(a)(b)',
    'public.orders (a)',
    ' public.orders',
    'public.orders ',
    'public.orders;',
    'Public.orders',
    'public.ORDERS',
    'public.1orders',
    'public.ördern',
    'public.""',
    'public."a',
    'public."a"b"',
    'public."a\0b"',
    'public."\ud800"',
    `public.${'a'.repeat(64)}`,
    `public."${'ü'.repeat(32)}"`,
    'pg_catalog.pg_authid',
    '"pg_catalog".pg_authid',
    'pg_temp.x',
    'pg_toast.x',
    'information_schema.tables',
  ])('%j is no resource', (spelling) => {
    expect(canonicalResource(SELECT, spelling)).toBeNull();
  });

  it.each(['delete', 'truncate'])('%s knows no columns', (name) => {
    expect(canonicalResource(`postgres:${name}`, 'public.orders')).toBe('public.orders');
    expect(canonicalResource(`postgres:${name}`, 'public.orders(id)')).toBeNull();
  });

  it.each(['create', 'alter', 'drop'])('%s is of a schema as a whole', (name) => {
    expect(canonicalResource(`postgres:${name}`, '"public"')).toBe('public');
    expect(canonicalResource(`postgres:${name}`, '"Pub.lic"')).toBe('"Pub.lic"');
    for (const other of [
      'public.orders',
      'public.*',
      'pg_toast',
      'information_schema',
      'public ',
    ]) {
      expect(canonicalResource(`postgres:${name}`, other), other).toBeNull();
    }
    expect(covers(`postgres:${name}`, 'public', 'public')).toBe(true);
    expect(covers(`postgres:${name}`, 'public', 'sales')).toBe(false);
  });

  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 15 })
    .filter((text) => !text.includes('\0') && Buffer.byteLength(text) <= 63)
    .filter((text) => !text.startsWith('pg_') && text !== 'information_schema');
  const resource = fc.record({
    schema: name,
    table: name,
    columns: fc.option(
      fc.uniqueArray(name, { minLength: 1, maxLength: 4 }).map((columns) => columns.sort()),
    ),
  });

  it('law: what is formatted is parsed back, equal only to itself', () => {
    fc.assert(
      fc.property(resource, resource, (a, b) => {
        const text = formatResource(a);
        expect(parseResource(text)).toEqual(a);
        expect(canonicalResource(SELECT, text)).toBe(text);
        expect(isNarrowed(text)).toBe(a.columns !== null);
        expect(formatResource(b) === text).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it('law: quoting for SQL never ends before its quote does', () => {
    fc.assert(
      fc.property(name, (text) => {
        expect(identifier(text).slice(1, -1).replaceAll('""', '')).not.toContain('"');
        expect(identifier(text)).toBe(`"${text.replaceAll('"', '""')}"`);
      }),
    );
  });

  it('law: anything at all is canonical, made canonical once, or nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab".(),*$ é\0;') }), (text) => {
        const canonical = canonicalResource(SELECT, text);
        if (canonical !== null) expect(canonicalResource(SELECT, canonical)).toBe(canonical);
      }),
    );
  });
});

describe('covers', () => {
  it.each([
    ['a.t', 'a.t', true],
    ['a.t', 'a.t(x)', true],
    ['a.t(x,y)', 'a.t(x)', true],
    ['a.t(x,y)', 'a.t(x,y)', true],
    ['a.t(x)', 'a.t', false],
    ['a.t(x)', 'a.t(x,y)', false],
    ['a.t(x)', 'a.t(y)', false],
    ['a.t', 'a.u', false],
    ['a.t', 'b.t', false],
    ['a.t', 'a."T"', false],
    ['a.t(y,x)', 'a.t(x)', false],
    ['a.*', 'a.t', false],
  ])('%s over %s: %s', (granted, requested, expected) => {
    expect(covers(SELECT, granted, requested)).toBe(expected);
  });
});
