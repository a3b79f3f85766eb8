/** 64 clients, two server processes, one database: one use of a single-use grant, none after a revoke. */
import { type Agent, createAgent, createClient, ProblemError } from '@countersign/client';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { type LedgerEntry, readLedger, verifyLedger } from '../support/ledger.ts';

const CLIENTS = 64;
const ROUNDS = 4;
const OPERATIONS = ['postgres:delete', 'postgres:select'];
const RESOURCES = ['public.bookings'];

let deployment: Deployment;
let agents: Agent[];

beforeAll(async () => {
  deployment = await deploy({ replicas: 2, env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
  const { replicas, cursor, broker } = deployment;
  agents = Array.from({ length: CLIENTS }, (_, i) =>
    createAgent(
      createClient({ server: replicas[i % replicas.length]?.url ?? '', issuer: broker.url }),
      { name: cursor.name, key: cursor.key },
    ),
  );
});
afterAll(async () => {
  await deployment.stop();
});

function usesOf(entries: readonly LedgerEntry[], grant: string): LedgerEntry[] {
  return entries.filter(
    ({ body }) =>
      body['verdict'] === 'allowed' &&
      body['stage'] === 'exchange' &&
      Array.isArray(body['grants']) &&
      body['grants'].includes(grant),
  );
}

/** Lease roles still at the target. */
async function leaseRoles(): Promise<number> {
  const sql = postgres(deployment.playground.ownerUrl('rental_staging').reveal(), { max: 1 });
  try {
    const [row] = await sql<{ n: number }[]>`
      select count(*)::int as n from pg_roles where starts_with(rolname, 'csl_')`;
    return row?.n ?? -1;
  } finally {
    await sql.end();
  }
}

async function signedGrant(uses: number): Promise<string> {
  const { alice, bob } = deployment;
  const draft = grantDraft({
    operations: OPERATIONS,
    resources: RESOURCES,
    max_uses: uses,
    ttl: 30,
  });
  const { id } = await alice.propose(draft);
  await bob.sign(id);
  return id;
}

/** Every client mints a token; then all exchange at once. @returns codes of those refused, and how many won. */
async function race(meanwhile: () => Promise<unknown>) {
  const tokens = await Promise.all(
    agents.map((agent) => agent.token(details(OPERATIONS, RESOURCES))),
  );
  const attempts = agents.map(async (agent, i) => {
    const token = tokens[i];
    if (token === undefined) throw new Error('every client has a token');
    try {
      await agent.exchange(token, null);
      return 'won';
    } catch (error) {
      if (error instanceof ProblemError) return error.code;
      throw error;
    }
  });
  const [outcomes] = await Promise.all([Promise.all(attempts), meanwhile()]);
  return outcomes;
}

describe('two server processes on one database', () => {
  test.each(Array.from({ length: ROUNDS }, (_, i) => i))(
    'hand a single-use grant to one of 64 clients (round %i)',
    async () => {
      const grant = await signedGrant(1);
      const outcomes = await race(async () => undefined);
      expect(outcomes.filter((outcome) => outcome === 'won')).toHaveLength(1);
      expect(new Set(outcomes)).toEqual(new Set(['won', 'grant_exhausted']));
      expect(usesOf(await readLedger(deployment.alice), grant)).toHaveLength(1);
      await deployment.alice.propose({
        kind: 'grant.revoke',
        body: { grant, reason: 'next round' },
      });
    },
  );

  test('take a lease back for every client that gives it back at once', async () => {
    const grant = await signedGrant(1);
    const [giver] = agents;
    if (giver === undefined) throw new Error('there are clients');
    const token = await giver.token(details(OPERATIONS, RESOURCES));
    const { leaseId } = await giver.exchange(token, null);
    await Promise.all(agents.map((agent) => agent.giveBack(leaseId)));
    expect(await leaseRoles()).toBe(0);
    await deployment.alice.propose({ kind: 'grant.revoke', body: { grant, reason: 'given back' } });
  });

  // One use races the revoke; more uses than the revoke leaves time for show where it cut.
  test.each([1, 8, 64, 64])(
    'let nobody use a grant of %i uses after its revoke is in the ledger',
    async (uses) => {
      const grant = await signedGrant(uses);
      const outcomes = await race(() =>
        deployment.alice.propose({ kind: 'grant.revoke', body: { grant, reason: 'a race' } }),
      );
      const entries = await readLedger(deployment.alice);
      const revoked = entries.find(
        ({ type, body }) =>
          type === 'statement.proposed' &&
          JSON.stringify(body).includes(revocationMark(body, grant)),
      );
      const used = usesOf(entries, grant);
      expect(used.length).toBeLessThanOrEqual(uses);
      expect(outcomes.filter((outcome) => outcome === 'won').length).toBeLessThanOrEqual(
        used.length,
      );
      expect(revoked).toBeDefined();
      for (const { index } of used) expect(index).toBeLessThan(revoked?.index ?? -1);
      await expect.poll(leaseRoles, { timeout: 20_000 }).toBe(0);
    },
  );

  test('leave a ledger in which each decision had its authority and its use', async () => {
    expect(await verifyLedger(deployment.alice)).toMatchObject({ ok: true, finding: null });
  });
});

/** The payload of an envelope that revokes the grant, or a mark that is nowhere. */
function revocationMark(body: Readonly<Record<string, unknown>>, grant: string): string {
  const { envelope } = body;
  if (typeof envelope !== 'object' || envelope === null || !('payload' in envelope)) return '\0';
  const payload = String(envelope.payload);
  const statement = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  return statement.kind === 'grant.revoke' && statement.body.grant === grant ? payload : '\0';
}
