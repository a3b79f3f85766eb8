/** A database and a mirror that do not agree: what is served until two humans have said which goes on. */
import { readdir, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { ProblemError } from '@countersign/client';
import { verifyExport } from '@countersign/verify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { details, grantDraft } from '../support/deployment.ts';
import { envelopeOf, newId, type Person } from '../support/people.ts';
import { codeOf } from '../support/refusal.ts';
import { deployRestorable, type Restorable } from '../support/restorable.ts';
import { openSession } from '../support/session.ts';

const SELECT = details(['postgres:select'], ['public.bookings']);
const NEXT = 'countersign audit restore --reason TEXT';
const ACCEPT = { kind: 'restore.accept', body: { reason: 'the other one was a test' } } as const;

let at: Restorable;
let alice: Person;
let bob: Person;

async function signIn(): Promise<void> {
  [alice, bob] = await at.signInBoth();
}

async function readiness(): Promise<readonly [number, unknown]> {
  const answer = await fetch(`${at.deployment.broker.url}/readyz`);
  const body: unknown = await answer.json();
  const reason =
    typeof body === 'object' && body !== null && 'reason' in body ? body.reason : 'ready';
  return [answer.status, reason];
}

async function refusalOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof ProblemError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'none';
}

beforeAll(async () => {
  at = await deployRestorable();
});
afterAll(() => at.end());

describe('a database that went on without its mirror', () => {
  let waiting: string;

  beforeAll(async () => {
    await at.reset();
    await at.start();
    await signIn();
    await at.backUp();
    await alice.propose(grantDraft({ operations: ['postgres:select'], resources: ['public.a'] }));
    await at.restore();
    await at.start({ COUNTERSIGN_MIRROR: '' });
    await signIn();
    const draft = { operations: ['postgres:delete'], resources: ['public.bookings'] };
    const grant = await alice.propose(grantDraft(draft));
    waiting = grant.id;
    await at.deployment.cursor.agent.exchange(await at.deployment.cursor.agent.token(SELECT), null);
    await at.stop();
    await at.start();
    await signIn();
  });

  test('is not ready, and says why', async () => {
    expect(await readiness()).toEqual([503, 'mirror']);
  });

  test('serves who reads', async () => {
    const { items } = await alice.client.call('humans', {});
    expect(items.map(({ name }) => name).sort()).toEqual(['alice', 'bob']);
    await alice.client.call('auditEntries', { query: { limit: 1 } });
    expect(await verifyExport(alice.client.exportLines({ authority: false }))).toMatchObject({
      ok: true,
    });
  });

  test.each<[string, () => Promise<unknown>]>([
    ['a token', () => at.deployment.cursor.agent.token(SELECT)],
    [
      'a grant',
      () =>
        alice.propose(
          grantDraft({ operations: ['postgres:select'], resources: ['public.bookings'] }),
        ),
    ],
    [
      'a freeze',
      () =>
        bob.propose({
          kind: 'freeze',
          body: { target: { kind: 'everything', id: null }, reason: 'odd' },
        }),
    ],
    ['a signature on what waits', () => bob.sign(waiting)],
    ['a veto', () => bob.reject(waiting, 'no')],
    [
      'an invitation',
      () => alice.client.call('invite', { body: { name: 'x', roles: ['auditor'], groups: [] } }),
    ],
  ])('refuses %s, and names what ends it', async (_, attempt) => {
    const said = await refusalOf(attempt());
    expect(said).toMatch(/^broker_unavailable: /);
    expect(said).toContain(NEXT);
  });

  test('is not gone on with by one human, nor by a statement of another mirror', async () => {
    const mine = await alice.propose(ACCEPT);
    expect(mine).toMatchObject({ status: 'pending', have: 1, need: 2 });
    expect(await codeOf(alice.sign(mine.id))).toBe('conflict');
    const { statement } = await bob.client.call('draft', { body: { ...ACCEPT, id: newId() } });
    if (statement.kind !== 'restore.accept') throw new Error('another draft');
    const { mirror } = statement.body;
    for (const body of [
      { ...statement.body, mirror: { ...mirror, size: mirror.size - 1 } },
      { ...statement.body, restored: mirror },
    ]) {
      const other = await envelopeOf({ ...statement, body }, bob.privateJwk);
      expect(await codeOf(bob.client.call('propose', { body: { envelope: other } }))).toBe(
        'conflict',
      );
    }
    expect(await readiness()).toEqual([503, 'mirror']);
  });

  test('goes on by two: leases end, limited and delete-capable grants are void, the rest works', async () => {
    const { cursor } = at.deployment;
    const accept = await alice.propose(ACCEPT);
    expect(await bob.sign(accept.id)).toMatchObject({ status: 'complete' });
    expect(await readiness()).toEqual([200, 'ready']);
    await signIn();
    const leases = async () =>
      (await alice.client.call('leases', {})).items.filter(({ state }) => state === 'active');
    await expect.poll(leases, { timeout: 30_000 }).toEqual([]);
    const credential = await cursor.agent.exchange(await cursor.agent.token(SELECT), null);
    await (await openSession(credential)).end();
    const report = await verifyExport(alice.client.exportLines({ authority: false }));
    expect(report).toMatchObject({ ok: true, gaps: [{ lost: null, accepted: accept.id }] });
  });

  test('has a mirror again, from then on and at the next start', async () => {
    const grant = grantDraft({ operations: ['postgres:select'], resources: ['public.vehicles'] });
    expect(await alice.propose(grant)).toMatchObject({ mirrored: true });
    expect(await readdir(join(at.mirror, 'line'))).toHaveLength(2);
    await at.stop();
    await at.start();
    expect(await readiness()).toEqual([200, 'ready']);
    await signIn();
    expect(await codeOf(alice.propose(ACCEPT))).toBe('conflict');
  });
});

describe('a mirror that proves nothing any more', () => {
  test('is gone on beside by two, and the next start too', async () => {
    await at.reset();
    await at.start();
    await signIn();
    await at.backUp();
    await alice.propose(grantDraft({ operations: ['postgres:select'], resources: ['public.a'] }));
    await at.restore();
    const checkpoints = join(at.mirror, '00000000.genesis', 'checkpoint');
    for (const name of await readdir(checkpoints)) await rm(join(checkpoints, name));
    await at.start();
    await signIn();
    const accept = await alice.propose(ACCEPT);
    await bob.sign(accept.id);
    expect(await readiness()).toEqual([200, 'ready']);
    await at.stop();
    await at.start();
    expect(await readiness()).toEqual([200, 'ready']);
    await signIn();
    const report = await verifyExport(alice.client.exportLines({ authority: false }));
    expect(report).toMatchObject({ ok: true, gaps: [{ mirror: { size: 0 } }] });
  });
});

describe('a mirror that is away for a while', () => {
  const RIGHTS = { operations: ['postgres:select'], resources: ['public.customers'] };

  beforeAll(async () => {
    await at.reset();
    await at.start();
    await signIn();
  });

  test('keeps nobody from stopping anything, and is caught up with', async () => {
    const { cursor } = at.deployment;
    expect(await alice.propose(grantDraft(RIGHTS))).toMatchObject({ mirrored: true });
    await rename(at.mirror, `${at.mirror}-away`);
    const target = { kind: 'agent', id: 'cursor' } as const;
    const freeze = await bob.propose({ kind: 'freeze', body: { target, reason: 'odd' } });
    expect(freeze).toMatchObject({ status: 'complete', mirrored: false });
    expect(await codeOf(cursor.agent.token(SELECT))).toBe('frozen');
    expect(await readiness()).toEqual([200, 'ready']);
    const before = await readdir(join(`${at.mirror}-away`, '00000000.genesis', 'entry'));
    await rename(`${at.mirror}-away`, at.mirror);
    await expect
      .poll(() => readdir(join(at.mirror, '00000000.genesis', 'entry')), { timeout: 30_000 })
      .toHaveLength(before.length + 1);
  });
});

describe('a mirror that cannot be reached', () => {
  const S3 = {
    COUNTERSIGN_MIRROR: 's3://mirror',
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'k',
  };

  beforeAll(async () => {
    await at.reset();
  });

  test('at a start: nothing is decided until it can, and humans are told', async () => {
    const away = createServer((_, answer) => answer.writeHead(503).end());
    await new Promise<void>((resolve) => away.listen(0, '127.0.0.1', resolve));
    const address = away.address();
    const port = address === null || typeof address === 'string' ? 0 : address.port;
    await at.start({ ...S3, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` });
    expect(await readiness()).toEqual([503, 'mirror']);
    expect(await refusalOf(at.deployment.cursor.agent.token(SELECT))).toMatch(/cannot be read/);
    await signIn();
    expect(await codeOf(alice.propose(ACCEPT))).toBe('conflict');
    away.removeAllListeners('request');
    away.on('request', (_, answer) => answer.end('<ListBucketResult></ListBucketResult>'));
    await expect.poll(readiness, { timeout: 30_000 }).toEqual([200, 'ready']);
    away.removeAllListeners('request');
    away.on('request', (_, answer) => answer.writeHead(403).end());
    const freeze = await bob.propose({
      kind: 'freeze',
      body: { target: { kind: 'agent', id: 'cursor' }, reason: 'odd queries' },
    });
    // Law 5 the other way round: what stops something waits for nobody.
    expect(freeze).toMatchObject({ status: 'complete', mirrored: false });
    expect(await codeOf(at.deployment.cursor.agent.token(SELECT))).toBe('frozen');
    away.closeAllConnections();
    away.close();
  });
});
