/** Where a request takes place is what Railway says of the objects in it, or nothing is proven. */
import { Secret } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { describe, expect, test } from 'vitest';
import type { Fault } from '../src/simulator/index.ts';
import type { VolumeInstance } from '../src/simulator/world/records.ts';
import { asking, type Gated, inbound, judge, type Outcome, openGate } from './support/gateway.ts';
import { put, the } from './support/rows.ts';

const places = (outcome: Outcome): unknown =>
  outcome.refused === null ? outcome.resolved.environments : outcome.refused;

const send = (gated: Gated, query: string) => judge(gated, inbound({ query }));

const deletion = (id: string): string => `mutation { volumeDelete(volumeId: "${id}") }`;

const disk = (of: Pick<VolumeInstance, 'volumeId' | 'environmentId'>) => ({
  ...of,
  serviceId: null,
  mountPath: '/x',
  state: 'READY',
  region: 'us-west2',
  sizeMB: 1,
  contents: null,
  isPendingDeletion: false,
  deletedAt: null,
});

/** A project of the same account that the connection is not for. Its environment's id. */
function openOther(gated: Gated): string {
  const { rental } = gated;
  put(gated, 'project', {
    workspaceId: rental.workspaceId,
    name: 'other',
    description: null,
    deletedAt: null,
    baseEnvironmentId: null,
    isPublic: false,
    prDeploys: false,
    botPrEnvironments: false,
    focusedPrEnvironments: false,
  });
  const projectId = gated.simulator.world.where('project').at(-1)?.id ?? '';
  put(gated, 'environment', {
    projectId,
    name: 'staging',
    isEphemeral: false,
    sourceEnvironmentId: null,
    deletedAt: null,
  });
  return gated.simulator.world.where('environment').at(-1)?.id ?? '';
}

describe('an id that is not of this connection', () => {
  const gated = openGate();
  const foreign = openOther(gated);
  const project = gated.simulator.world.where('project').at(-1)?.id ?? '';
  put(gated, 'volume', { projectId: project, name: 'theirs' });
  const volume = gated.simulator.world.where('volume').at(-1)?.id ?? '';
  put(gated, 'volume-instance', disk({ volumeId: volume, environmentId: foreign }));
  const nobody = '0b0b0b0b-0000-4000-8000-000000000000';

  test.each<[string, string]>([
    ['an unknown volume', deletion(nobody)],
    ['a foreign volume', deletion(volume)],
    ['an unknown environment', `{ environment(id: "${nobody}") { name } }`],
    ['a foreign environment', `{ environment(id: "${foreign}") { name } }`],
    ['a foreign project', `mutation { projectDelete(id: "${project}") }`],
    ['an unknown service', `mutation { serviceDelete(id: "${nobody}") }`],
    ['an unknown deployment', `mutation { deploymentRestart(id: "${nobody}") }`],
    ['an unknown disk', `{ volumeInstance(id: "${nobody}") { id } }`],
    ['an unknown domain', `mutation { customDomainDelete(id: "${nobody}") }`],
    ['an unknown domain of Railway’s', `mutation { serviceDomainDelete(id: "${nobody}") }`],
    ['an unknown port', `mutation { tcpProxyDelete(id: "${nobody}") }`],
    ['an unknown token', `mutation { projectTokenDelete(id: "${nobody}") }`],
    ['an unknown trigger', `mutation { deploymentTriggerDelete(id: "${nobody}") }`],
    ['an unknown patch', `{ environmentPatch(id: "${nobody}") { id } }`],
    [
      'a foreign service in our environment',
      `{ serviceInstance(environmentId: "${gated.rental.staging.id}", serviceId: "${nobody}") { id } }`,
    ],
    [
      'our environment in a foreign project',
      `{ environment(id: "${gated.rental.staging.id}", projectId: "${project}") { id } }`,
    ],
  ])('%s is refused', async (_what, query) => {
    expect(places(await send(gated, query))).toBe('environment_mismatch');
  });
});

describe('a staging id beside a production object', () => {
  const gated = openGate();
  const { rental } = gated;
  const both = [rental.staging.id, rental.production.id].sort();

  test('lets both count', async () => {
    put(gated, 'service-domain', {
      serviceId: rental.services.api,
      environmentId: rental.production.id,
      projectId: rental.projectId,
      domain: 'api.up.railway.app',
      targetPort: null,
    });
    const domain = `mutation { serviceDomainUpdate(input: { serviceDomainId: ${the(gated, 'service-domain')}, environmentId: "${rental.staging.id}", serviceId: "${rental.services.api}", domain: "y" }) }`;
    expect(places(await send(gated, domain))).toEqual(both);
    const custom = `mutation { customDomainUpdate(id: ${the(gated, 'custom-domain')}, environmentId: "${rental.staging.id}") }`;
    expect(places(await send(gated, custom))).toEqual(both);
  });

  test('is refused where Railway could go by either', async () => {
    const backup = gated.simulator.world.find(
      'backup',
      (each) => each.volumeInstanceId === rental.disks.bookings.production.id,
    );
    const query = `mutation { volumeInstanceBackupDelete(volumeInstanceId: "${rental.disks.bookings.staging.id}", volumeInstanceBackupId: "${backup?.id}") { workflowId } }`;
    expect(places(await send(gated, query))).toBe('environment_mismatch');
  });
});

describe('what stands past the first page', () => {
  test('counts', async () => {
    const gated = openGate();
    const { rental, simulator } = gated;
    const { production, staging } = rental;
    put(gated, 'volume', { projectId: rental.projectId, name: 'far' });
    const volume = simulator.world.where('volume').at(-1)?.id ?? '';
    put(gated, 'volume-instance', disk({ volumeId: volume, environmentId: staging.id }));
    for (let i = 0; i < 250; i += 1) {
      const volumeId = rental.volumes.productionUploads.id;
      put(gated, 'volume-instance', disk({ volumeId, environmentId: production.id }));
    }
    expect(places(await send(gated, deletion(volume)))).toEqual([staging.id]);
    put(gated, 'volume-instance', disk({ volumeId: volume, environmentId: production.id }));
    expect(places(await send(gated, deletion(volume)))).toEqual([production.id, staging.id].sort());
  });
});

describe('an environment', () => {
  test('is its id: another name moves nothing', async () => {
    const gated = openGate();
    const { staging, production, volumes } = gated.rental;
    const { world } = gated.simulator;
    world.put('environment', { ...staging, name: 'production' });
    world.put('environment', { ...production, name: 'staging' });
    expect(places(await send(gated, deletion(volumes.productionUploads.id)))).toEqual([
      production.id,
    ]);
  });

  test('that is a fork is the one it was made from; that was made to stay is itself', async () => {
    const gated = openGate();
    const { rental, simulator } = gated;
    for (const [name, isEphemeral] of [
      ['pr', true],
      ['lasting', false],
    ] as const) {
      put(gated, 'environment', {
        projectId: rental.projectId,
        name,
        isEphemeral,
        sourceEnvironmentId: rental.production.id,
        deletedAt: null,
      });
      const { id = '' } = simulator.world.where('environment').at(-1) ?? {};
      const query = `{ environment(id: "${id}") { name } }`;
      expect(places(await send(gated, query))).toEqual([isEphemeral ? rental.production.id : id]);
    }
  });

  test('that is a fork of nothing any more is itself, which nobody mapped', async () => {
    const gated = openGate();
    put(gated, 'environment', {
      projectId: gated.rental.projectId,
      name: 'orphan',
      isEphemeral: true,
      sourceEnvironmentId: null,
      deletedAt: null,
    });
    const { id = '' } = gated.simulator.world.where('environment').at(-1) ?? {};
    expect(places(await send(gated, `{ environment(id: "${id}") { name } }`))).toEqual([id]);
  });

  test('into which the credential cannot look proves nothing', async () => {
    const gated = openGate();
    const { rental } = gated;
    const { config } = gated.connection;
    const connection = {
      ...gated.connection,
      config: { ...config, token: 'project', account: `project/${rental.projectId}` },
    };
    const narrow = {
      ...connection,
      credential: new Secret('railway', rental.tokens.staging.secret),
    };
    const query = deletion(rental.volumes.bookings.id);
    const outcome = await judge({ gateway: gated.gateway, connection: narrow }, inbound({ query }));
    expect(places(outcome)).toBe('environment_unproven');
  });
});

describe('an answer', () => {
  const broken: readonly Fault[] = [
    { kind: 'status', status: 500, tookEffect: false },
    { kind: 'status', status: 429, tookEffect: false },
    { kind: 'malformed', tookEffect: true },
    { kind: 'error', message: 'Problem processing request', partial: false },
    { kind: 'error', message: 'Problem processing request', partial: true },
    { kind: 'cut', tookEffect: false },
  ];

  test.each(broken)('that is no answer proves nothing: $kind', async (fault) => {
    const gated = openGate();
    const request = inbound({ query: deletion(gated.rental.volumes.stagingUploads.id) });
    const classified = await gated.gateway.classify(gated.connection, request);
    gated.simulator.arm({ fault });
    await expect(classified.resolve(asking())).rejects.toBeInstanceOf(ProviderError);
  });

  test('is remembered for a moment where nothing can be deleted, and never where it can', async () => {
    const gated = openGate();
    const { rental, clock } = gated;
    const read = inbound({ query: `{ environment(id: "${rental.staging.id}") { name } }` });
    const asked = async (fresh: boolean): Promise<number> => {
      const counting = asking(fresh);
      await judge(gated, read, counting);
      return counting.questions();
    };
    expect(await asked(false)).toBe(1);
    expect(await asked(false)).toBe(0);
    expect(await asked(true)).toBe(1);
    clock.advance(20_000);
    expect(await asked(false)).toBe(1);
  });

  test('that moved an object since is believed at once where it is asked afresh', async () => {
    const gated = openGate();
    const { rental, simulator } = gated;
    const query = deletion(rental.volumes.stagingUploads.id);
    const classified = await gated.gateway.classify(gated.connection, inbound({ query }));
    expect((await classified.resolve(asking(false))).environments).toEqual([rental.staging.id]);
    simulator.world.put('volume-instance', {
      ...rental.disks.stagingUploads,
      environmentId: rental.production.id,
    });
    expect((await classified.resolve(asking(true))).environments).toEqual([rental.production.id]);
  });

  test('that is older than an object refuses nothing for it', async () => {
    const gated = openGate();
    const { rental } = gated;
    const rename = (id: string) =>
      judge(
        gated,
        inbound({
          query: `mutation { volumeUpdate(volumeId: "${id}", input: { name: "x" }) { id } }`,
        }),
        asking(false),
      );
    expect(places(await rename(rental.volumes.stagingUploads.id))).toEqual([rental.staging.id]);
    put(gated, 'volume', { projectId: rental.projectId, name: 'new' });
    const { id = '' } = gated.simulator.world.where('volume').at(-1) ?? {};
    put(gated, 'volume-instance', disk({ volumeId: id, environmentId: rental.staging.id }));
    expect(places(await rename(id))).toEqual([rental.staging.id]);
  });

  test('is asked for within the agent’s budget, and then no more', async () => {
    const gated = openGate();
    const request = inbound({ query: deletion(gated.rental.volumes.bookings.id) });
    const classified = await gated.gateway.classify(gated.connection, request);
    let left = 2;
    const spend = (): AbortSignal => {
      left -= 1;
      if (left < 0) throw new ProviderError('unavailable', 'Too many questions.');
      return new AbortController().signal;
    };
    await expect(classified.resolve({ ...asking(), spend })).rejects.toThrow('Too many questions.');
    expect(left).toBe(-1);
  });
});
