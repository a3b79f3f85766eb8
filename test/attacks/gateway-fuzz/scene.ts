/**
 * Three agents before a gateway: one that was granted nothing, one with all reads and writes in staging over whatever
 * was named, production's too, and one with a countersigned deletion of one volume of staging.
 */
import { type AgentToken, createAgent, createClient } from '@countersign/client';
import type { CatalogOperation } from '@countersign/core';
import { canonicalResource, catalog } from '../../../packages/providers/railway/src/catalog.ts';
import type { KnownIds } from '../../../packages/providers/railway/test/support/documents.ts';
import { type Deployment, deploy, details, type TestAgent } from '../../support/deployment.ts';
import { connectRailway, type StandIn, startRailway } from '../../support/railway.ts';

const WHERE = { connection: 'railway', environment: 'staging' };

export const AGENTS = ['nobody', 'writer', 'deleter'] as const;
export type AgentName = (typeof AGENTS)[number];

export interface Scene {
  readonly deployment: Deployment;
  readonly railway: StandIn;
  /** Ids as agents would use them: what was granted more often than anything else. */
  readonly known: KnownIds;
  /** The volume whose deletion is granted, once. */
  readonly volume: string;
  /** A token that is good for a while yet, or the last there was. */
  token(agent: AgentName): Promise<AgentToken>;
  stop(): Promise<void>;
}

type KindOfWorld = Parameters<KnownIds['world']['where']>[0];

/** Kinds of which resources are granted; the others are reached through these. */
const GRANTED: readonly KindOfWorld[] = [
  'environment',
  'service',
  'volume',
  'volume-instance',
  'deployment',
  'project',
];

/** Of each kind so many: a token holds them all, and travels in a header. */
const NAMED = 3;

/** Of what is done to the account alone, as much as a token has room for besides. */
const OF_ACCOUNT: readonly string[] = [
  'apiToken',
  'introspection',
  'me',
  'projects',
  'regions',
].map((name) => `railway:${name}`);

/** Milliseconds before its end in which a token is not used any more. */
const MARGIN = 20_000;

export async function setScene(): Promise<Scene> {
  const railway = await startRailway();
  const deployment = await deploy({
    env: { COUNTERSIGN_AGENT_RATE: '100000', COUNTERSIGN_AGENT_RESOLVER_RATE: '100000' },
  });
  await connectRailway(deployment, railway);
  const { staging, volumes } = railway.rental;
  const idsOf = (kind: KindOfWorld): readonly string[] =>
    railway.simulator.world
      .where(kind)
      .toSorted((a, b) => Number(isIn(staging.id, b)) - Number(isIn(staging.id, a)))
      .slice(0, NAMED)
      .map(({ id }) => id);
  const granted = new Map(GRANTED.map((kind) => [kind, idsOf(kind)]));
  await grantEverything(deployment, granted);
  const nobody = await deployment.registerAgent('nobody');
  const deleter = await deployment.registerAgent('deleter');
  const deletion = details(
    ['railway:volumeDelete'],
    [`volume/${volumes.stagingUploads.id}`],
    WHERE,
  );
  await countersign(deployment, deleter, deletion);

  // Tokens that need not be bound are not, so that a request costs no proof.
  const unbound = ({ name, key }: TestAgent) =>
    createAgent(createClient({ server: deployment.broker.url }), { name, key, bind: false });
  const asking: Readonly<Record<AgentName, () => Promise<AgentToken>>> = {
    nobody: () => unbound(nobody).token(null),
    writer: () => unbound(deployment.cursor).token(null),
    deleter: () => deleter.agent.token(deletion),
  };
  const held = new Map<AgentName, AgentToken>();
  return {
    ...{ deployment, railway, volume: volumes.stagingUploads.id },
    known: {
      world: {
        where: (kind) => [
          ...railway.simulator.world.where(kind),
          ...[0, 1, 2].flatMap(() => (granted.get(kind) ?? []).map((id) => ({ id }))),
        ],
      },
    },
    async token(agent) {
      const last = held.get(agent);
      if (last !== undefined && last.expiresAt - MARGIN > Date.now()) return last;
      // What is used up is granted no more: then the old one is what the agent has.
      const next = await asking[agent]().catch((error: unknown) => {
        if (last === undefined) throw error;
        return last;
      });
      held.set(agent, next);
      return next;
    },
    async stop() {
      await deployment.stop();
      await railway.close();
    },
  };
}

function isIn(environment: string, record: object): boolean {
  return 'environmentId' in record && record.environmentId === environment;
}

/** One admin, who looked at nothing: every read and write, in staging, on whatever was named. */
async function grantEverything(
  deployment: Deployment,
  named: ReadonlyMap<KindOfWorld, readonly string[]>,
): Promise<void> {
  const resources = [
    'account/self',
    ...[...named].flatMap(([kind, ids]) => ids.map((id) => `${kind}/${id}`)),
  ];
  const byResources = new Map<string, string[]>();
  for (const operation of catalog.operations.filter(isMild)) {
    const fitting = resources.filter((each) => canonicalResource(operation.name, each) !== null);
    if (fitting.length === 0) continue;
    if (fitting.join() === 'account/self' && !OF_ACCOUNT.includes(operation.name)) continue;
    const key = fitting.join(' ');
    byResources.set(key, [...(byResources.get(key) ?? []), operation.name]);
  }
  for (const [key, operations] of byResources) {
    await deployment.grant({ ...WHERE, operations, resources: key.split(' ') });
  }
}

function isMild({ effects }: CatalogOperation): boolean {
  return effects.every(({ effect }) => effect === 'read' || effect === 'write');
}

async function countersign(
  { alice, bob }: Deployment,
  { agent }: TestAgent,
  wanted: ReturnType<typeof details>,
): Promise<void> {
  const asked = await agent.ask({ authorization_details: wanted, reason: 'no longer used' });
  const drafted = await alice.propose({
    kind: 'grant.create',
    body: { request: asked.id, reason: 'ok' },
  });
  await bob.sign(drafted.id);
}
