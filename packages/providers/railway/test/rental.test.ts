/** The incident: one call with a token that lay in a file. */
import { describe, expect, test } from 'vitest';
import { ask, bearer, openRental, projectHeader } from './support/railway.ts';

const DELETE = 'mutation($v: String!) { volumeDelete(volumeId: $v) }';

describe('the rental', () => {
  test('loses its bookings in production, and every backup of them, by one call meant for staging', async () => {
    const railway = openRental();
    const { simulator, rental } = railway;
    const { staging, production, tokens, volumes } = rental;
    const { data, errors } = await ask(railway, bearer(tokens.account), DELETE, {
      v: volumes.bookings.id,
    });
    expect({ data, errors }).toEqual({ data: { volumeDelete: true }, errors: [] });
    const destroyed = simulator.effects.filter(({ effect }) => effect === 'destroyed');
    const inProduction = destroyed.filter(({ environments }) =>
      environments.includes(production.id),
    );
    expect(inProduction.map(({ object }) => object.split('/')[0]).sort()).toEqual([
      'backup',
      'backup',
      'backup-schedule',
      'volume',
      'volume-instance',
    ]);
    expect(destroyed.find(({ object }) => object === `volume/${volumes.bookings.id}`)).toEqual({
      at: '2026-04-24T20:00:00.000Z',
      token: tokens.account.id,
      operation: { field: 'volumeDelete', alias: 'volumeDelete' },
      effect: 'destroyed',
      object: `volume/${volumes.bookings.id}`,
      environments: [staging.id, production.id].sort(),
    });
  });

  test('loses them by a project token of staging as well', async () => {
    const railway = openRental();
    const { rental } = railway;
    const { errors } = await ask(railway, projectHeader(rental.tokens.staging), DELETE, {
      v: rental.volumes.bookings.id,
    });
    expect(errors).toEqual([]);
    expect(
      railway.simulator.world.get('volume-instance', rental.disks.bookings.production.id),
    ).toBeUndefined();
  });

  test('is the same in every run from one seed, and another from another', () => {
    const [one, same, other] = [openRental(), openRental(), openRental({ seed: 'other' })];
    expect(one.rental).toEqual(same.rental);
    expect(one.rental.volumes.bookings.id).not.toBe(other.rental.volumes.bookings.id);
    expect(one.rental.projectId).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test('tells under which alias each field of a request did something', async () => {
    const railway = openRental();
    const { rental, simulator } = railway;
    const query = `mutation {
      harmless: volumeUpdate(volumeId: "${rental.volumes.bookings.id}", input: { name: "x" }) { id }
      ...more
    }
    fragment more on Mutation { alsoHarmless: volumeDelete(volumeId: "${rental.volumes.stagingUploads.id}") }`;
    await ask(railway, bearer(rental.tokens.account), query);
    const told = simulator.effects.filter(({ object }) => object.startsWith('volume/'));
    expect(told.map(({ effect, operation }) => [effect, operation.alias, operation.field])).toEqual(
      [
        ['changed', 'harmless', 'volumeUpdate'],
        ['destroyed', 'alsoHarmless', 'volumeDelete'],
        ['read', 'harmless', 'volumeUpdate'],
      ],
    );
  });

  test('keeps what an earlier field did when a later one is refused', async () => {
    const railway = openRental();
    const { rental, simulator } = railway;
    const query = `mutation { a: volumeDelete(volumeId: "${rental.volumes.bookings.id}") b: volumeDelete(volumeId: "unknown") }`;
    const { data, errors } = await ask(railway, bearer(rental.tokens.account), query);
    expect(data).toBeNull();
    expect(errors).toHaveLength(1);
    expect(simulator.world.get('volume', rental.volumes.bookings.id)).toBeUndefined();
    expect(simulator.effects.some(({ effect }) => effect === 'destroyed')).toBe(true);
  });
});

describe('a deletion with a date', () => {
  const HOUR = 3_600_000;

  test('of a project falls due after 48 hours, as the deed of whoever set the date', async () => {
    const railway = openRental();
    const { simulator, rental, clock } = railway;
    const account = bearer(rental.tokens.account);
    await ask(
      railway,
      account,
      `mutation { soon: projectScheduleDelete(id: "${rental.projectId}") }`,
    );
    expect(simulator.effects.at(-1)).toMatchObject({
      effect: 'destroyed',
      due: '2026-04-26T20:00:00.000Z',
    });
    clock.advance(48 * HOUR - 1);
    await ask(railway, account, '{ me { id } }');
    expect(simulator.world.get('project', rental.projectId)).toBeDefined();
    clock.advance(1);
    await ask(railway, account, '{ me { id } }');
    expect(simulator.world.get('project', rental.projectId)).toBeUndefined();
    const gone = simulator.effects.find(
      ({ object, due }) => object === `volume/${rental.volumes.bookings.id}` && due === undefined,
    );
    expect(gone).toMatchObject({
      at: '2026-04-26T20:00:00.000Z',
      effect: 'destroyed',
      token: rental.tokens.account.id,
      operation: { field: 'projectScheduleDelete', alias: 'soon' },
    });
  });

  test('of a project can be taken back, and taken early', async () => {
    const railway = openRental();
    const { simulator, rental, clock } = railway;
    const account = bearer(rental.tokens.account);
    const run = (field: string) =>
      ask(railway, account, `mutation { ${field}(id: "${rental.projectId}") }`);
    await run('projectScheduleDelete');
    await run('projectScheduleDeleteCancel');
    clock.advance(49 * HOUR);
    await ask(railway, account, '{ me { id } }');
    expect(simulator.world.get('project', rental.projectId)).toBeDefined();
    expect((await run('projectScheduleDeleteForce')).errors).toHaveLength(1);
    await run('projectScheduleDelete');
    await run('projectScheduleDeleteForce');
    expect(simulator.world.get('project', rental.projectId)).toBeUndefined();
  });

  test('of a volume is pending where the simulator is told to give it time', async () => {
    const railway = openRental({ volumeDeletionGrace: 48 * HOUR });
    const { simulator, rental, clock } = railway;
    const account = bearer(rental.tokens.account);
    await ask(railway, account, DELETE, { v: rental.volumes.bookings.id });
    const look = `{ volumeInstance(id: "${rental.disks.bookings.production.id}") { isPendingDeletion deletedAt state } }`;
    const { data } = await ask(railway, account, look);
    expect(data).toEqual({
      volumeInstance: {
        isPendingDeletion: true,
        deletedAt: '2026-04-26T20:00:00.000Z',
        state: 'DELETING',
      },
    });
    const dated = simulator.effects.filter(({ due }) => due !== undefined);
    expect(dated.map(({ effect }) => effect)).toEqual(['destroyed', 'destroyed']);
    clock.advance(48 * HOUR);
    await ask(railway, account, '{ me { id } }');
    expect(simulator.world.get('volume', rental.volumes.bookings.id)).toBeUndefined();
  });
});
