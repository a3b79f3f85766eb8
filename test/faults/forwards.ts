/**
 * What an agent has forwarded, as operations that break off: a read, a write, and a delete that two humans granted
 * once. What really happened the simulator says, and the ledger is held against it.
 */
import { randomUUID } from 'node:crypto';
import type { AgentToken } from '@countersign/client';
import type { EntryView } from '@countersign/contract';
import { CountersignError } from '@countersign/core';
import { expect } from 'vitest';
import { details } from '../support/deployment.ts';
import { connectRailway } from '../support/railway.ts';
import { type Operation, type Outcome, outcomeOf } from './operations.ts';
import { LONG, type Rig } from './rig.ts';
import type { Upstream } from './upstream.ts';

/** By which what agents ask for here is told from the broker's own questions. */
export const FIELDS = ['volumeDelete', 'volumeUpdate', 'askedByTheAgent'] as const;
type Field = (typeof FIELDS)[number];

const WHERE = { connection: 'railway', environment: 'staging' };
const OPERATION: Readonly<Record<Field, string>> = {
  volumeDelete: 'railway:volumeDelete',
  volumeUpdate: 'railway:volumeUpdate',
  askedByTheAgent: 'railway:environment',
};

/** The connection, and what one admin grants on it; uses are counted, by far more than are used. */
export async function connectAndGrant(rig: Rig, upstream: Upstream): Promise<void> {
  const { railway } = upstream;
  addVolumes(upstream);
  await connectRailway(rig, railway);
  const { staging, volumes } = railway.rental;
  const limits = { ...WHERE, max_uses: 100_000 };
  const [read, write] = [`environment/${staging.id}`, `volume/${volumes.stagingUploads.id}`];
  await rig.grant({ ...limits, operations: ['railway:environment'], resources: [read] });
  await rig.grant({ ...limits, operations: ['railway:volumeUpdate'], resources: [write] });
}

/** The provider's answer: its status. */
async function send(rig: Rig, token: AgentToken, query: string): Promise<number> {
  const answer = await rig.client.as(token).forward('railway', {
    ...{ method: 'POST', path: '/graphql/v2', contentType: 'application/json' },
    body: JSON.stringify({ query }),
  });
  await answer.text().catch(() => {
    throw new CountersignError('broker_unavailable', 'The answer broke off.');
  });
  return answer.status;
}

/** When an attempt began, for what the ledger and the simulator know of it. */
interface Since {
  readonly at: number;
  readonly done: number;
}

const sinceNow = ({ done }: Upstream): Since => ({ at: Date.now(), done: done.length });

/** Law 4: whatever reached the simulator has an entry of its own, which allowed it before. */
async function expectEntries(
  rig: Rig,
  { done }: Upstream,
  field: Field,
  { resource, since }: { readonly resource: string; readonly since: Since },
): Promise<void> {
  const { items } = await rig.alice.client.call('auditEntries', {
    query: { agent: 'cursor', type: 'decision', limit: 100 },
  });
  const id = resource.slice(resource.indexOf('/') + 1);
  const allowed = items.filter(
    (entry) => Date.parse(entry.time) >= since.at && allows(entry, OPERATION[field], resource),
  );
  const reached = done.slice(since.done).filter((each) => each.field === field && each.id === id);
  expect(reached.length).toBeGreaterThan(0);
  expect(allowed.length).toBeGreaterThanOrEqual(reached.length);
}

function allows({ body }: EntryView, operation: string, resource: string): boolean {
  if (body['verdict'] !== 'allowed' || body['stage'] !== 'forward') return false;
  const rights = JSON.stringify(body['rights']);
  return rights.includes(`"${operation}"`) && rights.includes(`"${resource}"`);
}

/** Refused without an answer of the provider's, or answered by it; and never anything in between. */
function expectOutcome(outcome: Outcome): void {
  if (outcome.kind !== 'refused') return;
  expect(outcome.code).toMatch(
    /^(?:provider_unavailable|broker_unavailable|environment_unproven|rate_limited)$/,
  );
}

function read(upstream: Upstream): Operation {
  return {
    name: 'a forwarded read',
    sides: ['broker'],
    async prepare(rig) {
      const { id } = upstream.railway.rental.staging;
      const resource = `environment/${id}`;
      const wanted = details(['railway:environment'], [resource], WHERE);
      const query = `{ askedByTheAgent: environment(id: "${id}") { name } }`;
      const token = await rig.agent.token(wanted);
      const since = sinceNow(upstream);
      return {
        run: () => send(rig, token, query),
        async after(outcome) {
          expectOutcome(outcome);
          await send(rig, token, query);
          await expectEntries(rig, upstream, 'askedByTheAgent', { resource, since });
        },
      };
    },
  };
}

let named = 0;

function write(upstream: Upstream): Operation {
  return {
    name: 'a forwarded write',
    sides: ['broker'],
    async prepare(rig) {
      const { id } = upstream.railway.rental.volumes.stagingUploads;
      const resource = `volume/${id}`;
      named += 1;
      const name = `renamed-${named}`;
      const query = `mutation { volumeUpdate(volumeId: "${id}", input: { name: "${name}" }) { id } }`;
      const token = await rig.agent.token(details(['railway:volumeUpdate'], [resource], WHERE));
      const since = sinceNow(upstream);
      return {
        run: () => send(rig, token, query),
        async after(outcome) {
          expectOutcome(outcome);
          // What it held is free again.
          await send(rig, token, query);
          expect(upstream.railway.simulator.world.get('volume', id)?.name).toBe(name);
          await expectEntries(rig, upstream, 'volumeUpdate', { resource, since });
        },
      };
    },
  };
}

function remove(upstream: Upstream): Operation {
  return {
    name: 'a forwarded delete',
    sides: ['broker'],
    async prepare(rig) {
      const { id, token, query, resource } = await deletable(rig, upstream);
      const since = sinceNow(upstream);
      const reached = () => upstream.done.filter((each) => each.id === id).length;
      const isThere = () => upstream.railway.simulator.world.get('volume', id) !== undefined;
      return {
        run: () => send(rig, token, query),
        async after(outcome) {
          expectOutcome(outcome);
          const isDone = outcome.kind === 'answered' && outcome.value === 200;
          if (isDone) expect(reached()).toBe(1);
          expect(isThere()).toBe(reached() === 0);
          const mayBeDone = reached() > 0;
          const again = await outcomeOf(send(rig, token, query));
          // Law 4: a use that may have been had never comes back; what was not sent may have spent it as well.
          if (again.kind === 'answered') expect(mayBeDone).toBe(false);
          else expect(again).toEqual({ kind: 'refused', code: 'grant_exhausted' });
          // What the provider says it refused is the agent's again.
          if (outcome.kind === 'answered' && !isDone) expect(again.kind).toBe('answered');
          expect(reached()).toBeLessThanOrEqual(1);
          // What was held of its project is free again.
          const next = await deletable(rig, upstream);
          await send(rig, next.token, next.query);
          if (reached() > 0) {
            await expectEntries(rig, upstream, 'volumeDelete', { resource, since });
          }
        },
      };
    },
  };
}

/** A volume of staging alone, and a token that two humans let delete it, once. */
async function deletable(rig: Rig, upstream: Upstream) {
  const id = takeVolume(upstream);
  const resource = `volume/${id}`;
  const wanted = details(['railway:volumeDelete'], [resource], WHERE);
  const asked = await rig.agent.ask({ authorization_details: wanted, reason: 'no longer used' });
  const body = { request: asked.id, reason: 'ok' };
  await rig.bob.sign((await rig.alice.propose({ kind: 'grant.create', body })).id);
  const query = `mutation { volumeDelete(volumeId: "${id}") }`;
  return { id, resource, query, token: await rig.agent.token(wanted) };
}

const VOLUMES = LONG ? 400 : 60;
const untouched = new WeakMap<Upstream, string[]>();

/** Volumes of staging alone. All are there from the start: what is new is known to the broker only after a while. */
function addVolumes(upstream: Upstream): void {
  const { volumes, disks } = upstream.railway.rental;
  const { world } = upstream.railway.simulator;
  const ids = Array.from({ length: VOLUMES }, () => {
    const { id } = world.put('volume', { ...volumes.stagingUploads, id: randomUUID() });
    world.put('volume-instance', { ...disks.stagingUploads, id: randomUUID(), volumeId: id });
    return id;
  });
  untouched.set(upstream, ids);
}

function takeVolume(upstream: Upstream): string {
  const id = untouched.get(upstream)?.pop();
  if (id === undefined) throw new Error('every volume was used');
  return id;
}

export const forwards = (upstream: Upstream): readonly Operation[] => [
  remove(upstream),
  write(upstream),
  read(upstream),
];
