/** Many leases that end together, and a target that is away: neither delays what belongs to others. */
import { readFileSync } from 'node:fs';
import { type Agent, createAgent, createClient, ProblemError } from '@countersign/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { details } from '../support/deployment.ts';
import { openSession } from '../support/session.ts';
import { until } from './cluster.ts';
import { Auditor } from './invariants.ts';
import { LONG, type Rig, rig } from './rig.ts';

const MANY = LONG ? 10_000 : 200;
/** Seconds in which they are all made, before they end. */
const MAKING = LONG ? 900 : 25;
/** Seconds in which they are all gone, once they ended. */
const GOING = LONG ? 900 : 60;
/** Seconds for which the target is away. */
const AWAY = LONG ? 3600 : 8;
/** Of them with a session open, as many as a target has to spare. */
const IN_USE = 10;
/** Mebibytes by which the server may grow. */
const GROWTH = 256;

const OPERATIONS = ['postgres:select'];
const RESOURCES = ['public.bookings'];
const STAGING = details(OPERATIONS, RESOURCES);
const PRODUCTION = details(OPERATIONS, RESOURCES, {
  connection: 'pg-production',
  environment: 'production',
});

let deployed: Rig;
let agent: Agent;

beforeAll(async () => {
  deployed = await rig({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
  ({ agent } = deployed);
  await deployed.grant({
    connection: 'pg-production',
    environment: 'production',
    operations: OPERATIONS,
    resources: RESOURCES,
    ttl: 5,
  });
});
afterAll(async () => {
  await deployed.stop();
});

async function live(connection: string): Promise<number> {
  const { items } = await deployed.alice.client.call('connections', {});
  const id = items.find(({ name }) => name === connection)?.id ?? '';
  const [row] = await deployed.own<{ n: number }[]>`
    select count(*)::int as n from countersign.leases
    where connection = ${id} and state in ('pending', 'active')`;
  return row?.n ?? -1;
}

/** Ids of the leases of this test, as they were taken back. */
async function revokedInOrder(): Promise<readonly string[]> {
  const entries = await deployed.own<{ lease: string }[]>`
    select convert_from(bytes, 'UTF8')::jsonb -> 'body' ->> 'lease' as lease
    from countersign.entries where type = 'lease.revoked' order by index`;
  return entries.map(({ lease }) => lease).slice(-MANY - IN_USE);
}

/** A busy target may refuse one; the next is asked for. */
function refused(error: unknown): void {
  if (!(error instanceof ProblemError)) throw error;
}

/** Mebibytes that the server holds. */
function memory(): number {
  const status = readFileSync(`/proc/${deployed.server().process.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

describe('a target that is away', () => {
  test('keeps its leases listed with their trouble, floods nothing, and delays nobody', async () => {
    const { wires, own, server, target } = deployed;
    await deployed.grant({ operations: OPERATIONS, resources: RESOURCES, ttl: 5, valid_for: 3600 });
    const token = await agent.token(STAGING);
    for (let i = 0; i < 5; i += 1) await agent.exchange(token, null);
    const elsewhere = await agent.token(PRODUCTION);
    wires.target.down();
    const said = server().output().split('\n').length;
    await agent.exchange(elsewhere, null);
    await until(async () => (await live('pg-production')) === 0);
    const [before] = await own<{ size: number }[]>`select size::int from countersign.head`;
    const since = performance.now();
    while (performance.now() - since < AWAY * 1000) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(await live('pg-staging')).toBe(5);
    }
    const listed = (await deployed.alice.client.call('leases', {})).items;
    for (const lease of listed.filter(({ connection }) => connection === 'pg-staging')) {
      expect(lease.trouble).toMatch(/not reachable|closed the connection|was lost/);
    }
    const [after] = await own<{ size: number }[]>`select size::int from countersign.head`;
    expect(after).toEqual(before);
    // Each try says so once, for all that wait: and tries become rare.
    expect(server().output().split('\n').length - said).toBeLessThan(20 + AWAY / 10);
    wires.target.up();
    await until(async () => (await live('pg-staging')) === 0, 90_000);
    expect(await target`select from pg_roles where starts_with(rolname, 'csl_')`).toHaveLength(0);
  }, 4_500_000);
});

describe(`${MANY} leases that end at once`, () => {
  test('are all gone in time, and those of another connection at their own end', async () => {
    const { target, alice } = deployed;
    const { id } = await deployed.grant({
      operations: OPERATIONS,
      resources: ['public.vehicles'],
      ttl: 43_200,
      valid_for: MAKING,
    });
    const { until: end } = await alice.client.call('grant', { params: { id } });
    const ends = new Date(end ?? '').getTime();
    const before = memory();
    const asked = details(OPERATIONS, ['public.vehicles']);
    let left = MANY;
    const makers = Array.from({ length: 8 }, async () => {
      const { broker, cursor } = deployed;
      const maker = createAgent(createClient({ server: broker.url }), {
        name: cursor.name,
        key: cursor.key,
      });
      let token = await maker.token(asked);
      while (left > 0 && Date.now() < ends - 8_000) {
        left -= 1;
        if (token.expiresAt - Date.now() < 20_000) token = await maker.token(asked);
        await maker.exchange(token, null).catch(refused);
      }
    });
    // At the very end of the grant nothing is issued any more: a slow machine makes fewer.
    await Promise.allSettled(makers);
    // Those that came last and are in use do not wait behind all the others.
    const used = await Promise.all(
      Array.from(
        { length: IN_USE },
        async () => await agent.exchange(await agent.token(asked), null),
      ),
    );
    const sessions = await Promise.all(used.map(openSession));
    const made = await live('pg-staging');
    expect(made).toBeGreaterThan(MANY / 10);
    await until(async () => Date.now() > ends - 3_000, MAKING * 1000);
    const elsewhere = await agent.exchange(await agent.token(PRODUCTION), null);
    expect(elsewhere.expiresAt).toBeGreaterThan(ends);
    await until(async () => Date.now() > ends, 10_000);
    const began = performance.now();
    await until(async () => (await live('pg-production')) === 0, 60_000);
    const other = performance.now() - began;
    await until(async () => (await live('pg-staging')) === 0, GOING * 1000);
    const all = performance.now() - began;
    for (const session of sessions) await expect(session.query('select 1')).rejects.toThrow();
    const places = await revokedInOrder();
    const last = Math.max(...used.map(({ leaseId }) => places.indexOf(leaseId)));
    expect(last).toBeLessThan(made / 2);
    expect(await target`select from pg_roles where starts_with(rolname, 'csl_')`).toHaveLength(0);
    expect(memory() - before).toBeLessThan(GROWTH);
    process.stderr.write(
      `${made} leases gone ${Math.round(all / 1000)} s after their end, another connection's after ${Math.round(other / 1000)} s; ${Math.round(memory() - before)} MiB more\n`,
    );
    const { broker } = await alice.client.call('broker', {});
    expect(await new Auditor(deployed, broker ?? '').look()).toEqual([]);
  }, 3_600_000);
});
