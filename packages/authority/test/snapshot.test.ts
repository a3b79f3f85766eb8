/** A state taken apart and put together again, part by part; whatever is folded, by a property beside. */
import { describe, expect, test } from 'vitest';
import {
  type AuthorityState,
  decodeStatement,
  emptyState,
  type KeptStatePart,
  partsOf,
  stateOf,
} from '../src/index.ts';
import { KeptMap } from '../src/kept-map.ts';
import { copyOf } from '../src/snapshot.ts';
import { grantBody, permission } from './support/bodies.ts';
import { team } from './support/deployment.ts';
import { digestsOf, kept, plain } from './support/kept.ts';

/** A team's state with a grant and more statements than one part holds. */
async function lived(): Promise<AuthorityState> {
  const t = await team();
  const reads = [permission({ 'db:select': 'read' }, ['orders'])];
  const body = grantBody({ ...t, environment: t.staging }, reads);
  for (let i = 0; i < 20; i += 1) {
    await t.broker.done(t.broker.draft('grant.create', body), t.alice.key);
  }
  return t.broker.state;
}

describe('put together again', () => {
  test('a state is what it was, read or not', async () => {
    const state = await lived();
    const restored = stateOf(kept(state));
    expect(digestsOf(restored)).toEqual(digestsOf(state));
    expect(digestsOf(copyOf(restored))).toEqual(digestsOf(state));
    expect(plain(restored)).toEqual(plain(state));
    expect(plain(copyOf(restored))).toEqual(plain(state));
    expect(digestsOf(restored)).toEqual(digestsOf(state));
    for (const [id, { decoded }] of restored.statements) {
      const { statement, digest, payload } = decoded;
      expect(decodeStatement(payload)).toEqual({ statement, digest, payload });
      expect(state.statements.get(id)?.decoded.payload).toBe(payload);
    }
  });

  test('a state of other members, keys, values or orders has other digests', async () => {
    const state = await lived();
    const before = digestsOf(state);
    const differing = (change: (copy: AuthorityState) => void): string[] => {
      const copy = copyOf(state);
      change(copy);
      const after = digestsOf(copy);
      return Object.keys(before).filter((member) => before[member] !== after[member]);
    };
    expect(differing(() => undefined)).toEqual([]);
    expect(differing((copy) => copy.names.set('agent/late', 'x'))).toEqual(['names']);
    expect(differing((copy) => copy.humans.clear())).toEqual(['humans']);
    expect(differing((copy) => Object.assign(copy, { size: 1 }))).toEqual(['']);
    expect(
      differing((copy) => {
        const [first] = copy.grants;
        if (first === undefined) throw new Error('there is one');
        copy.grants.delete(first[0]);
        copy.grants.set(...first);
      }),
    ).toEqual(['grants']);
  });

  test('a part is of one member, and not much longer than it need be', async () => {
    const parts = [...partsOf(await lived())];
    const ofStatements = parts.filter(({ member }) => member === 'statements');
    expect(ofStatements.length).toBeGreaterThan(1);
    for (const { keys, texts } of parts) {
      expect(texts).toHaveLength(keys.length);
      expect(texts.slice(0, -1).join('').length).toBeLessThan(16_384);
    }
    for (const { texts } of ofStatements.slice(0, -1)) {
      expect(texts.join('').length).toBeGreaterThanOrEqual(16_384);
    }
    const empty = [...partsOf(emptyState())].filter(({ member }) => member !== '');
    expect(empty.every(({ keys }) => keys.length === 0)).toBe(true);
  });

  test('nothing is read before it is asked for, and a part is opened once for neighbours', async () => {
    const opened: string[] = [];
    const watched = kept(await lived()).map(
      (part): KeptStatePart => ({
        ...part,
        texts: () => {
          opened.push(part.member);
          return part.texts();
        },
      }),
    );
    const state = stateOf(watched);
    expect(opened).toEqual(['']);
    const [first = '', second = ''] = state.grants.keys();
    expect(state.grants.get(first)?.id).toBe(first);
    expect(state.grants.get(second)?.id).toBe(second);
    expect(opened).toEqual(['', 'grants']);
  });
});

describe('a kept map', () => {
  const part = (...keys: string[]) => ({ keys, texts: () => keys.map((key) => `text of ${key}`) });
  function mapOf(...parts: readonly ReturnType<typeof part>[]): KeptMap<string> {
    const map = new KeptMap((text) => text.replace('text', 'value'));
    for (const each of parts) map.keep(each);
    return map;
  }

  test('is a map, in the order of its keys', () => {
    const map = mapOf(part('a', 'b'), part('c'));
    map.set('b', 'changed');
    map.set('d', 'new');
    map.delete('c');
    const entries = [
      ['a', 'value of a'],
      ['b', 'changed'],
      ['d', 'new'],
    ];
    expect([...map]).toEqual(entries);
    expect([...map.entries()]).toEqual(entries);
    expect([...map.keys()]).toEqual(['a', 'b', 'd']);
    expect([...map.values()]).toEqual(['value of a', 'changed', 'new']);
    const seen: unknown[] = [];
    map.forEach((value, key, itself) => {
      seen.push([key, value, itself === map]);
    });
    expect(seen).toEqual(entries.map((entry) => [...entry, true]));
    expect([map.size, map.has('a'), map.has('c'), map.get('c')]).toEqual([
      3,
      true,
      false,
      undefined,
    ]);
  });

  test('hands out its texts as they are, and writes what was changed', () => {
    const map = mapOf(part('a', 'b', 'c'));
    map.set('b', 'changed');
    expect([...map.texts((value) => `written: ${value}`)]).toEqual([
      ['a', 'text of a'],
      ['b', 'written: changed'],
      ['c', 'text of c'],
    ]);
  });

  test('that lacks a text for a key says so, and does not pass over it', () => {
    const map = mapOf({ keys: ['a', 'b'], texts: () => ['text of a'] });
    expect(map.get('a')).toBe('value of a');
    expect(() => map.get('b')).toThrow('a part of a snapshot has a key without a text');
  });
});

test('every member of the state is in its parts, and none else', () => {
  const members = Object.entries(emptyState());
  const single = members.filter(([, value]) => !(value instanceof Map)).map(([name]) => name);
  const [first, ...others] = [...partsOf(emptyState())];
  expect(first?.keys).toEqual(single);
  expect(others.map(({ member }) => member)).toEqual(
    members.filter(([, value]) => value instanceof Map).map(([name]) => name),
  );
});

test('parts of which a member is missing, or of a member nobody knows, are no state', async () => {
  const parts = kept(await lived());
  for (const { member } of parts) {
    const without = parts.filter((part) => part.member !== member);
    expect(() => stateOf(without)).toThrow(/not those of a state/);
  }
  const unknown = { member: 'unheardOf', keys: [], texts: () => [] };
  expect(() => stateOf([...parts, unknown])).toThrow(/not those of a state/);
  expect(() => stateOf([])).toThrow(/not those of a state/);
});

test('a member that holds what has no text is refused, not left out', async () => {
  const state = { ...(await lived()), quirks: new Set(['a']) };
  expect(() => [...partsOf(state)]).toThrow(/no text/);
});

test('a copy does not follow what becomes of the state', async () => {
  for (const state of [await lived(), stateOf(kept(await lived()))]) {
    const before = digestsOf(state);
    const copy = copyOf(state);
    state.names.set('agent/late', 'x');
    state.humans.clear();
    expect(digestsOf(copy)).toEqual(before);
  }
});
