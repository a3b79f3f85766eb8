/** A hand in Countersign's own database: nothing gains authority, and what was touched is named. */
import { verifyExport } from '@countersign/verify';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { besides } from '../support/besides.ts';
import type { BrokerProcess } from '../support/broker-process.ts';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { codeOf, refused } from '../support/refusal.ts';

const SELECT = details(['postgres:select'], ['public.bookings']);
const DELETE = { operations: ['postgres:delete'], resources: ['public.bookings'] };

let deployment: Deployment;
/** On a database of each test's own, at the address of the deployment. */
let broker: BrokerProcess;
let sql: postgres.Sql;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
  await deployment.grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
  await deployment.broker.stop();
  await besides(deployment, 'alter database countersign rename to untouched');
});
afterAll(() => deployment.stop());
beforeEach(async () => {
  await besides(deployment, 'create database countersign template untouched');
  broker = await deployment.anotherServer({ port: deployment.broker.port });
  sql = postgres(deployment.databaseUrl.reveal(), { max: 1, onnotice: () => undefined });
});
afterEach(async () => {
  await sql.end();
  await broker.stop();
  await besides(deployment, 'drop database countersign with (force)');
});

async function verify(options: Parameters<typeof verifyExport>[1] = {}) {
  return await verifyExport(deployment.alice.client.exportLines({ authority: false }), options);
}

/** What a restart on the edited database says; null when it starts. */
async function restartSays(): Promise<string | null> {
  try {
    const another = await deployment.anotherServer();
    await another.stop();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe('database edited by hand', () => {
  test('an untouched ledger verifies, so that the findings below mean something', async () => {
    expect(await verify()).toMatchObject({ ok: true });
    expect(await restartSays()).toBeNull();
  });

  test('the sealed credentials of two connections swapped', async () => {
    const { cursor } = deployment;
    const token = await cursor.agent.token(SELECT);
    await sql`
      update countersign.sealed_credentials a set sealed = b.sealed
      from countersign.sealed_credentials b where a.statement <> b.statement`;
    expect(await codeOf(cursor.agent.exchange(token, null))).toBe('broker_unavailable');
  });

  test('one byte of a statement flipped: the entry is named, and a restart refuses', async () => {
    const [entry] = await sql<{ index: string }[]>`
      update countersign.entries set bytes = set_byte(bytes, 60, get_byte(bytes, 60) # 1)
      where type = 'statement.signed' returning index`;
    expect(await verify()).toMatchObject({
      ok: false,
      finding: { index: Number(entry?.index) },
    });
    expect(await restartSays()).toMatch(/could not start/);
  });

  test('the leaf hash rewritten to match the flipped byte', async () => {
    await sql`
      update countersign.entries set bytes = set_byte(bytes, 60, get_byte(bytes, 60) # 1)
      where type = 'statement.signed'`;
    await sql`
      update countersign.entries set leaf_hash = sha256('\\x00'::bytea || bytes)
      where type = 'statement.signed'`;
    expect(await verify()).toMatchObject({ ok: false });
    expect(await restartSays()).toMatch(/could not start/);
  });

  test('a revocation deleted: the grant does not come back', async () => {
    const { alice, cursor, grant } = deployment;
    const { id } = await grant({ operations: ['postgres:select'], resources: ['public.vehicles'] });
    await alice.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'over' } });
    const before = await verify();
    await sql`delete from countersign.entries where index = (
      select max(index) from countersign.entries where type = 'statement.proposed')`;
    expect(
      await verify({ seen: before.checkpoint === null ? [] : [before.checkpoint] }),
    ).toMatchObject({ ok: false });
    await refused(
      cursor.agent.token(details(['postgres:select'], ['public.vehicles'])),
      'resource_not_granted',
    );
    expect(await restartSays()).toMatch(/could not start/);
  });

  test('an entry inserted for a grant nobody signed', async () => {
    const { cursor } = deployment;
    await sql`
      insert into countersign.entries (index, id, type, time, authority, bytes, leaf_hash)
      select max(index) + 1, gen_random_uuid(), 'statement.proposed', now(), true,
        '\\x7b7d'::bytea, sha256('\\x007b7d'::bytea) from countersign.entries`;
    expect(await codeOf(cursor.agent.token(details(DELETE.operations, DELETE.resources)))).toMatch(
      /needs_signature|broker_unavailable/,
    );
  });

  test('a signature of one grant copied into the entry of another', async () => {
    const { alice, bob, cursor } = deployment;
    const signed = await alice.propose(grantDraft(DELETE));
    await bob.sign(signed.id);
    await alice.propose({ kind: 'grant.revoke', body: { grant: signed.id, reason: 'over' } });
    await alice.propose(grantDraft(DELETE));
    await sql`
      update countersign.entries set bytes = (
        select bytes from countersign.entries where type = 'statement.signed'
        order by index desc limit 1)
      where index = (select max(index) from countersign.entries)`;
    expect(await verify()).toMatchObject({ ok: false });
    expect(await restartSays()).toMatch(/could not start/);
    await refused(
      cursor.agent.token(details(DELETE.operations, DELETE.resources)),
      'needs_signature',
    );
  });

  test('a use counter set back: the ledger counts, and there is no use too many', async () => {
    const { cursor, grant } = deployment;
    const resources = ['public.vehicles'];
    await grant({ operations: ['postgres:select'], resources, max_uses: 1 });
    const token = await cursor.agent.token(details(['postgres:select'], resources));
    await cursor.agent.exchange(token, null);
    expect(await verify()).toMatchObject({ ok: true });
    await sql`update countersign.grant_uses set used = 0`;
    await refused(cursor.agent.exchange(token, null), 'grant_exhausted');
    expect(broker.output()).toContain('a use counter was set back in the database');
    expect(await verify()).toMatchObject({ ok: true });
  });

  test("the head moved back to last week's", async () => {
    const seen = await verify();
    const [old] = await sql`select * from countersign.head`;
    await deployment.grant({ operations: ['postgres:select'], resources: ['public.customers'] });
    await sql`
      update countersign.head set size = ${old?.['size']}, root = ${old?.['root']},
        peaks = ${old?.['peaks']}, authority_version = ${old?.['authority_version']},
        authority_chain = ${old?.['authority_chain']}, time = ${old?.['time']}, mac = ${old?.['mac']}`;
    expect(seen).toMatchObject({ ok: true });
    // The replica that saw more refuses to go on behind what it knows.
    expect(await codeOf(deployment.cursor.agent.token(SELECT))).toBe('broker_unavailable');
  });

  test('the size of the head edited without its MAC', async () => {
    await sql`update countersign.head set size = size - 1`;
    expect(await codeOf(deployment.cursor.agent.token(SELECT))).toBe('broker_unavailable');
    expect(await restartSays()).toMatch(/could not start/);
  });

  test("the server's public signing key swapped for the thief's", async () => {
    await sql`
      update countersign.sealed_keys set public_jwk = jsonb_set(public_jwk, '{x}',
        '"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"') where purpose = 'ledger'`;
    expect(await restartSays()).toMatch(/could not start/);
  });
});
