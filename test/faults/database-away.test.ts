/** Countersign's own PostgreSQL stops, is full, is slow or is another: refused while it lasts, and then no more. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rmdir, stat, statfs, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { details } from '../support/deployment.ts';
import { refused } from '../support/refusal.ts';
import { ownServer, until } from './cluster.ts';
import { Auditor } from './invariants.ts';
import { outcomeOf } from './operations.ts';
import { type Rig, rig } from './rig.ts';

const ASKED = details(['postgres:select'], ['public.bookings']);
const CONNECTIONS = 40;

let deployed: Rig;
let auditor: Auditor;

beforeAll(async () => {
  deployed = await rig({
    env: { COUNTERSIGN_LOG_LEVEL: 'warn' },
    databaseSettings: { max_connections: String(CONNECTIONS) },
  });
  const { broker } = await deployed.alice.client.call('broker', {});
  auditor = new Auditor(deployed, broker ?? '');
  await deployed.grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
});
afterAll(async () => {
  await deployed.stop();
});

/**
 * The same process serves again, by itself, and nothing was lost. Each of its sessions comes back for
 * itself: while one does not, what needed it is refused as late.
 */
async function expectRecovered(): Promise<void> {
  const { agent } = deployed;
  await until(async () => {
    const { leaseId } = await agent.exchange(await agent.token(ASKED), null);
    await agent.giveBack(leaseId);
    return true;
  });
  expect(deployed.server().process.exitCode).toBeNull();
  expect(await auditor.look()).toEqual([]);
}

async function expectRefusing(): Promise<void> {
  const refusal = await deployed.agent.token(ASKED).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'broker_unavailable', status: 503 });
}

describe('the database of the broker', () => {
  test('out of connections', { timeout: 120_000 }, async () => {
    const { wires, databaseUrl } = deployed;
    wires.broker.down();
    const hogs: postgres.Sql[] = [];
    for (let i = 0; i <= CONNECTIONS; i += 1) {
      const hog = postgres(databaseUrl.reveal(), { max: 1, onnotice: () => undefined });
      hogs.push(hog);
      // The last of them find it full.
      if ((await hog`select 1`.catch(() => null)) === null) break;
    }
    wires.broker.up();
    await expectRefusing();
    await Promise.all(hogs.map((hog) => hog.end({ timeout: 1 })));
    await expectRecovered();
  });

  test('stopped in the middle of requests, and started again', { timeout: 120_000 }, async () => {
    const server = ownServer(deployed);
    let isOver = false;
    const requests = Array.from({ length: 4 }, async () => {
      const outcomes = new Set<string>();
      while (!isOver) {
        const outcome = await outcomeOf(deployed.agent.token(ASKED));
        outcomes.add(outcome.kind === 'refused' ? outcome.code : outcome.kind);
      }
      return outcomes;
    });
    await until(async () => deployed.told.size > 10);
    await server.stopNow();
    await expectRefusing();
    await server.startAgain();
    await until(async () => (await outcomeOf(deployed.agent.token(ASKED))).kind === 'answered');
    isOver = true;
    for (const outcomes of await Promise.all(requests)) {
      expect([...outcomes].sort()).toEqual(['answered', 'broker_unavailable']);
    }
    await expectRecovered();
  });

  test('answering so late that its commit is too old to act on', { timeout: 120_000 }, async () => {
    const { agent, wires, own, target } = deployed;
    const token = await agent.token(ASKED);
    const before = await own`select id from countersign.leases`;
    const watch = wires.broker.watch({
      at: 1,
      matching: /^with head/,
      when: 'after',
      meanwhile: () => new Promise((resolve) => setTimeout(resolve, 2_500)),
      sees: 'deliver',
    });
    await refused(agent.exchange(token, null), 'provider_unavailable');
    await wires.broker.rest();
    expect(watch.struck).not.toBeNull();
    // Written as intent, never begun, and taken back.
    const leases = await own<{ id: string; state: string }[]>`
      select id, state from countersign.leases order by id desc`;
    expect(leases).toHaveLength(before.length + 1);
    const [late] = leases;
    expect(late?.state).toBe('revoked');
    const role = `%${late?.id.replaceAll('-', '')}`;
    expect(await target`select from pg_roles where rolname like ${role}`).toHaveLength(0);
    await expectRecovered();
  });

  test('so slow that nothing is decided in time', { timeout: 120_000 }, async () => {
    deployed.wires.broker.slow(3_000);
    await expectRefusing();
    deployed.wires.broker.slow(0);
    await expectRecovered();
  });

  test('its disk full', { timeout: 120_000 }, async (context) => {
    const { own } = deployed;
    const { uid, gid } = await stat(ownServer(deployed).dataDirectory);
    const disk = await mkdtemp(join(tmpdir(), 'countersign-disk-'));
    try {
      const owner = `uid=${uid},gid=${gid},mode=0700,size=4m`;
      execFileSync('mount', ['-t', 'tmpfs', '-o', owner, 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      // Not root, or a sandbox: then the crash table alone shows it, by the error such a disk gives.
      return context.skip('no small filesystem can be mounted here');
    }
    try {
      await own.unsafe(`create tablespace small location '${disk}'`);
      await own.unsafe('alter table countersign.entries set tablespace small');
      const { bavail, bsize } = await statfs(disk);
      const filler = join(disk, 'filler');
      await writeFile(filler, Buffer.alloc(bavail * bsize, 1));
      // What is left of the last page still takes an entry or two.
      await until(async () => (await outcomeOf(deployed.agent.token(ASKED))).kind === 'refused');
      await expectRefusing();
      await truncate(filler, 0);
      await expectRecovered();
      await own.unsafe('alter table countersign.entries set tablespace pg_default');
      await own.unsafe('drop tablespace small');
    } finally {
      await new Promise((resolve) => spawn('umount', ['-l', disk]).once('exit', resolve));
      await rmdir(disk);
    }
  });
});

describe('failed over', () => {
  test('to a synchronous standby, no told entry is lost', { timeout: 120_000 }, async () => {
    const deployment = await rig();
    const { own, agent, told } = deployment;
    const primary = ownServer(deployment);
    const standby = await primary.standby('twin');
    try {
      await deployment.grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
      const { broker } = await deployment.alice.client.call('broker', {});
      await own`alter system set synchronous_standby_names = '*'`;
      await own`select pg_reload_conf()`;
      await until(async () => {
        const [row] = await own<{ sync_state: string }[]>`
          select sync_state from pg_stat_replication`;
        return row?.sync_state === 'sync';
      });
      let isOver = false;
      const requests = Array.from({ length: 4 }, async () => {
        while (!isOver) await outcomeOf(agent.token(ASKED));
      });
      await until(async () => told.size > 20);
      await primary.stopNow();
      await standby.promote();
      const before = told.size;
      await until(async () => told.size > before + 5);
      isOver = true;
      await Promise.all(requests);
      expect(deployment.server().process.exitCode).toBeNull();
      const looking = new Auditor(deployment, broker ?? '');
      expect(await looking.look()).toEqual([]);
    } finally {
      await standby.stopNow();
      await deployment.stop();
    }
  });

  test('to one that lost the tail: who saw it goes on no more', { timeout: 120_000 }, async () => {
    const deployment = await rig({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
    const { agent } = deployment;
    const primary = ownServer(deployment);
    const standby = await primary.standby('twin');
    try {
      await deployment.grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
      await agent.token(ASKED);
      await standby.detach();
      await agent.token(ASKED);
      await primary.stopNow();
      await standby.promote();
      const size = async () => {
        const [row] = await standby.sql<{ size: number }[]>`
          select size::int from countersign.head`;
        return row?.size;
      };
      const left = await size();
      await until(async () => /went back behind what this server saw/.test(output(deployment)));
      await refused(agent.token(ASKED), 'broker_unavailable');
      await refused(agent.token(ASKED), 'broker_unavailable');
      expect(await size()).toBe(left);
    } finally {
      await standby.stopNow();
      await deployment.stop();
    }
  });
});

function output(deployment: Rig): string {
  return deployment.server().output();
}
