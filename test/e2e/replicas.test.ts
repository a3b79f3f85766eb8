/**
 * Several server processes are one broker: three of them on one PostgreSQL, behind the load balancer that
 * the documentation configures. What one acknowledged holds on all; one that stops or dies loses nothing.
 */
import {
  type Agent,
  clientAssertion,
  createAgent,
  createClient,
  dpopProof,
  ProblemError,
} from '@countersign/client';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BrokerProcess, freePort } from '../support/broker-process.ts';
import {
  type Deployment,
  deploy,
  details,
  grantDraft,
  type TestAgent,
} from '../support/deployment.ts';
import { type Balancer, HAS_HAPROXY, startHaproxy } from '../support/haproxy.ts';
import { readLedger } from '../support/ledger.ts';
import { type Person, personOf } from '../support/people.ts';
import { refused } from '../support/refusal.ts';
import { openSession } from '../support/session.ts';

const REPLICAS = 3;
const CLIENTS = 64;
const READ = details(['postgres:select'], ['public.bookings']);
const DELETE = details(['postgres:delete', 'postgres:select'], ['public.bookings']);

// CI installs HAProxy and demands that this file passes; see .ci/.
describe.skipIf(!HAS_HAPROXY)('replicas behind a load balancer (needs haproxy)', () => {
  let deployment: Deployment;
  let balancer: Balancer;
  /** By place; a restart puts a new process in the old one's. */
  let servers: BrokerProcess[];
  let issuer: string;

  beforeAll(async () => {
    const port = await freePort();
    issuer = `http://localhost:${port}`;
    const env = {
      COUNTERSIGN_LOG_LEVEL: 'warn',
      COUNTERSIGN_DRAIN_SECONDS: '1',
      // One agent makes all of the load here.
      COUNTERSIGN_AGENT_RATE: '100000',
    };
    deployment = await deploy({ replicas: REPLICAS, issuer, env });
    servers = [...deployment.replicas];
    balancer = await startHaproxy({
      directory: deployment.dataDir,
      port,
      servers: servers.map((server) => server.port),
    });
  });
  afterAll(async () => {
    await balancer?.stop();
    await deployment?.stop();
  });

  function server(at: number): BrokerProcess {
    const found = servers[at];
    if (found === undefined) throw new Error(`there is no replica ${at}`);
    return found;
  }

  /** The agent, speaking to one server, or to whichever the balancer chooses. */
  function through(url: string, { name, key }: TestAgent = deployment.cursor): Agent {
    return createAgent(createClient({ server: url, issuer }), { name, key });
  }

  /** Alice with a session of her own at one server. */
  async function aliceAt(at: number): Promise<Person> {
    return await personOf(server(at).url, 'alice', deployment.alice);
  }

  /** Lease roles at the target. */
  async function leaseRoles(): Promise<number> {
    return await atTarget(async (sql) => {
      const [row] = await sql<{ n: number }[]>`
        select count(*)::int as n from pg_roles where starts_with(rolname, 'csl_')`;
      return row?.n ?? -1;
    });
  }

  async function atTarget<T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
    const url = deployment.playground.ownerUrl('rental_staging').reveal();
    const sql = postgres(url, { max: 2, onnotice: () => undefined });
    try {
      return await work(sql);
    } finally {
      await sql.end();
    }
  }

  describe('what one acknowledged, the others enforce', () => {
    interface Change {
      readonly what: string;
      readonly act: (alice: Person, agent: TestAgent, grant: string) => Promise<unknown>;
      /** What the agent hears at every other server, for a decision that starts afterwards. */
      readonly code: string;
    }
    const CHANGES: readonly Change[] = [
      {
        what: 'a revoked grant',
        act: (alice, _, grant) =>
          alice.propose({ kind: 'grant.revoke', body: { grant, reason: 'over' } }),
        code: 'not_granted',
      },
      {
        what: 'a disabled agent',
        act: (alice, { name }) =>
          alice.propose({ kind: 'agent.disable', body: { agent: name, reason: 'gone' } }),
        code: 'agent_disabled',
      },
      {
        what: 'a frozen agent',
        act: (alice, { name }) =>
          alice.propose({
            kind: 'freeze',
            body: { target: { kind: 'agent', id: name }, reason: 'odd' },
          }),
        code: 'frozen',
      },
    ];

    test.each(CHANGES.map((change, at) => [change.what, change, at] as const))(
      '%s',
      async (_, { act, code }, at) => {
        const agent = await deployment.registerAgent(`held-${at}`);
        const { id } = await deployment.grant({
          agent: agent.name,
          operations: ['postgres:select'],
          resources: ['public.bookings'],
        });
        for (let from = 0; from < REPLICAS; from += 1) {
          // Warm: each server has folded the grant and handed something out.
          await through(server(from).url, agent).token(READ);
        }
        const token = await through(balancer.url, agent).token(READ);
        await act(await aliceAt(1), agent, id);
        const asked = Array.from({ length: REPLICAS }, (__, to) => to).flatMap((to) => [
          refused(through(server(to).url, agent).exchange(token, null), code),
          refused(through(server(to).url, agent).token(READ), code),
        ]);
        await Promise.all(asked);
      },
    );

    test('one use of a single-use grant, for 64 clients through the balancer', async () => {
      const { alice, bob } = deployment;
      const { id } = await alice.propose(
        grantDraft({
          operations: ['postgres:delete', 'postgres:select'],
          resources: ['public.bookings'],
          max_uses: 1,
          ttl: 30,
        }),
      );
      await bob.sign(id);
      const agents = Array.from({ length: CLIENTS }, () => through(balancer.url));
      const tokens = await Promise.all(agents.map((agent) => agent.token(DELETE)));
      const outcomes = await Promise.all(
        agents.map(async (agent, i) => {
          const token = tokens[i];
          if (token === undefined) throw new Error('every client has a token');
          return await agent.exchange(token, null).then(
            () => 'won',
            (error: { readonly code: string }) => error.code,
          );
        }),
      );
      expect(outcomes.filter((outcome) => outcome === 'won')).toHaveLength(1);
      expect(new Set(outcomes)).toEqual(new Set(['won', 'grant_exhausted']));
      await alice.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'next' } });
    });

    /** A token request with this assertion and this proof, at one server. */
    async function present(at: number, assertion: string, proof: string) {
      const answer = await fetch(`${server(at).url}/oauth/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', dpop: proof },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: 'cursor',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion,
        }),
      });
      const body: unknown = await answer.json();
      const code = typeof body === 'object' && body !== null && 'code' in body ? body.code : null;
      return { status: answer.status, code };
    }
    const assertion = () => clientAssertion(deployment.cursor.key, 'cursor', issuer, Date.now());
    const proof = () =>
      dpopProof(deployment.cursor.key, {
        method: 'POST',
        url: `${issuer}/oauth/token`,
        now: Date.now(),
        accessToken: null,
      });

    test.each(['client assertion', 'DPoP proof'])('a %s that was seen', async (which) => {
      const [first, second] = [await assertion(), await proof()];
      expect(await present(0, first, second)).toEqual({ status: 200, code: null });
      for (const at of [1, 2, 0]) {
        const seen =
          which === 'DPoP proof'
            ? await present(at, await assertion(), second)
            : await present(at, first, await proof());
        expect(seen.code).toBe('replayed');
      }
    });

    test('a lease is given back at another server', async () => {
      await deployment.grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
      const giver = through(server(0).url);
      const credential = await giver.exchange(await giver.token(READ), null);
      await through(server(2).url).giveBack(credential.leaseId);
      await expect(openSession(credential)).rejects.toThrow();
    });
  });

  describe('a server that dies', () => {
    test('leaves an exchange half done, and another undoes it', { timeout: 120_000 }, async () => {
      const agent = await deployment.registerAgent('unlucky');
      const { id } = await deployment.grant({
        agent: agent.name,
        operations: ['postgres:select'],
        resources: ['public.customers'],
      });
      const asked = details(['postgres:select'], ['public.customers']);
      const token = await through(balancer.url, agent).token(asked);
      const before = await leaseRoles();
      await atTarget(async (sql) => {
        // Nobody makes a role while this is held: the exchange hangs at the target.
        const held = await sql.reserve();
        await held.unsafe('begin; lock table pg_catalog.pg_authid in exclusive mode');
        const lost = through(server(2).url, agent)
          .exchange(token, null)
          .catch((error: unknown) => error);
        const hanging = async () => {
          const [row] = await sql<{ n: number }[]>`
            select count(*)::int as n from pg_stat_activity
            where usename = 'countersign_broker' and wait_event_type = 'Lock'`;
          return row?.n ?? 0;
        };
        await expect.poll(hanging, { timeout: 20_000 }).toBeGreaterThan(0);
        await server(2).kill();
        await held.unsafe('rollback');
        held.release();
        expect(await lost).toMatchObject({ code: 'broker_unavailable' });
      });
      await balancer.untilUp(REPLICAS - 1);
      const answer = await (await aliceAt(0)).propose({
        kind: 'grant.revoke',
        body: { grant: id, reason: 'its exchange was lost' },
      });
      expect(answer).toMatchObject({ leases_revoked: 1, leases_pending: 0 });
      await expect.poll(leaseRoles, { timeout: 20_000 }).toBeLessThanOrEqual(before);
      servers[2] = await deployment.anotherServer({ port: server(2).port });
      await balancer.untilUp(REPLICAS);
    });
  });

  describe('a rolling restart under load', () => {
    test('loses nothing that was acknowledged, and fails no request', {
      timeout: 240_000,
    }, async () => {
      const agent = await deployment.registerAgent('busy');
      await deployment.grant({
        agent: agent.name,
        operations: ['postgres:select'],
        resources: ['public.bookings'],
      });
      const seen = { tokens: new Set<string>(), leases: new Set<string>(), busy: 0 };
      const failures: string[] = [];
      const processes = [...servers];
      let isOver = false;
      /** One client, until the end or its first failure. `uses` makes a session of each token. */
      async function work(uses: boolean): Promise<void> {
        const own = through(balancer.url, agent);
        while (!isOver && failures.length === 0) {
          try {
            const token = await own.token(READ);
            seen.tokens.add(jtiOf(token.token.reveal()));
            if (!uses) continue;
            const credential = await own.exchange(token, null);
            seen.leases.add(credential.leaseId);
            const session = await openSession(credential);
            await session.query('select 1 from public.bookings limit 1');
            await session.end();
            await own.giveBack(credential.leaseId);
          } catch (error) {
            // The target, not the broker: one lease is made there at a time. Nothing was handed out.
            if (error instanceof ProblemError && error.code === 'provider_unavailable')
              seen.busy += 1;
            else failures.push(wordsOf(error));
          }
        }
      }
      const working = [true, true, false, false].map(work);
      let restarts = 0;
      try {
        for (let at = 0; at < REPLICAS; at += 1) {
          const { port } = server(at);
          const before = seen.leases.size;
          expect(await server(at).stop()).toBe(0);
          const started = await deployment.anotherServer({ port });
          servers[at] = started;
          processes.push(started);
          await balancer.untilUp(REPLICAS);
          restarts += 1;
          // Work went on, with the others and then with the new one.
          await expect
            .poll(() => seen.leases.size, { timeout: 20_000 })
            .toBeGreaterThan(before + 3);
        }
      } finally {
        isOver = true;
        await Promise.all(working);
      }
      process.stdout.write(
        `rolling restart: ${restarts} restarts, ${seen.tokens.size} tokens, ${seen.leases.size} leases used and given back, ${seen.busy} exchanges refused by a busy target, ${failures.length} failures\n`,
      );
      expect(failures).toEqual([]);
      // Whatever the target refused, it refused for being busy, not because a server was stopping.
      const reasons = processes.flatMap((each) =>
        [...each.output().matchAll(/"reason":"([^"]*)","msg":"no lease was issued"/g)].map(
          ([, reason = '']) => reason,
        ),
      );
      expect(reasons.filter((reason) => !/in time\.$/.test(reason))).toEqual([]);
      const entries = await readLedger(await aliceAt(0));
      const recorded = JSON.stringify(entries.filter(({ type }) => type === 'decision'));
      for (const id of [...seen.tokens, ...seen.leases]) expect(recorded).toContain(id);
    });
  });
});

function jtiOf(token: string): string {
  const [, claims = ''] = token.split('.');
  const parsed: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'));
  if (typeof parsed !== 'object' || parsed === null || !('jti' in parsed))
    throw new Error('no jti');
  return String(parsed.jti);
}

/** An error with its causes: what went wrong on the wire is in the innermost. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? ` (${String(error.code)})` : '';
  return `${error.message}${code}${error.cause === undefined ? '' : `: ${wordsOf(error.cause)}`}`;
}
