/**
 * A backup of Countersign's own database restored by whoever owns it, against the mirror outside: nothing that
 * was taken away comes back, nothing is used twice, and what is lost is said.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyExport } from '@countersign/verify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { details } from '../support/deployment.ts';
import { readLedger } from '../support/ledger.ts';
import { enroll, type Person } from '../support/people.ts';
import { codeOf, refused } from '../support/refusal.ts';
import { deployRestorable, granted, type Restorable } from '../support/restorable.ts';
import { openSession } from '../support/session.ts';

const SELECT = details(['postgres:select'], ['public.bookings']);

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
  [alice, bob] = await at.signInBoth();
});
afterEach(() => at.stop());

/** A decision, so that more than statements is lost with what comes after it. */
async function decide(): Promise<void> {
  await at.deployment.cursor.agent.token(null);
}

async function restorations() {
  return (await readLedger(alice)).filter(({ type }) => type === 'restored');
}

async function mirrored(folder: 'entry' | 'checkpoint'): Promise<string[]> {
  const path = join(await at.folder(), folder);
  return (await readdir(path)).toSorted().map((name) => join(path, name));
}

describe("last week's backup restored", () => {
  test('an untouched one goes on as it was, so that the cases below mean something', async () => {
    await at.stop();
    await at.start();
    await at.deployment.cursor.agent.token(SELECT);
    expect(await restorations()).toEqual([]);
  });

  test.each([
    ['with nothing but that lost: the tree is the same again', false],
    ['with decisions lost beside it', true],
  ])('after a revocation, %s', async (_, isMore) => {
    const { cursor } = at.deployment;
    const { id } = await granted(alice);
    await at.backUp();
    if (isMore) await decide();
    const answer = await alice.propose({
      kind: 'grant.revoke',
      body: { grant: id, reason: 'over' },
    });
    expect(answer).toMatchObject({ status: 'complete', mirrored: true });
    await at.restore();
    await at.start();
    alice = await at.signIn(alice);
    const wanted = details(['postgres:select'], ['public.vehicles']);
    await refused(cursor.agent.token(wanted), 'resource_not_granted');
    expect(await restorations()).toHaveLength(isMore ? 1 : 0);
  });

  test('after a freeze', async () => {
    const { cursor } = at.deployment;
    await at.backUp();
    await decide();
    const target = { kind: 'everything', id: null } as const;
    await bob.propose({ kind: 'freeze', body: { target, reason: 'odd queries' } });
    await at.restore();
    await at.start();
    await refused(cursor.agent.token(SELECT), 'frozen');
  });

  test('after a human was removed: they neither sign in nor sign', async () => {
    const { broker } = at.deployment;
    const carol = await enroll(broker.url, [alice, bob], 'carol', ['admin', 'approver']);
    await at.backUp();
    const removal = await alice.propose({
      kind: 'human.remove',
      body: { human: 'bob', reason: 'left' },
    });
    if (removal.status === 'pending') await carol.sign(removal.id);
    await at.restore();
    await at.start();
    expect(await codeOf(at.signIn(bob))).toBe('unauthenticated');
    alice = await at.signIn(alice);
    const waiting = await granted(alice, {
      operations: ['postgres:delete'],
      environment: 'staging',
    });
    expect(waiting.status).toBe('pending');
    expect(await codeOf(bob.sign(waiting.id))).toMatch(/token/);
  });

  test('a single use that was used: it is not used again', async () => {
    const { cursor } = at.deployment;
    const { id } = await granted(alice, { max_uses: 1 });
    const wanted = details(['postgres:select'], ['public.vehicles']);
    await at.backUp();
    await cursor.agent.exchange(await cursor.agent.token(wanted), null);
    await refused(cursor.agent.token(wanted), 'grant_exhausted');
    // A statement takes its place beside it in the mirror at once; a use alone within ten seconds.
    await granted(alice, { resources: ['public.customers'] });
    await at.restore();
    await at.start();
    alice = await at.signIn(alice);
    await refused(cursor.agent.token(wanted), 'resource_not_granted');
    expect(await alice.client.call('grant', { params: { id } })).toMatchObject({
      status: 'revoked',
      reasons: [expect.stringMatching(/restored/)],
    });
  });

  test('before an earlier restoration: what was void then is void', async () => {
    const { cursor } = at.deployment;
    const limited = await granted(alice, { max_uses: 5 });
    await at.backUp();
    for (let round = 0; round < 2; round += 1) {
      await decide();
      await granted(alice, { resources: ['public.customers'] });
      await at.restore();
      await at.start();
      alice = await at.signIn(alice);
    }
    const found = await restorations();
    expect(found.map(({ body }) => body['line'])).toMatchObject([{ number: 1 }, { number: 2 }]);
    const view = await alice.client.call('grant', { params: { id: limited.id } });
    expect(view.status).toBe('revoked');
    await cursor.agent.token(SELECT);
  });
});

describe("last night's backup restored honestly", () => {
  test('leases are gone, limited grants void, ordinary ones work, and verify reports the gap', async () => {
    const { cursor } = at.deployment;
    const token = await cursor.agent.token(SELECT);
    const known = await cursor.agent.exchange(token, null);
    const dangerous = await granted(alice, { operations: ['postgres:delete'] });
    await bob.sign(dangerous.id);
    const limited = await granted(alice, { max_uses: 100, resources: ['public.customers'] });
    await at.backUp();
    const unknown = await cursor.agent.exchange(await cursor.agent.token(SELECT), null);
    const late = await granted(alice, { resources: ['public.customers'] });
    const seen = await verifyExport(alice.client.exportLines({ authority: false }));
    await at.restore();
    await at.start();
    // A token of before ended with what is lost; so did every session.
    expect(await codeOf(cursor.agent.exchange(token, null))).toMatch(/token/);
    expect(await codeOf(alice.client.call('humans', {}))).toMatch(/token/);
    alice = await at.signIn(alice);
    for (const credential of [known, unknown]) {
      await expect
        .poll(
          async () =>
            openSession(credential).then(
              () => 'open',
              () => 'gone',
            ),
          {
            timeout: 60_000,
          },
        )
        .toBe('gone');
    }
    const status = async ({ id }: { id: string }) =>
      (await alice.client.call('grant', { params: { id } })).status;
    expect(await Promise.all([dangerous, limited, late].map(status))).toEqual([
      'revoked',
      'revoked',
      'active',
    ]);
    const again = await cursor.agent.exchange(await cursor.agent.token(SELECT), null);
    await (await openSession(again)).end();
    const report = await verifyExport(alice.client.exportLines({ authority: false }));
    const [restored] = await restorations();
    expect(report).toMatchObject({ ok: true, gaps: [{ accepted: null, replayed: 1 }] });
    expect(report.gaps[0]?.mirror.size).toBe(seen.checkpoint?.size);
    expect(restored?.body['lost']).toMatchObject({ last: (seen.checkpoint?.size ?? 0) - 1 });
  });

  test('two servers that start at once restore it once', async () => {
    await at.backUp();
    await decide();
    await granted(alice);
    await at.restore();
    const [, another] = await Promise.all([at.start(), at.deployment.anotherServer()]);
    alice = await at.signIn(alice);
    expect(await restorations()).toHaveLength(1);
    await another.stop();
  });

  test('stopped before its mirror heard of it: the next start goes on', async () => {
    await at.backUp();
    await decide();
    await granted(alice);
    await at.restore();
    await at.start();
    await expect.poll(() => at.lines(), { timeout: 10_000 }).toHaveLength(2);
    await at.stop();
    const [, line = ''] = await at.lines();
    await rm(join(at.mirror, 'line', line));
    await at.start();
    alice = await at.signIn(alice);
    expect(await at.whatIsServed()).toBe('ready');
    expect(await restorations()).toHaveLength(1);
    await expect.poll(() => at.lines(), { timeout: 10_000 }).toHaveLength(2);
  });
});

describe('a mirror that is not what it was', () => {
  test('older than the database: it is caught up with', async () => {
    const before = await mirrored('entry');
    await at.stop();
    await at.start({ COUNTERSIGN_MIRROR: '' });
    alice = await at.signIn(alice);
    expect(await granted(alice)).toMatchObject({ mirrored: null });
    await at.stop();
    await at.start();
    await expect.poll(() => mirrored('entry'), { timeout: 10_000 }).toHaveLength(before.length + 1);
  });

  test('with a statement taken out of it: it is put back while the database has it', async () => {
    const before = await mirrored('entry');
    await at.stop();
    await rm(before[1] ?? '');
    await at.start();
    await expect.poll(() => mirrored('entry'), { timeout: 20_000 }).toEqual(before);
    // Said once all of them are there again.
    await expect
      .poll(() => at.broker?.output(), { timeout: 20_000 })
      .toMatch(/gone from the mirror/);
  });

  test('deleted: it is made anew from the database, and the log says so', async () => {
    const before = await mirrored('entry');
    await at.stop();
    for (const name of await readdir(at.mirror))
      await rm(join(at.mirror, name), { recursive: true });
    const broker = await at.start();
    expect(broker.output()).toMatch(/the mirror is empty/);
    await expect.poll(() => at.whatIsServed()).toBe('ready');
    await expect
      .poll(async () => (await readdir(at.mirror)).includes('line') && (await mirrored('entry')), {
        timeout: 10_000,
      })
      .toEqual(before);
  });

  test.each<[string, (latest: string) => Promise<void>]>([
    ['a statement is missing in it', (latest) => rm(latest)],
    [
      'a statement in it was changed',
      async (latest) => {
        const text = await readFile(latest, 'utf8');
        await writeFile(
          latest,
          text.replace(/[A-Z]/, (c) => (c === 'A' ? 'B' : 'A')),
        );
      },
    ],
    [
      'one statement has the place of another',
      async (latest) => {
        const [other = ''] = await mirrored('entry');
        await writeFile(latest, await readFile(other));
      },
    ],
    [
      'its checkpoints are gone',
      async () => {
        for (const name of await mirrored('checkpoint')) await rm(name);
      },
    ],
    [
      'its checkpoint is signed by nobody known',
      async () => {
        const [newest = ''] = await mirrored('checkpoint');
        const text = await readFile(newest, 'utf8');
        await writeFile(newest, text.replace(/[^ ]+\n$/, `${'A'.repeat(91)}=\n`));
      },
    ],
  ])('%s, and the database older: nothing is decided', async (_, spoil) => {
    const { cursor } = at.deployment;
    await at.backUp();
    await granted(alice);
    await at.restore();
    await spoil((await mirrored('entry')).at(-1) ?? '');
    await at.start();
    expect(await at.whatIsServed()).toBe('mirror');
    await refused(cursor.agent.token(SELECT), 'broker_unavailable');
    alice = await at.signIn(alice);
    expect(await restorations()).toEqual([]);
  });

  test('of a ledger that went on elsewhere: nothing is decided', async () => {
    const { cursor } = at.deployment;
    await at.backUp();
    await granted(alice);
    await at.restore();
    await at.start({ COUNTERSIGN_MIRROR: '' });
    alice = await at.signIn(alice);
    await granted(alice, { resources: ['public.customers'] });
    await at.stop();
    await at.start();
    expect(await at.whatIsServed()).toBe('mirror');
    await refused(cursor.agent.token(SELECT), 'broker_unavailable');
  });

  test('beside an empty database: there is no start, and so no code to begin anew with', async () => {
    await at.wipe();
    await expect(at.start()).rejects.toThrow(/The database is empty and COUNTERSIGN_MIRROR is not/);
  });
});
