/**
 * What a database owner, a writer of the mirror, or both try beside a restored backup: to be taken for level, to
 * be accepted twice, to make the mirror say what it never said, to leave no profile that notices.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAgent, createClient } from '@countersign/client';
import { verifyExport } from '@countersign/verify';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { withoutLostTime } from '../../apps/cli/src/lost-time.ts';
import { type Profile, withVerified } from '../../apps/cli/src/profile.ts';
import { besides } from '../support/besides.ts';
import { details } from '../support/deployment.ts';
import type { Person } from '../support/people.ts';
import { refused } from '../support/refusal.ts';
import { deployRestorable, granted, type Restorable } from '../support/restorable.ts';

const DELETE = details(['postgres:delete'], ['public.vehicles']);
const SELECT = details(['postgres:select'], ['public.vehicles']);
const ACCEPT = { kind: 'restore.accept', body: { reason: 'the mirror was lost' } } as const;
const Size = z.tuple([z.object({ size: z.coerce.number() })]);
const Leaves = z.array(z.object({ index: z.coerce.number(), leaf_hash: z.instanceof(Uint8Array) }));

let at: Restorable;
let alice: Person;
let bob: Person;

beforeAll(async () => {
  at = await deployRestorable();
});
afterAll(() => at.end());
beforeEach(async () => {
  await at.reset();
  await at.start();
  await signIn();
});
afterEach(() => at.stop());

async function signIn(): Promise<void> {
  [alice, bob] = await at.signInBoth();
}

async function owner<T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(at.deployment.databaseUrl.reveal(), { max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

async function size(): Promise<number> {
  return await owner(
    async (sql) => Size.parse(await sql`select size from countersign.head`)[0].size,
  );
}

async function leaves() {
  return await owner(async (sql) =>
    Leaves.parse(await sql`select index, leaf_hash from countersign.entries order by index`),
  );
}

async function newest(): Promise<{ readonly path: string; readonly size: number }> {
  const path = join(await at.folder(), 'checkpoint');
  const [name = ''] = (await readdir(path)).filter((each) => !each.startsWith('.')).toSorted();
  return { path: join(path, name), size: 10 ** 15 - 1 - Number(name) };
}

async function reaches(entries: number): Promise<void> {
  await expect
    .poll(async () => (await newest()).size, { timeout: 60_000 })
    .toBeGreaterThanOrEqual(entries);
}

/** A delete that was signed for once, and used once, with a copy of the database from before its use. */
async function usedOnce(): Promise<void> {
  const { cursor } = at.deployment;
  const grant = await granted(alice, { operations: ['postgres:delete'], max_uses: 1 });
  await bob.sign(grant.id);
  await at.backUp();
  await cursor.agent.exchange(await cursor.agent.token(DELETE), null);
  await refused(cursor.agent.token(DELETE), 'grant_exhausted');
  await reaches(await size());
}

/** Two humans go on with what there is; every session ends with it. */
async function accept(): Promise<void> {
  await signIn();
  const before = await at.lines();
  const { id } = await alice.propose(ACCEPT);
  await bob.sign(id);
  await expect.poll(() => at.whatIsServed(), { timeout: 30_000 }).toBe('ready');
  await expect.poll(() => at.lines(), { timeout: 30_000 }).toHaveLength(before.length + 1);
  await signIn();
}

describe("the database's owner alone, beside an honest mirror", () => {
  /** So that no catching up succeeds. */
  const NO_RESTORED = `
    create function countersign.no() returns trigger language plpgsql as $$
      begin if new.type = 'restored' then raise exception 'no'; end if; return new; end $$;
    create trigger no before insert on countersign.entries
      for each row execute function countersign.no()`;

  test('leaf hashes written over those of another history do not make it level, and no single use comes back', async () => {
    await usedOnce();
    await at.stop();
    const end = (await newest()).size;
    const genuine = await leaves();
    await at.restore();
    const start = await size();
    await owner((sql) => sql.unsafe(NO_RESTORED));
    await at.start();
    expect(await at.whatIsServed()).toBe('mirror');
    while ((await size()) < end) await at.signIn(alice);
    await owner(async (sql) => {
      for (const { index, leaf_hash } of genuine) {
        if (index < start || index >= end) continue;
        await sql`update countersign.entries set leaf_hash = ${leaf_hash} where index = ${index}`;
      }
    });
    await expect.poll(() => at.broker?.output(), { timeout: 30_000 }).toMatch(/was rewritten/);
    expect(await at.whatIsServed()).toBe('mirror');
    await refused(at.deployment.cursor.agent.token(DELETE), 'broker_unavailable');
  });

  test('strangers make no ledger grow that halts', async () => {
    await at.backUp();
    await at.deployment.cursor.agent.token(null);
    await granted(alice);
    await at.restore();
    await owner((sql) => sql.unsafe(NO_RESTORED));
    await at.start();
    const before = await size();
    const answer = await fetch(`${at.deployment.broker.url}/v1/humans`, {
      headers: { authorization: 'Bearer x.y.z' },
    });
    expect(answer.status).toBe(401);
    // A server that stops writes every sum that it has.
    await at.stop();
    expect(await size()).toBe(before);
  });
});

describe('what two humans accepted once', () => {
  test('is not accepted again by itself, for another restored copy beside a mirror that tells as little', async () => {
    const { cursor } = at.deployment;
    await loseCheckpoints();
    await at.start();
    await accept();
    const { id } = await granted(alice);
    await at.backUp();
    await cursor.agent.token(SELECT);
    await alice.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'over' } });
    await at.restore();
    await loseCheckpoints();
    await writeFile(join(at.mirror, 'line', `00000050.${randomUUID()}`), '');
    await at.start();
    expect(await at.whatIsServed()).toBe('mirror');
    await refused(cursor.agent.token(SELECT), 'broker_unavailable');
  });

  test('is accepted anew by two', async () => {
    for (const _ of ['once', 'again']) {
      await loseCheckpoints();
      await at.start();
      expect(await at.whatIsServed()).toBe('mirror');
      await accept();
    }
  });

  /** Of the latest line, while no server runs. */
  async function loseCheckpoints(): Promise<void> {
    await at.stop();
    const path = join(await at.folder(), 'checkpoint');
    for (const name of await readdir(path)) await rm(join(path, name));
  }
});

describe('who may write into the mirror, and not delete there', () => {
  test('an old checkpoint under the name of a newer one brings no single use back', async () => {
    await at.stop();
    await at.start();
    const old = await readFile((await newest()).path);
    await usedOnce();
    await at.restore();
    await writeFile(join(await at.folder(), 'checkpoint', '000000000000000'), old);
    await at.start();
    expect(await at.whatIsServed()).toBe('mirror');
    await refused(at.deployment.cursor.agent.token(DELETE), 'broker_unavailable');
  });

  test.each([1, 50, 99_999_999])(
    'a line %i that nobody signed is none, and an honest restore stays automatic',
    async (number) => {
      const { cursor } = at.deployment;
      const { id } = await granted(alice);
      await at.backUp();
      await cursor.agent.token(SELECT);
      await alice.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'over' } });
      const genuine = await readFile((await newest()).path);
      await at.restore();
      const line = `${String(number).padStart(8, '0')}.${randomUUID()}`;
      await writeFile(join(at.mirror, 'line', line), '');
      await mkdir(join(at.mirror, line, 'checkpoint'), { recursive: true });
      await writeFile(join(at.mirror, line, 'checkpoint', '000000000000001'), genuine);
      await at.start();
      expect(await at.whatIsServed()).toBe('ready');
      await refused(cursor.agent.token(SELECT), 'resource_not_granted');
      await signIn();
      const answer = await granted(alice, { resources: ['public.customers'] });
      expect(answer).toMatchObject({ mirrored: true });
    },
  );

  test('the name of the line written over: what it holds is replayed all the same', async () => {
    const { cursor } = at.deployment;
    const { id } = await granted(alice);
    await at.backUp();
    await alice.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'over' } });
    await at.restore();
    for (const name of await at.lines()) await writeFile(join(at.mirror, 'line', name), '');
    await at.start();
    expect(await at.whatIsServed()).toBe('ready');
    await refused(cursor.agent.token(SELECT), 'resource_not_granted');
  });

  test('all of it written over is no empty mirror: it halts until two go on, and then has another line', async () => {
    await granted(alice);
    await at.backUp();
    await granted(alice, { resources: ['public.customers'] });
    await at.restore();
    for (const entry of await readdir(at.mirror, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) await writeFile(join(entry.parentPath, entry.name), 'x');
    }
    await at.start();
    expect(await at.whatIsServed()).toBe('mirror');
    await refused(at.deployment.cursor.agent.token(SELECT), 'broker_unavailable');
    await accept();
    await at.stop();
    await at.start();
    expect(await at.whatIsServed()).toBe('ready');
  });
});

describe('a rollback behind a gap that is known', () => {
  test('is noticed by whoever verified since, though it ends in the time that was lost before', async () => {
    await at.backUp();
    for (let n = 0; n < 12; n += 1) await at.deployment.cursor.agent.token(null);
    await reaches(await size());
    await at.restore();
    await at.start();
    await signIn();
    await at.backUp();
    await signIn();
    const before = await verify(PROFILE);
    expect(before).toMatchObject({ ok: true, gaps: [{ accepted: null }] });
    const profile = withVerified(PROFILE, before);
    const [{ size: seen } = { size: 0 }] = profile.seen;
    expect(before.gaps[0]?.lost?.last).toBeGreaterThan(seen);
    // Emptied as well, so that only profiles can notice.
    await at.restore();
    for (const name of await readdir(at.mirror))
      await rm(join(at.mirror, name), { recursive: true });
    await at.start();
    alice = await at.signIn(alice);
    const { gaps } = await verify(PROFILE);
    expect(withoutLostTime(PROFILE_OF(seen), gaps).seen).toEqual([]);
    expect(withoutLostTime(profile, gaps)).toEqual(profile);
    expect(await verify(profile)).toMatchObject({ ok: false });
  });

  const PROFILE: Profile = {
    server: '',
    issuer: '',
    broker: '',
    name: 'alice',
    kid: '',
    seen: [],
    gaps: [],
  };

  /** Of somebody who saw a tree of that size, and no ledger with a gap. */
  const PROFILE_OF = (seen: number): Profile => ({ ...PROFILE, seen: [{ size: seen, root: '' }] });

  const verify = ({ seen }: Profile) =>
    verifyExport(alice.client.exportLines({ authority: false }), { seen });
});

describe('two servers on two copies, beside one mirror', () => {
  const OTHER = 'drop database if exists other with (force)';
  afterEach(() => besides(at.deployment, OTHER));

  test('a use and a revocation at one stop the other, and an honest server goes on', async () => {
    const { cursor } = at.deployment;
    const plain = await granted(alice);
    const once = await granted(alice, { operations: ['postgres:delete'], max_uses: 1 });
    await bob.sign(once.id);
    await at.stop();
    await besides(at.deployment, OTHER);
    await besides(at.deployment, 'create database other template countersign');
    await at.start();
    const url = new URL(at.deployment.databaseUrl.reveal());
    url.pathname = '/other';
    const another = await at.deployment.anotherServer({ env: { DATABASE_URL: url.href } });
    const there = createAgent(createClient({ server: another.url }), cursor);
    alice = await at.signIn(alice);
    await cursor.agent.exchange(await cursor.agent.token(DELETE), null);
    await alice.propose({ kind: 'grant.revoke', body: { grant: plain.id, reason: 'over' } });
    await reaches(await size());
    await expect.poll(() => at.whatIsServed(another.url), { timeout: 40_000 }).toBe('mirror');
    await refused(there.token(DELETE), 'broker_unavailable');
    await refused(there.token(SELECT), 'broker_unavailable');
    await another.stop();
    // Whatever the other one had written by then, this one goes on: at once, or by two.
    await at.stop();
    await at.start();
    if ((await at.whatIsServed()) === 'mirror') await accept();
    await refused(cursor.agent.token(SELECT), 'resource_not_granted');
  });
});
