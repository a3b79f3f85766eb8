/** The core loop over HTTP, with the client people use and a real PostgreSQL client at the end of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { verifyLedger } from '../support/ledger.ts';
import { openSession as connect } from '../support/session.ts';

let deployment: Deployment;

beforeAll(async () => {
  deployment = await deploy();
});
afterAll(async () => {
  await deployment.stop();
});

describe('an agent that can read and cannot delete', () => {
  test('gets nothing before anything is granted', async () => {
    const { cursor } = deployment;
    const token = await cursor.agent.token(null);
    expect(token.authorizationDetails).toEqual([]);
    await expect(
      cursor.agent.token(details(['postgres:select'], ['public.bookings'])),
    ).rejects.toMatchObject({ code: 'not_granted' });
  });

  test('reads what one admin granted, and PostgreSQL itself refuses the rest', async () => {
    const { cursor, grant } = deployment;
    await grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
    await grant({ operations: ['postgres:update'], resources: ['public.bookings(status)'] });
    const token = await cursor.agent.token(details(null, null));
    const credential = await cursor.agent.exchange(token, null);
    const client = await connect(credential);
    const { rows } = await client.query('select count(*)::int as n from public.bookings');
    expect(rows[0].n).toBeGreaterThan(0);
    await client.query("update public.bookings set status = 'cancelled' where id = 1");
    for (const refused of [
      'delete from public.bookings',
      'drop table public.bookings',
      'truncate public.bookings',
      'select * from public.customers',
      'update public.bookings set customer_id = 1',
      'create table public.x (i int)',
    ]) {
      await expect(client.query(refused), refused).rejects.toMatchObject({ code: '42501' });
    }
    await client.end();
    await cursor.agent.giveBack(credential.leaseId);
    await expect(connect(credential)).rejects.toThrow();
  });

  test('deletes once, after two humans signed, and not a second time', async () => {
    const { cursor, alice, bob } = deployment;
    const wanted = details(['postgres:delete', 'postgres:select'], ['public.bookings']);
    await expect(cursor.agent.token(wanted)).rejects.toMatchObject({ code: 'needs_signature' });
    const asked = await cursor.agent.ask({ authorization_details: wanted, reason: 'old rows' });
    const drafted = await alice.propose({
      kind: 'grant.create',
      body: { request: asked.id, reason: 'ok' },
    });
    expect(drafted).toMatchObject({ status: 'pending', have: 1, need: 2 });
    const { assessment } = await alice.client.call('grant', { params: { id: drafted.id } });
    const gone = { object: 'rows of public.bookings', rows: { complete: true } };
    expect(assessment).toMatchObject({
      body: { deletions: [{ operation: 'postgres:delete', losses: [gone], unassessed: null }] },
    });
    await expect(alice.sign(drafted.id)).rejects.toMatchObject({ code: 'conflict' });
    await expect(cursor.agent.token(wanted)).rejects.toMatchObject({ code: 'needs_signature' });
    expect(await bob.sign(drafted.id)).toMatchObject({ status: 'complete', have: 2 });
    expect(await cursor.agent.poll(asked.id, 5)).toMatchObject({ status: 'granted' });
    const token = await cursor.agent.token(wanted);
    const credential = await cursor.agent.exchange(token, null);
    const client = await connect(credential);
    const deleted = await client.query('delete from public.bookings where id = 2');
    expect(deleted.rowCount).toBe(1);
    await client.end();
    await expect(cursor.agent.exchange(token, null)).rejects.toMatchObject({
      code: 'grant_exhausted',
    });
  });

  test('loses its open session when its grant is revoked', async () => {
    const { cursor, alice, grant } = deployment;
    const { id } = await grant({ operations: ['postgres:select'], resources: ['public.vehicles'] });
    const token = await cursor.agent.token(details(['postgres:select'], ['public.vehicles']));
    const client = await connect(await cursor.agent.exchange(token, null));
    const cut = new Promise((resolve) => client.once('end', resolve));
    const answer = await alice.propose({
      kind: 'grant.revoke',
      body: { grant: id, reason: 'over' },
    });
    expect(answer).toMatchObject({ leases_revoked: 1, leases_pending: 0 });
    await cut;
    await expect(cursor.agent.exchange(token, null)).rejects.toMatchObject({ code: 'not_granted' });
  });

  test('leaves a ledger in which each decision verifies, and the delete is on two humans', async () => {
    const report = await verifyLedger(deployment.alice);
    expect(report).toMatchObject({ ok: true, finding: null, unjudged: [], remarks: [] });
    expect(report.delete_capable.map(({ stage, operations }) => [stage, operations])).toEqual([
      ['issue', ['postgres:delete']],
      ['exchange', ['postgres:delete']],
    ]);
    for (const { grants } of report.delete_capable) {
      expect(grants.map(({ signed_by }) => signed_by)).toEqual([
        [
          { human: 'alice', vouched_by_one: false },
          { human: 'bob', vouched_by_one: true },
        ],
      ]);
    }
  });
});
