/** What one agent can do to a server by what it asks, and what a client's haste does to its own requests. */
import { createAgent, createClient, ProblemError } from '@countersign/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Deployment,
  deploy,
  details,
  grantDraft,
  type TestAgent,
} from '../support/deployment.ts';
import { codeOf, refused } from '../support/refusal.ts';

let deployment: Deployment;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
});
afterAll(async () => {
  await deployment.stop();
});

describe('load by one agent', () => {
  test('more granted than a token holds: an empty token, still good for asking', async () => {
    const { alice, registerAgent } = deployment;
    const greedy = await registerAgent('greedy');
    for (let grant = 0; grant < 3; grant += 1) {
      const resources = Array.from({ length: 200 }, (_, i) => `public.table_${grant}_${i}`);
      const draft = grantDraft({
        agent: 'greedy',
        operations: ['postgres:insert', 'postgres:select'],
        resources,
      });
      await alice.propose(draft);
    }
    const token = await greedy.agent.token(null);
    expect(token.authorizationDetails).toEqual([]);
    expect((await greedy.agent.me()).grants).toHaveLength(3);
    const some = details(['postgres:select'], ['public.table_1_7']);
    expect((await greedy.agent.token(some)).authorizationDetails).toEqual(some);
  });

  test('six hundred rights at once: one entry holds them, and the tables decide', async () => {
    const { grant, registerAgent } = deployment;
    const many = await registerAgent('many');
    const operations = ['postgres:insert', 'postgres:select', 'postgres:update'];
    const resources = Array.from({ length: 200 }, (_, i) => `public.many_${i}`);
    await grant({ agent: 'many', operations, resources });
    const token = await many.agent.token(details(operations, resources));
    // The tables are not there, so the provider refuses: the decision before it was recorded whole.
    await refused(many.agent.exchange(token, null), 'provider_refused');
  });

  test('forty denials of one kind: an entry and at most a sum, not forty', async () => {
    const { alice, cursor } = deployment;
    const wanted = details(['postgres:select'], ['public.customers']);
    const before = (await alice.client.call('auditEntries', {})).items[0]?.index ?? 0;
    for (let i = 0; i < 40; i += 1) await refused(cursor.agent.token(wanted), 'not_granted');
    const after = (await alice.client.call('auditEntries', {})).items[0]?.index ?? 0;
    expect(after - before).toBeLessThanOrEqual(2);
  });

  test('a loop of ever new denials: so many, then rate_limited in one entry, and nobody else waits', async () => {
    const { alice, anotherServer, broker, cursor, registerAgent } = deployment;
    const patient = await registerAgent('patient');
    const slow = await anotherServer({ env: { COUNTERSIGN_AGENT_RATE: '1' } });
    const at = ({ name, key }: TestAgent) =>
      createAgent(createClient({ server: slow.url, issuer: broker.url }), { name, key });
    const newest = async () => (await alice.client.call('auditEntries', {})).items[0]?.index ?? 0;
    const before = await newest();
    const began = performance.now();
    const codes: string[] = [];
    for (let i = 0; i < 60; i += 1) {
      const wanted = details(['postgres:select'], [`public.loop_${i}`]);
      codes.push(await codeOf(at(cursor).token(wanted)));
    }
    const earned = Math.ceil((performance.now() - began) / 1000);
    const decided = codes.filter((code) => code === 'not_granted').length;
    expect(decided).toBeGreaterThanOrEqual(10);
    expect(decided).toBeLessThanOrEqual(10 + earned);
    expect(codes.filter((code) => code === 'rate_limited')).toHaveLength(60 - decided);
    expect((await newest()) - before).toBeLessThanOrEqual(decided + 2);
    const wanted = details(['postgres:select'], ['public.customers']);
    await refused(at(patient).token(wanted), 'not_granted');
    await slow.stop();
  });

  test('eighty questions at once: humans are asked fifty', async () => {
    const { registerAgent } = deployment;
    const curious = await registerAgent('curious');
    await curious.agent.token(null);
    const asked = Array.from({ length: 80 }, (_, i) => {
      const authorization_details = details(['postgres:select'], [`public.table_${i}`]);
      return curious.agent.ask({ authorization_details }).then(
        () => 'asked',
        (error: unknown) => (error instanceof ProblemError ? error.code : 'failed'),
      );
    });
    const answers = await Promise.all(asked);
    expect(answers.filter((answer) => answer === 'asked')).toHaveLength(50);
    expect(answers.filter((answer) => answer === 'rate_limited')).toHaveLength(30);
  });

  test('two answers to one access request: one grant', async () => {
    const { alice, cursor } = deployment;
    const asked = await cursor.agent.ask({
      authorization_details: details(['postgres:select'], ['public.vehicles']),
    });
    const answer = () =>
      alice.propose({ kind: 'grant.create', body: { request: asked.id, reason: 'ok' } });
    const outcomes = await Promise.allSettled([answer(), answer()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});
