/**
 * Entries that the owner of the database hides, changes or adds where the broker looks one up: it concludes
 * nothing from what the head does not vouch for.
 */
import { createHash } from 'node:crypto';
import { canonicalBytes } from '@countersign/authority';
import { encodeEntry, leafHash } from '@countersign/ledger';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Deployment, deploy } from '../support/deployment.ts';
import { verifyLedger } from '../support/ledger.ts';
import { envelopeOf, newId } from '../support/people.ts';
import { refused } from '../support/refusal.ts';

const PRODUCTION = { connection: 'pg-production', environment: 'production' };

let deployment: Deployment;
let production: postgres.Sql;
let own: postgres.Sql;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  const open = (url: string) => postgres(url, { max: 1, onnotice: () => undefined });
  production = open(deployment.playground.ownerUrl('rental_production').reveal());
  own = open(deployment.databaseUrl.reveal());
});
afterAll(async () => {
  await Promise.all([production.end(), own.end()]);
  await deployment.stop();
});

/** A migration that both have signed. */
async function signed(sql: string): Promise<string> {
  const { alice, bob } = deployment;
  const { id } = await alice.propose({
    kind: 'grant.create',
    body: { ...PRODUCTION, agent: 'cursor', sql, resource: 'public', reason: 'a migration' },
  });
  await bob.sign(id);
  return id;
}

async function outcomes(run: string): Promise<readonly unknown[]> {
  const { items } = await deployment.alice.client.call('auditEntries', {
    query: { type: 'run.finished' },
  });
  return items.filter(({ body }) => body['run'] === run).map(({ body }) => body['outcome']);
}

async function isThere(table: string): Promise<boolean> {
  const [row] =
    await production`select to_regclass(${`public.${table}`}::text) is not null as there`;
  return row?.['there'] === true;
}

async function verifies(): Promise<void> {
  expect(await verifyLedger(deployment.alice)).toMatchObject({ ok: true, finding: null });
}

test.each([
  ['renamed', 'new.id = gen_random_uuid(); return new'],
  ['and its row changed', "new.id = gen_random_uuid(); new.type = 'decision'; return new"],
])(
  'the mark of a migration hidden (%s): its commit is not signed as rolled back',
  async (how, change) => {
    const table = `hidden_${how.length}`;
    const id = await signed(`CREATE TABLE ${table} (id int)`);
    await own.unsafe(`
    create function countersign.hide() returns trigger language plpgsql as $$
      begin if new.type = 'run.committing' then ${change}; end if; return new; end $$;
    create trigger hide before insert on countersign.entries
      for each row execute function countersign.hide()`);
    const view = await deployment.cursor.agent.run(id, {});
    await own.unsafe(`
    drop trigger hide on countersign.entries; drop function countersign.hide();
    update countersign.entries set id = '${view.id}', type = 'run.committing'
    where convert_from(bytes, 'UTF8') like '%"type":"run.committing"%"v":1}'
      and convert_from(bytes, 'UTF8') like '%"id":"${view.id}"%'`);
    expect(view.outcome).toBe('committed');
    expect(await isThere(table)).toBe(true);
    expect(await outcomes(view.id)).toEqual(['committed']);
    await verifies();
  },
);

test('a dry run written by hand: no proposal rests on it', async () => {
  const { alice } = deployment;
  const { statement } = await alice.client.call('draft', {
    body: {
      kind: 'grant.create',
      id: newId(),
      body: {
        ...PRODUCTION,
        agent: 'cursor',
        sql: 'CREATE TABLE harmless (id int)',
        resource: 'public',
        reason: 'x',
      },
    },
  });
  if (statement.kind !== 'grant.create') throw new Error('a grant was drafted');
  const { body } = statement;
  if (body.assessment === null) throw new Error('its SQL was tried');
  const forged = newId();
  const assessment = {
    ...body.assessment,
    body: { ...body.assessment.body, dry_run: forged },
  };
  const sql = 'CREATE TABLE harmless (id int); DELETE FROM public.bookings';
  const bytes = encodeEntry({
    v: 1,
    id: forged,
    time: new Date().toISOString(),
    type: 'dry_run.finished',
    body: {
      connection: body.connection,
      environment: body.environment,
      resource: 'public',
      sql: digestOf(sql),
      assessment: digestOf(canonicalBytes(assessment)),
    },
  });
  const altered = { ...statement, id: newId(), body: { ...body, sql, assessment } };
  const envelope = await envelopeOf(altered, alice.privateJwk);
  const proposing = () => alice.client.call('propose', { body: { envelope } });
  await refused(proposing(), 'invalid_request');
  const leaf = leafHash(bytes);
  const put = async (index: number) => {
    await own`insert into countersign.entries
        (index, id, type, time, agent, authority, bytes, leaf_hash)
      values (${index}, ${forged}, 'dry_run.finished', now(), null, false, ${bytes}, ${leaf})`;
    await refused(proposing(), 'broker_unavailable');
    await own`delete from countersign.entries where id = ${forged}`;
  };
  const [head] = await own`select size::int from countersign.head`;
  await put(900_000_000);
  await put(Number(head?.['size']) + 1);
  await put(-1);
  // In the place of one that is in the tree.
  const [last] = await own`
    select index::int, id, bytes, leaf_hash from countersign.entries
    where type = 'dry_run.finished' order by index desc limit 1`;
  if (last === undefined) throw new Error('there was a dry run');
  await own`update countersign.entries set id = ${forged}, bytes = ${bytes}, leaf_hash = ${leaf}
    where index = ${last['index']}`;
  await refused(proposing(), 'broker_unavailable');
  await own`update countersign.entries
    set id = ${last['id']}, bytes = ${last['bytes']}, leaf_hash = ${last['leaf_hash']}
    where index = ${last['index']}`;
  await verifies();
});

function digestOf(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('base64url');
}
