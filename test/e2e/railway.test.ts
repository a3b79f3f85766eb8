/**
 * The incident, with a broker between: an agent at work in staging, a token of Railway's that knows no environment,
 * and one volume that serves staging and production. What really happened there the simulator's own record says.
 */
import { randomBytes } from 'node:crypto';
import { createClient } from '@countersign/client';
import type { DraftRequest, RequestedDetail } from '@countersign/contract';
import {
  buildRental,
  type Effect,
  RailwaySimulator,
  type Rental,
  serveSimulator,
} from '@countersign/provider-railway/simulator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { verifyLedger } from '../support/ledger.ts';
import { envelopeOf, newId } from '../support/people.ts';

const RATE = { perHour: 1e9, perSecond: 1e9 };

let deployment: Deployment;
let railway: RailwaySimulator;
let rental: Rental;
let served: { readonly url: string; close(): Promise<void> };

beforeAll(async () => {
  railway = new RailwaySimulator({ seed: 'incident', rate: RATE });
  rental = buildRental(railway);
  [deployment, served] = await Promise.all([deploy(), serveSimulator(railway, { port: 0 })]);
  await connectRailway();
});
afterAll(async () => {
  await deployment.stop();
  await served.close();
});

async function connectRailway(): Promise<void> {
  const { alice, bob } = deployment;
  const answer = await alice.propose(
    {
      kind: 'connection.set',
      body: {
        name: 'railway',
        provider: 'railway',
        config: {
          endpoint: new URL(served.url).origin,
          token: 'account',
          projects: [rental.projectId],
        },
        environments: { staging: [rental.staging.id], production: [rental.production.id] },
      },
    },
    { salt: randomBytes(32).toString('base64url'), value: rental.tokens.account.secret },
  );
  if (answer.status === 'pending') await bob.sign(answer.id);
}

const at = { connection: 'railway', environment: 'staging' };

const grant = (operations: readonly string[], resources: readonly string[]) =>
  deployment.grant({ ...at, operations, resources });

/** Two humans grant what the agent asked for. */
async function countersigned(wanted: RequestedDetail[]): Promise<void> {
  const { cursor, alice, bob } = deployment;
  const asked = await cursor.agent.ask({ authorization_details: wanted, reason: 'no longer used' });
  const drafted = await alice.propose({
    kind: 'grant.create',
    body: { request: asked.id, reason: 'ok' },
  });
  await bob.sign(drafted.id);
}

async function send(query: string, wanted: RequestedDetail[]): Promise<unknown> {
  const { cursor, broker } = deployment;
  const token = await cursor.agent.token(wanted);
  const answer = await createClient({ server: broker.url })
    .as(token)
    .forward('railway', {
      method: 'POST',
      path: '/graphql/v2',
      contentType: 'application/json',
      body: JSON.stringify({ query }),
    });
  return await answer.json();
}

const harm = (): readonly Effect[] =>
  railway.effects.filter(({ effect }) => !['read', 'created', 'changed'].includes(effect));

describe('an agent in staging', () => {
  test('reads and writes what one admin granted', async () => {
    const environment = `environment/${rental.staging.id}`;
    await grant(['railway:environment'], [environment]);
    const read = `{ environment(id: "${rental.staging.id}") { name } }`;
    expect(await send(read, details(['railway:environment'], [environment], at))).toEqual({
      data: { environment: { name: 'staging' } },
    });
    expect(harm()).toEqual([]);
  });

  test('reads no secret below it, and nothing of production', async () => {
    const wanted = details(['railway:environment'], [`environment/${rental.staging.id}`], at);
    for (const [query, code] of [
      [
        `{ environment(id: "${rental.staging.id}") { config(decryptVariables: true) } }`,
        'needs_signature',
      ],
      [
        `{ environment(id: "${rental.staging.id}") { sourceEnvironment { name } } }`,
        'environment_mismatch',
      ],
      [`{ environment(id: "${rental.production.id}") { name } }`, 'resource_not_granted'],
      ['mutation { environmentObliterate(id: "x") }', 'unknown_operation'],
      ['{ environment(id: "x") ', 'unparseable_request'],
    ] as const) {
      await expect(send(query, wanted), query).rejects.toMatchObject({ code });
    }
    expect(harm()).toEqual([]);
  });

  test('is told what there is near to what it guessed, and where to look', async () => {
    const wanted = details(['railway:environment'], [`environment/${rental.staging.id}`], at);
    const guess = 'mutation { volumeDelet(volumeId: "x") }';
    await expect(send(guess, wanted)).rejects.toMatchObject({
      code: 'unknown_operation',
      problem: { detail: expect.stringMatching(/"volumeDelete".* GET \/v1\/me\?like=WORD/) },
    });
  });

  test('deletes a volume of staging once two humans have signed, once', async () => {
    const { id } = rental.volumes.stagingUploads;
    const wanted = details(['railway:volumeDelete'], [`volume/${id}`], at);
    const query = `mutation { volumeDelete(volumeId: "${id}") }`;
    await expect(send(query, wanted)).rejects.toMatchObject({ code: 'needs_signature' });
    expect(harm()).toEqual([]);
    await countersigned(wanted);
    expect(await send(query, wanted)).toEqual({ data: { volumeDelete: true } });
    const destroyed = harm();
    expect(destroyed.length).toBeGreaterThan(0);
    expect(destroyed.every(({ environments }) => environments.join() === rental.staging.id)).toBe(
      true,
    );
    await expect(send(query, wanted)).rejects.toMatchObject({ code: 'grant_exhausted' });
  });

  test('is granted no delete before humans were shown what goes with it', async () => {
    const { alice, cursor } = deployment;
    const { id } = rental.volumes.bookings;
    const wanted = details(['railway:volumeDelete'], [`volume/${id}`], at);
    const asked = await cursor.agent.ask({ authorization_details: wanted, reason: 'x' });
    const request: DraftRequest = {
      kind: 'grant.create',
      id: newId(),
      body: { request: asked.id, reason: 'ok' },
    };
    const { statement } = await alice.client.call('draft', { body: request });
    if (statement.kind !== 'grant.create') throw new Error('it is a grant');
    expect(statement.body.assessment).toMatchObject({
      kind: 'deletion',
      body: {
        omitted: 0,
        deletions: [
          {
            losses: [
              { place: 'production', object: 'volume bookings', used_by: 'postgres', backups: 2 },
              { place: 'staging', object: 'volume bookings', used_by: 'postgres', backups: 2 },
            ],
          },
        ],
      },
    });
    const body = statement.body.assessment?.body ?? {};
    for (const assessment of [
      null,
      { kind: 'deletion', v: 1, body: { ...body, deletions: [] } },
      { kind: 'soothing', v: 1, body: { nothing: 'at all' } },
    ]) {
      const forged = { ...statement, body: { ...statement.body, assessment } };
      await expect(
        alice.client.call('propose', {
          body: { envelope: await envelopeOf(forged, alice.privateJwk) },
        }),
      ).rejects.toMatchObject({ code: 'invalid_request' });
    }
  });

  test('is granted one all the same where Railway does not tell, and the statement says so', async () => {
    const { alice, cursor } = deployment;
    const wanted = details(['railway:volumeDelete'], [`volume/${newId()}`], at);
    const asked = await cursor.agent.ask({ authorization_details: wanted, reason: 'x' });
    const { statement } = await alice.client.call('draft', {
      body: { kind: 'grant.create', id: newId(), body: { request: asked.id, reason: 'ok' } },
    });
    expect(statement.body).toMatchObject({
      assessment: { body: { deletions: [{ losses: [], unassessed: 'refused' }] } },
    });
    await alice.client.call('propose', {
      body: { envelope: await envelopeOf(statement, alice.privateJwk) },
    });
  });

  test('does not delete the volume that production uses too, whoever signed it for staging', async () => {
    const { id } = rental.volumes.bookings;
    const wanted = details(['railway:volumeDelete'], [`volume/${id}`], at);
    await countersigned(wanted);
    const before = harm().length;
    for (const query of [
      `mutation { volumeDelete(volumeId: "${id}") }`,
      `mutation { restart: volumeDelete(volumeId: "${id}") }`,
      `mutation { ...F } fragment F on Mutation { volumeDelete(volumeId: "${id}") @skip(if: true) }`,
    ]) {
      await expect(send(query, wanted), query).rejects.toMatchObject({
        code: 'environment_mismatch',
      });
    }
    expect(harm().length).toBe(before);
    expect(railway.world.get('volume', id)).toBeDefined();
  });

  test('leaves a ledger in which each decision verifies', async () => {
    expect(await verifyLedger(deployment.alice)).toMatchObject({ ok: true, finding: null });
  });
});
