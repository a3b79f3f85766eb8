/** The two-step actions of the product, each as something that can be broken off and tried again. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ProblemError } from '@countersign/client';
import type { Envelope } from '@countersign/contract';
import { CountersignError } from '@countersign/core';
import { expect } from 'vitest';
import { details, grantDraft } from '../support/deployment.ts';
import { envelopeOf, newId } from '../support/people.ts';
import { openSession } from '../support/session.ts';
import type { Rig } from './rig.ts';

interface Attempt {
  /** The operation, once. */
  run(): Promise<unknown>;
  /** What must be so, whatever became of it, and that the same wish can be fulfilled now. */
  after(outcome: Outcome): Promise<void>;
}

/** `answered` with what, or refused with a code; `silence` when nobody answered. */
export type Outcome =
  | { readonly kind: 'answered'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'silence' };

export interface Operation {
  readonly name: string;
  /** Whom the server talks to in it. */
  readonly sides: readonly ('broker' | 'target')[];
  /** Everything that goes before the first step that may fail. */
  readonly prepare: (rig: Rig) => Promise<Attempt>;
}

export async function outcomeOf(work: Promise<unknown>): Promise<Outcome> {
  try {
    return { kind: 'answered', value: await work };
  } catch (error) {
    if (error instanceof ProblemError) return { kind: 'refused', code: error.code };
    if (error instanceof CountersignError) return { kind: 'silence' };
    throw error;
  }
}

const READ = details(['postgres:select'], ['public.bookings']);
/** Seconds: what no crash and no refusal cleared away earlier is gone by then. */
const TTL = 20;

/** Milliseconds: what failed is tried again, and what a killed server had claimed is another's, by then. */
const PATIENCE = 30_000;

/** One standing grant for each rig, limited so that uses are counted, by far more than are used. */
const standing = new WeakMap<Rig, Promise<unknown>>();

function standingGrant(rig: Rig): Promise<unknown> {
  const known = standing.get(rig);
  if (known !== undefined) return known;
  const made = rig.grant({
    operations: ['postgres:select'],
    resources: ['public.bookings'],
    ttl: TTL,
    max_uses: 100_000,
  });
  standing.set(rig, made);
  return made;
}

async function leased({ agent }: Rig) {
  const credential = await agent.exchange(await agent.token(READ), null);
  const session = await openSession(credential);
  return { credential, session };
}

/** A credential is had, does what it may, and goes when it is given back. */
async function expectLeasing(rig: Rig): Promise<void> {
  const { credential, session } = await leased(rig);
  await session.query('select 1 from public.bookings limit 1');
  await rig.agent.giveBack(credential.leaseId);
  await expect(session.query('select 1')).rejects.toThrow();
}

async function expectRevoked({ own }: Rig, id: string, timeout: number): Promise<void> {
  const state = async () => {
    const [row] = await own<{ state: string }[]>`
      select state from countersign.leases where id = ${id}`;
    return row?.state;
  };
  if (timeout === 0) expect(await state()).toBe('revoked');
  else await expect.poll(state, { timeout }).toBe('revoked');
}

/** Now; or, where a crash left a claim that only time ends, when everything else is done. */
async function atLast(rig: Rig, outcome: Outcome, look: () => Promise<void>): Promise<void> {
  if (outcome.kind === 'silence') rig.later.push(look);
  else await look();
}

/** The lease that came of an attempt after `since`, which is not the client's. */
async function leasesSince({ own }: Rig, since: number): Promise<string[]> {
  const rows = await own<{ id: string }[]>`
    select id from countersign.leases where created_at >= ${new Date(since)}
      and state in ('pending', 'active')`;
  return rows.map(({ id }) => id);
}

const issue: Operation = {
  name: 'issue',
  sides: ['broker'],
  async prepare(rig) {
    await standingGrant(rig);
    return {
      run: () => rig.agent.token(READ),
      async after() {
        await rig.agent.token(READ);
        await rig.agent.me();
      },
    };
  },
};

const exchange: Operation = {
  name: 'exchange',
  sides: ['broker', 'target'],
  async prepare(rig) {
    await standingGrant(rig);
    const token = await rig.agent.token(READ);
    const since = Date.now();
    return {
      run: () => rig.agent.exchange(token, null),
      async after(outcome) {
        if (outcome.kind === 'answered') {
          const live = await leasesSince(rig, since);
          expect(live).toHaveLength(1);
          await rig.agent.giveBack(live[0] ?? '');
        } else if (outcome.kind === 'refused') {
          // Told that nothing was handed out: then nothing stays, long before the lease would end.
          await expect.poll(() => leasesSince(rig, since), { timeout: 15_000 }).toEqual([]);
        }
        await expectLeasing(rig);
      },
    };
  },
};

const giveBack: Operation = {
  name: 'give back',
  sides: ['broker', 'target'],
  async prepare(rig) {
    await standingGrant(rig);
    const { credential, session } = await leased(rig);
    const give = () => rig.agent.giveBack(credential.leaseId);
    return {
      run: give,
      async after(outcome) {
        // Told that it is gone: then it is. Told that it is not yet: the broker goes on by itself.
        if (outcome.kind !== 'answered') await outcomeOf(give());
        await atLast(rig, outcome, async () => {
          await expectRevoked(rig, credential.leaseId, outcome.kind === 'answered' ? 0 : PATIENCE);
          await expect(session.query('select 1')).rejects.toThrow();
          await expect(openSession(credential)).rejects.toThrow();
        });
      },
    };
  },
};

const revoke: Operation = {
  name: 'revoke',
  sides: ['broker', 'target'],
  async prepare(rig) {
    const { alice, agent, grant } = rig;
    const rights = { operations: ['postgres:select'], resources: ['public.customers'] };
    const { id } = await grant({ ...rights, ttl: 3600 });
    const token = await agent.token(details(rights.operations, rights.resources));
    const credential = await agent.exchange(token, null);
    const session = await openSession(credential);
    const { statement } = await alice.client.call('draft', {
      body: { kind: 'grant.revoke', id: newId(), body: { grant: id, reason: 'over' } },
    });
    const envelope = await envelopeOf(statement, alice.privateJwk);
    const propose = () => alice.client.call('propose', { body: { envelope } });
    return {
      run: propose,
      async after(outcome) {
        if (outcome.kind !== 'answered') await agreeing(propose(), 'conflict');
        const { status } = await alice.client.call('grant', { params: { id } });
        expect(status).toBe('revoked');
        await expect(agent.exchange(token, null)).rejects.toThrow();
        await atLast(rig, outcome, async () => {
          await expectRevoked(rig, credential.leaseId, PATIENCE);
          await expect(session.query('select 1')).rejects.toThrow();
          await expect(openSession(credential)).rejects.toThrow();
        });
      },
    };
  },
};

/** The second signature, which makes a delete-capable grant. */
const sign: Operation = {
  name: 'sign',
  sides: ['broker'],
  async prepare(rig) {
    const { alice, bob, agent } = rig;
    const rights = { operations: ['postgres:delete'], resources: ['public.bookings'] };
    const { id } = await alice.propose(grantDraft(rights));
    return {
      run: () => bob.sign(id),
      async after(outcome) {
        if (outcome.kind !== 'answered') await agreeing(bob.sign(id), 'conflict');
        expect(await alice.client.call('grant', { params: { id } })).toMatchObject({
          status: 'active',
          have: 2,
          used: 0,
        });
        await agent.token(details(rights.operations, rights.resources));
        await alice.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'next' } });
      },
    };
  },
};

let connections = 0;

const connectionSet: Operation = {
  name: 'connection.set',
  sides: ['broker', 'target'],
  async prepare(rig) {
    const { alice, target, wires, playground } = rig;
    connections += 1;
    const name = `pg-more-${connections}`;
    const database = `more_${connections}`;
    await target.unsafe(`create database ${database} template template0`);
    const [template] = playground.connections;
    if (template === undefined) throw new Error('the playground has connections');
    const { host, username, sslmode } = template.config;
    const value = (await readFile(template.secret_file, 'utf8')).trim();
    const credential = { salt: randomBytes(32).toString('base64url'), value };
    const id = newId();
    let envelope: Envelope | null = null;
    const draft = async (): Promise<Envelope> => {
      const { statement } = await alice.client.call('draft', {
        body: {
          kind: 'connection.set',
          id,
          credential,
          body: {
            name,
            provider: 'postgres',
            config: { host, port: wires.target.port, database, username, sslmode },
            environments: { production: [`${host}:${wires.target.port}/${database}`] },
          },
        },
      });
      return await envelopeOf(statement, alice.privateJwk);
    };
    const propose = async () => {
      envelope ??= await draft();
      return await alice.client.call('propose', { body: { envelope, credential } });
    };
    return {
      run: propose,
      async after(outcome) {
        if (outcome.kind !== 'answered') await agreeing(propose(), 'conflict');
        // What was sealed opens, and is what was signed.
        await alice.client.call('checkConnection', { params: { id } });
        // Or each start after it would look for a database that is gone.
        const body = { connection: id, reason: 'one crash later' };
        await alice.propose({ kind: 'connection.remove', body });
        await target.unsafe(`drop database ${database} with (force)`);
      },
    };
  },
};

/** Another commitment to the credential it has: sealed, signed, and the former destroyed after it. */
const rotate: Operation = {
  name: 'connection rotated',
  sides: ['broker', 'target'],
  async prepare({ alice, playground }) {
    const connection = 'pg-staging';
    const file = playground.connections.find(({ name }) => name === connection)?.secret_file;
    const value = (await readFile(file ?? '', 'utf8')).trim();
    const credential = { salt: randomBytes(32).toString('base64url'), value };
    const id = newId();
    let envelope: Envelope | null = null;
    const draft = async (): Promise<Envelope> => {
      const { statement } = await alice.client.call('draft', {
        body: { kind: 'connection.set', id, credential, body: { connection } },
      });
      return await envelopeOf(statement, alice.privateJwk);
    };
    const propose = async () => {
      envelope ??= await draft();
      return await alice.client.call('propose', { body: { envelope, credential } });
    };
    return {
      run: propose,
      async after(outcome) {
        if (outcome.kind !== 'answered') await agreeing(propose(), 'conflict');
        const kept = async () => {
          const { items } = await alice.client.call('connections', {});
          return items.find(({ name }) => name === connection);
        };
        await alice.client.call('checkConnection', { params: { id: (await kept())?.id ?? '' } });
        const looking = { timeout: PATIENCE, interval: 200 };
        await expect.poll(kept, looking).toMatchObject({ former_credentials: 0 });
      },
    };
  },
};

/** An agent's question. */
const ask: Operation = {
  name: 'ask',
  sides: ['broker'],
  async prepare({ agent, alice }) {
    const authorization_details = details(['postgres:select'], ['public.vehicles']);
    // An agent has so many open questions and no more: those of the runs before are answered.
    const { items } = await alice.client.call('accessRequests', { query: { open: 'true' } });
    for (const { id } of items) {
      const answer = { params: { id }, body: { reason: 'one crash later' } };
      await alice.client.call('rejectAccessRequest', answer);
    }
    await agent.me();
    const file = () => agent.ask({ authorization_details });
    return { run: file, after: async () => void (await file()) };
  },
};

/** Done now, or refused with the code that says it was done before. */
async function agreeing(work: Promise<unknown>, code: string): Promise<void> {
  const outcome = await outcomeOf(work);
  if (outcome.kind === 'refused') expect(outcome.code).toBe(code);
  else expect(outcome.kind).toBe('answered');
}

export const OPERATIONS: readonly Operation[] = [
  issue,
  exchange,
  giveBack,
  revoke,
  sign,
  connectionSet,
  rotate,
  ask,
];
