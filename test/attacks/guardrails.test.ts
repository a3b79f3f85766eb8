/** Guardrails under attack: taken away by one, hollowed out, overheard, or edited where they lie. */
import { judge } from '@countersign/authority';
import { toInstant } from '@countersign/core';
import { replayAuthority } from '@countersign/verify';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { enroll, envelopeOf, newId, type Person } from '../support/people.ts';
import { refused } from '../support/refusal.ts';

const SELECT = { operations: ['postgres:select'], resources: ['public.bookings'] };
const ASKED = details(SELECT.operations, SELECT.resources);
const OTHER = { operations: ['postgres:select'], resources: ['public.vehicles'] };
const NO_BOOKINGS =
  '@id("hands-off") forbid (principal, action, resource in Resource::"public.bookings");';

let deployment: Deployment;
let carol: Person;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  const { alice, bob, broker } = deployment;
  carol = await enroll(broker.url, [alice, bob], 'carol', ['admin']);
  await deployment.grant(SELECT);
  await deployment.grant(OTHER);
});
afterAll(async () => {
  await deployment.stop();
});
/** Both take away what stands, so that the next test begins without it. */
afterEach(async () => {
  const { alice } = deployment;
  const { items } = await alice.client.call('guardrails', { query: { standing: 'true' } });
  for (const { id } of items) {
    const answer = await remove(alice, id);
    if (answer.status === 'pending') await carol.sign(answer.id);
  }
});

let made = 0;
const nextName = (): string => {
  made += 1;
  return `rule-${made}`;
};

async function add(policy: string, by: Person = deployment.alice, name = nextName()) {
  return await by.propose({ kind: 'guardrail.add', body: { name, policy, reason: 'never that' } });
}

async function remove(by: Person, guardrail: string) {
  return await by.propose({ kind: 'guardrail.remove', body: { guardrail, reason: 'in the way' } });
}

async function problemOf(work: Promise<unknown>): Promise<unknown> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return error instanceof Error && 'problem' in error ? error.problem : error;
}

describe('one admin alone', () => {
  test('removes a guardrail of another: it takes two', async () => {
    const { cursor } = deployment;
    const { id } = await add(NO_BOOKINGS);
    const answer = await remove(carol, id);
    expect(answer).toMatchObject({ status: 'pending', have: 1, need: 2 });
    await refused(cursor.agent.token(ASKED), 'guardrail');
    await deployment.alice.sign(answer.id);
    await expect(cursor.agent.token(ASKED)).resolves.toBeDefined();
  });

  test('hollows one of another out, under its name', async () => {
    await add(NO_BOOKINGS, deployment.alice, 'hollow');
    const answer = await add(
      'forbid (principal == Agent::"nobody", action, resource);',
      carol,
      'hollow',
    );
    expect(answer).toMatchObject({ status: 'pending', have: 1, need: 2 });
    await refused(deployment.cursor.agent.token(ASKED), 'guardrail');
  });

  test('removes their own after a quarter of an hour', async () => {
    const { alice } = deployment;
    const { id } = await add(NO_BOOKINGS);
    const { statement } = await alice.client.call('draft', {
      body: {
        kind: 'guardrail.remove',
        id: newId(),
        body: { guardrail: id, reason: 'in the way' },
      },
    });
    const body = { envelope: await envelopeOf(statement, alice.privateJwk) };
    const replayed = await replayAuthority(alice.client.exportLines({ authority: true }));
    if (!replayed.ok) throw new Error(replayed.finding.reason);
    const { state, size } = replayed;
    const added = Date.parse(state.guardrails.get(id)?.at ?? '');
    const after = async (minutes: number) =>
      await judge(state, {
        index: size,
        time: toInstant(added + minutes * 60_000),
        type: 'statement.proposed',
        body,
      });
    expect(await after(14)).toMatchObject({ ok: true, status: 'complete' });
    expect(await after(16)).toMatchObject({ ok: true, status: 'pending' });
  });

  test('brings a removed one back as another, by its name', async () => {
    const { id } = await add(NO_BOOKINGS, deployment.alice, 'once');
    await remove(deployment.alice, id);
    await refused(
      add('forbid (principal, action, resource) when { context.hour > 24 };', carol, 'once'),
      'conflict',
    );
  });
});

describe('a text that is no guardrail', () => {
  test.each([
    [
      'a permit smuggled in behind a forbid',
      `${NO_BOOKINGS} permit (principal, action, resource);`,
      /permit/,
    ],
    [
      'a policy that can never forbid',
      'forbid (principal, action, resource) when { false };',
      /impossible/,
    ],
    ['a template', 'forbid (principal == ?principal, action, resource);', /template/],
    [
      'an operation misspelt, which would never match',
      'forbid (principal, action == Action::"postgres:delet", resource);',
      /unrecognized/,
    ],
    [
      'brackets that bring the engine down',
      `forbid (principal, action, resource) when { ${'('.repeat(4000)}true${')'.repeat(4000)} };`,
      /to its end/,
    ],
    [
      'a sum that brings it down when evaluated',
      `forbid (principal, action, resource) when { 1${'+1'.repeat(4000)} > context.hour };`,
      /too deeply|to its end/,
    ],
  ])('%s: refused when drafted, and when proposed without a draft', async (_, policy, words) => {
    const { alice, cursor } = deployment;
    await expect(add(policy)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(words),
    });
    const { broker } = await alice.client.call('broker', {});
    const envelope = await envelopeOf(
      {
        v: 1,
        kind: 'guardrail.add',
        id: newId(),
        broker: broker ?? '',
        issued_at: new Date().toISOString(),
        sign_by: new Date(Date.now() + 60_000).toISOString(),
        body: { guardrail: null, name: 'smuggled', policy, reason: 'nothing to see' },
      },
      alice.privateJwk,
    );
    await expect(alice.client.call('propose', { body: { envelope } })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(words),
    });
    // The engine that others' decisions need is there again.
    await expect(cursor.agent.token(ASKED)).resolves.toBeDefined();
  });
});

describe('a guardrail', () => {
  test('that never evaluates denies everything it touches, and nothing else', async () => {
    const { cursor, alice } = deployment;
    await add(`forbid (principal, action, resource in Resource::"public.bookings")
      when { context.rights + 9223372036854775807 > 0 };`);
    await refused(cursor.agent.token(ASKED), 'guardrail');
    await expect(
      cursor.agent.token(details(OTHER.operations, OTHER.resources)),
    ).resolves.toBeDefined();
    const explained = await alice.client.call('explain', {
      body: {
        agent: 'cursor',
        connection: 'pg-staging',
        environment: 'staging',
        operation: 'postgres:select',
        resource: 'public.bookings',
      },
    });
    expect(explained.steps.at(-1)).toMatchObject({
      step: 'guardrail',
      ok: false,
      text: expect.stringMatching(/could not be evaluated.*overflow/),
    });
  });

  test('holds for a token that was minted before it, at every later step', async () => {
    const { cursor } = deployment;
    const token = await cursor.agent.token(ASKED);
    const { id } = await add(NO_BOOKINGS);
    await refused(cursor.agent.exchange(token, null), 'guardrail');
    await refused(cursor.agent.token(details(null, null)), 'guardrail');
    await remove(deployment.alice, id);
    const credential = await cursor.agent.exchange(token, null);
    await cursor.agent.giveBack(credential.leaseId);
  });

  test('holds for SQL that two humans signed and the broker runs', async () => {
    const { alice, bob, cursor } = deployment;
    const { id } = await alice.propose({
      kind: 'grant.create',
      body: {
        agent: 'cursor',
        connection: 'pg-staging',
        environment: 'staging',
        sql: 'CREATE TABLE public.notes (id int)',
        resource: 'public',
        reason: 'room for notes',
      },
    });
    await bob.sign(id);
    const rule = await add('forbid (principal, action, resource) when { context.grant.sql };');
    const run = () => bob.client.call('runGrant', { params: { id }, body: {} });
    await refused(run(), 'guardrail');
    await expect(cursor.agent.token(ASKED)).resolves.toBeDefined();
    await remove(alice, rule.id);
    expect(await run()).toMatchObject({ outcome: 'committed' });
  });

  test('stops a delete that two humans signed, and explain says that it is the guardrail', async () => {
    const { alice, bob, cursor, grant } = deployment;
    const wanted = { operations: ['postgres:delete'], resources: ['public.bookings'] };
    const { id } = await grant(wanted);
    await bob.sign(id);
    await add('@id("never") forbid (principal, action, resource) when { context.delete_capable };');
    await refused(cursor.agent.token(details(wanted.operations, wanted.resources)), 'guardrail');
    const explained = await alice.client.call('explain', {
      body: {
        agent: 'cursor',
        connection: 'pg-staging',
        environment: 'staging',
        operation: 'postgres:delete',
        resource: 'public.bookings',
      },
    });
    expect(explained).toMatchObject({ allowed: false, code: 'guardrail' });
    expect(explained.steps.at(-1)?.text).toMatch(/policy never, forbids postgres:delete/);
  });

  test('is not told to the agent it stops; the ledger names it and its policy', async () => {
    const { cursor, alice } = deployment;
    const { id } = await add(NO_BOOKINGS, alice, 'secret-rule');
    const problem = await problemOf(cursor.agent.token(ASKED));
    expect(problem).toMatchObject({ code: 'guardrail', halt: true });
    const heard = JSON.stringify(problem);
    for (const told of [id, 'secret-rule', 'hands-off', 'never that', 'Resource::']) {
      expect(heard).not.toContain(told);
    }
    expect(JSON.stringify(await cursor.agent.me())).not.toContain('secret-rule');
    const { items } = await alice.client.call('auditEntries', {
      query: { type: 'decision', limit: 5 },
    });
    const last = items.find(({ body }) => body['verdict'] === 'denied');
    expect(last?.body).toMatchObject({
      code: 'guardrail',
      guardrail: { id, name: 'secret-rule', policy: 'hands-off' },
      reason: expect.stringContaining('Guardrail secret-rule, policy hands-off, forbids'),
    });
  });

  test('is not evaded by naming columns of the table it protects', async () => {
    await add(NO_BOOKINGS);
    for (const resource of ['public.bookings(id)', '"public"."bookings"', 'public."bookings"']) {
      const asked = deployment.cursor.agent.token(details(['postgres:select'], [resource]));
      await refused(asked, 'guardrail');
    }
  });

  test('edited in the database has no other effect than what was signed', async () => {
    const { cursor, alice } = deployment;
    await add(NO_BOOKINGS, alice, 'edited');
    const sql = postgres(deployment.databaseUrl.reveal(), { max: 1, onnotice: () => undefined });
    await sql`
      update countersign.entries set bytes = set_byte(bytes, 200, get_byte(bytes, 200) # 1)
      where index = (select max(index) from countersign.entries where type = 'statement.proposed')`;
    await sql.end();
    await refused(cursor.agent.token(ASKED), 'guardrail');
    await expect(deployment.anotherServer()).rejects.toThrow(/could not start/);
  });
});
