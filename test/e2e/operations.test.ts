/** What an operator sees of a running server, and what a load balancer hears when it should go elsewhere. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAgent, createClient } from '@countersign/client';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BrokerProcess } from '../support/broker-process.ts';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { documentedMetrics } from '../support/documented-metrics.ts';
import { refused } from '../support/refusal.ts';

const READ = details(['postgres:select'], ['public.bookings']);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-/;

let deployment: Deployment;
let grant: string;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  const { id } = await deployment.grant({
    operations: ['postgres:select'],
    resources: ['public.bookings'],
  });
  grant = id;
});
afterAll(async () => {
  await deployment.stop();
});

async function scrape(server: BrokerProcess = deployment.broker): Promise<string> {
  const answer = await fetch(`${server.url}/metrics`);
  expect(answer.status).toBe(200);
  return await answer.text();
}

/** The value of one series; null where there is none. */
function sampleOf(text: string, series: string): number | null {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? null : Number(line.slice(series.length));
}

async function readyz(server: BrokerProcess) {
  const answer = await fetch(`${server.url}/readyz`);
  const body: unknown = await answer.json();
  return { status: answer.status, connection: answer.headers.get('connection'), body };
}

function agentAt(server: BrokerProcess) {
  const { name, key } = deployment.cursor;
  return createAgent(createClient({ server: server.url, issuer: deployment.broker.url }), {
    name,
    key,
  });
}

describe('the metrics', () => {
  test('count what happened, by closed lists, and name nobody', async () => {
    const { cursor, broker } = deployment;
    const token = await cursor.agent.token(READ);
    const { leaseId } = await cursor.agent.exchange(token, null);
    const beyond = details(['postgres:select'], ['public.customers']);
    await refused(cursor.agent.token(beyond), 'resource_not_granted');
    await refused(cursor.agent.token(beyond), 'resource_not_granted');
    await fetch(`${broker.url}/canary-path?canary-query`, { headers: { authorization: 'canary' } });
    const text = await scrape();
    const series: [string, number][] = [
      ['countersign_decisions_total{stage="issue",verdict="allowed",code="none"}', 1],
      ['countersign_decisions_total{stage="exchange",verdict="allowed",code="none"}', 1],
      // The ledger has one entry for the two of them.
      [
        'countersign_decisions_total{stage="issue",verdict="denied",code="resource_not_granted"}',
        2,
      ],
      ['countersign_http_refusals_total{code="not_found"}', 1],
      ['countersign_leases{state="active"}', 1],
      ['countersign_leases{state="pending"}', 0],
      ['countersign_leases_due', 0],
      ['countersign_leases_troubled', 0],
      ['countersign_database_up', 1],
      ['countersign_ready', 1],
    ];
    expect(series.map(([name]) => [name, sampleOf(text, name)])).toEqual(series);
    expect(text).toContain('method="GET",route="none",status="4xx"');
    expect(sampleOf(text, 'countersign_authority_folded_version')).toBe(
      sampleOf(text, 'countersign_authority_version'),
    );
    expect(sampleOf(text, 'countersign_ledger_size_entries')).toBeGreaterThan(10);
    expect(sampleOf(text, 'countersign_commit_batch_intents_count')).toBeGreaterThan(10);
    const secrets = [token.token.reveal(), deployment.databaseUrl.reveal(), leaseId, grant];
    const names = ['cursor', 'alice', 'bob', 'pg-staging', 'bookings', 'canary', 'csl_'];
    for (const word of [...secrets, ...names]) expect(text).not.toContain(word);
    expect(text).not.toMatch(UUID);
  });

  test('are what the documentation says, no more and no less', async () => {
    const exposed = [...(await scrape()).matchAll(/^# TYPE (countersign_\w+) /gm)];
    expect((await documentedMetrics()).sort()).toEqual(exposed.map(([, name]) => name).sort());
  });

  test('open to the token alone where a proxy is listed', async () => {
    const file = join(deployment.dataDir, 'metrics-token');
    const token = createHash('sha256').update('a metrics token').digest('base64url');
    await writeFile(file, token, { mode: 0o600 });
    const behind = { COUNTERSIGN_TRUSTED_PROXIES: '192.0.2.1' };
    const server = await deployment.anotherServer({
      env: { ...behind, COUNTERSIGN_METRICS_TOKEN_FILE: file },
    });
    const ask = async (path: string, headers: Readonly<Record<string, string>> = {}) =>
      (await fetch(`${server.url}${path}`, { headers })).status;
    const authorization = `Bearer ${token}`;
    expect(await ask('/metrics')).toBe(403);
    expect(await ask('/metrics', { authorization: `${authorization}x` })).toBe(403);
    expect(await ask('/metrics', { authorization })).toBe(200);
    // It opens nothing else.
    expect(await ask('/healthz', { authorization })).toBe(403);
    expect(await server.stop()).toBe(0);
    expect(server.output()).not.toContain(token);
  });
});

describe('a database that goes away', () => {
  test('makes a server unready, not dead, until it is back', async () => {
    const { broker } = deployment;
    const database = new URL(deployment.databaseUrl.reveal());
    const name = database.pathname.slice(1);
    database.pathname = '/template1';
    const cluster = postgres(database.href, { max: 1, onnotice: () => undefined });
    try {
      expect(await readyz(broker)).toMatchObject({ status: 200, body: { status: 'ok' } });
      await cluster.unsafe(`alter database ${name} with allow_connections false`);
      await cluster`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
      await expect
        .poll(() => readyz(broker), { timeout: 20_000 })
        .toMatchObject({ status: 503, body: { status: 'unavailable', reason: 'database' } });
      expect((await fetch(`${broker.url}/healthz`)).status).toBe(200);
      const text = await scrape();
      expect(sampleOf(text, 'countersign_database_up')).toBe(0);
      expect(sampleOf(text, 'countersign_ready')).toBe(0);
      expect(sampleOf(text, 'countersign_leases_due')).toBeNaN();
    } finally {
      await cluster.unsafe(`alter database ${name} with allow_connections true`);
      await cluster.end();
    }
    await expect.poll(async () => (await readyz(broker)).status, { timeout: 30_000 }).toBe(200);
    await deployment.cursor.agent.token(READ);
  });
});

describe('a stop', () => {
  test('is announced at /readyz while requests are still served; a second signal ends it', async () => {
    const server = await deployment.anotherServer({
      env: { COUNTERSIGN_DRAIN_SECONDS: '300', COUNTERSIGN_LOG_LEVEL: 'warn' },
    });
    const agent = agentAt(server);
    await agent.me();
    server.process.kill('SIGTERM');
    await expect
      .poll(() => readyz(server), { timeout: 20_000 })
      .toMatchObject({ status: 503, connection: 'close', body: { reason: 'stopping' } });
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(sampleOf(await scrape(server), 'countersign_ready')).toBe(0);
    const token = await agent.token(READ);
    await agent.giveBack((await agent.exchange(token, null)).leaseId);
    const exited = new Promise((resolve) => server.process.once('exit', resolve));
    // What follows the first at once is its echo, so: until it was heard.
    await expect
      .poll(
        () => {
          if (!server.output().includes('another signal')) server.process.kill('SIGTERM');
          return server.output();
        },
        { timeout: 30_000, interval: 200 },
      )
      .toContain('another signal');
    expect(await exited).toBe(0);
  });

  test('answers at once whoever waits for a human', async () => {
    const { cursor, alice } = deployment;
    const asked = await cursor.agent.ask({
      authorization_details: details(['postgres:delete'], ['public.bookings']),
      reason: 'waiting',
    });
    const server = await deployment.anotherServer();
    const agent = agentAt(server);
    await agent.me();
    const waiting = agent.poll(asked.id, 30);
    // The scrape itself is one; the poll, which nobody answers, is the other.
    await expect
      .poll(async () => sampleOf(await scrape(server), 'countersign_http_requests_in_progress'), {
        timeout: 20_000,
      })
      .toBe(2);
    const stopped = server.stop();
    expect(await waiting).toMatchObject({ status: 'open' });
    expect(await stopped).toBe(0);
    await alice.client.call('rejectAccessRequest', {
      params: { id: asked.id },
      body: { reason: 'done' },
    });
  });
});
