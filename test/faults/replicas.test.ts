/** Replicas that stop in the worst moment, and clocks that disagree. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Agent, createAgent, createClient } from '@countersign/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BrokerProcess, ROOT } from '../support/broker-process.ts';
import { details } from '../support/deployment.ts';
import { until } from './cluster.ts';
import { Auditor } from './invariants.ts';
import { outcomeOf } from './operations.ts';
import { type Rig, rig } from './rig.ts';

const RIGHTS = { operations: ['postgres:select'], resources: ['public.bookings'] };
const ASKED = details(RIGHTS.operations, RIGHTS.resources);

let deployed: Rig;
let auditor: Auditor;

beforeAll(async () => {
  deployed = await rig();
  const { broker } = await deployed.alice.client.call('broker', {});
  auditor = new Auditor(deployed, broker ?? '');
  await deployed.grant(RIGHTS);
});
afterAll(async () => {
  await deployed.stop();
});

function agentAt(replica: BrokerProcess, clock = { now: () => Date.now() }): Agent {
  const { broker, cursor } = deployed;
  const client = createClient({ server: replica.url, issuer: broker.url, clock });
  return createAgent(client, { name: cursor.name, key: cursor.key });
}

/** Past the wire, so that only the first server meets its faults. */
async function otherReplica(env: Readonly<Record<string, string>> = {}): Promise<BrokerProcess> {
  const url = deployed.databaseUrl.reveal();
  return await deployed.anotherServer({ env: { DATABASE_URL: url, ...env } });
}

/** Stops the first server with SIGSTOP at a step, until released. */
function stopAt(matching: RegExp, when: 'before' | 'after') {
  const { wires, broker } = deployed;
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const watch = wires.broker.watch({
    at: 1,
    matching,
    when,
    meanwhile: async () => {
      broker.process.kill('SIGSTOP');
      await released;
    },
    sees: 'deliver',
  });
  return {
    stopped: () => until(async () => watch.struck !== null),
    async goOn() {
      release();
      broker.process.kill('SIGCONT');
      await wires.broker.rest();
    },
  };
}

async function headSize(): Promise<number> {
  const [row] = await deployed.own<{ size: number }[]>`select size::int from countersign.head`;
  return row?.size ?? -1;
}

describe('a replica stopped by SIGSTOP', () => {
  test('while it holds the head: the others go on', { timeout: 120_000 }, async () => {
    const other = agentAt(await otherReplica());
    await deployed.agent.me();
    const stop = stopAt(/^commit/, 'before');
    const asking = outcomeOf(deployed.agent.ask({ authorization_details: ASKED }));
    await stop.stopped();
    // The server's own timeout takes the head away from whoever sleeps on it.
    await until(async () => (await outcomeOf(other.token(ASKED))).kind === 'answered', 20_000);
    expect((await outcomeOf(other.token(ASKED))).kind).toBe('answered');
    await stop.goOn();
    await asking;
    await until(async () => (await outcomeOf(deployed.agent.token(ASKED))).kind === 'answered');
    expect(await auditor.look()).toEqual([]);
  });

  test('after its commit: it starts nothing late', { timeout: 120_000 }, async () => {
    const { own, target, agent } = deployed;
    const token = await agent.token(ASKED);
    const before = await own`select from countersign.leases`;
    const stop = stopAt(/^with head/, 'after');
    const exchanging = outcomeOf(agent.exchange(token, null));
    await stop.stopped();
    const since = performance.now();
    await until(async () => performance.now() - since > 2_500);
    await stop.goOn();
    expect((await exchanging).kind).toBe('refused');
    const leases = await own<{ id: string; state: string }[]>`
      select id, state from countersign.leases order by id desc`;
    expect(leases).toHaveLength(before.length + 1);
    const [late] = leases;
    const role = `%${late?.id.replaceAll('-', '')}`;
    expect(await target`select from pg_roles where rolname like ${role}`).toHaveLength(0);
    const state = async () =>
      await own`select from countersign.leases where state in ('pending', 'active')`;
    await expect.poll(state, { timeout: 30_000 }).toHaveLength(0);
    expect(await auditor.look()).toEqual([]);
  });
});

describe('a server whose clock differs from that of its database', () => {
  test('denies beyond five seconds, either way, and never dates an entry back', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'countersign-clock-')), 'shift');
    let shift = 0;
    const turn = async (to: number) => {
      shift = to;
      await writeFile(file, String(to / 1000));
    };
    await turn(0);
    const preload = pathToFileURL(join(ROOT, 'test/support/clock-shift.mjs')).href;
    const replica = await otherReplica({
      NODE_OPTIONS: `--import=${preload}`,
      TEST_CLOCK_SHIFT_FILE: file,
    });
    const shifted = agentAt(replica, { now: () => Date.now() + shift });
    const rows: [number, string][] = [
      [0, 'answered'],
      [7_000, 'broker_unavailable'],
      [0, 'answered'],
      [-7_000, 'broker_unavailable'],
      [3_000, 'answered'],
    ];
    for (const [milliseconds, expected] of rows) {
      await turn(milliseconds);
      const before = await headSize();
      const outcome = await outcomeOf(shifted.token(ASKED));
      expect(outcome.kind === 'refused' ? outcome.code : outcome.kind).toBe(expected);
      expect((await headSize()) - before).toBe(expected === 'answered' ? 1 : 0);
    }
    // The next by a clock three seconds behind the ledger's last.
    await deployed.agent.token(ASKED);
    const back = await deployed.own`
      select from (select time, lag(time) over (order by index) as before
        from countersign.entries) as entry where time < before`;
    expect(back).toHaveLength(0);
    await turn(0);
    await replica.stop();
  });
});
