/** Before a human signs a delete, what goes with it. */
import { describe, expect, test } from 'vitest';
import { openGate } from './support/gateway.ts';

describe('an assessment', () => {
  const gated = openGate();
  const { rental, connection, provider } = gated;
  const { assessor } = provider;
  const assess = async (operation: string, resource: string) =>
    await assessor?.assess(connection, { operation: `railway:${operation}`, resource });
  /** What goes, by where it stands. */
  const taken = async (operation: string, resource: string) => {
    const { losses = [] } = (await assess(operation, resource)) ?? {};
    return losses.map(({ place, object }) => `${place}: ${object}`);
  };

  test('of the incident names production, what uses the volume, and the backups that lie on it', async () => {
    expect(await assess('volumeDelete', `volume/${rental.volumes.bookings.id}`)).toEqual({
      omitted: 0,
      losses: [rental.production, rental.staging].map(({ id, name }) => ({
        place: name,
        place_id: id,
        object: 'volume bookings',
        used_by: 'postgres',
        size: 2_500_000_000,
        backups: 2,
        newest_backup: expect.stringMatching(/^2026-/),
      })),
    });
  });

  test('of an environment names everything in it, and nothing elsewhere', async () => {
    expect(await taken('environmentDelete', `environment/${rental.staging.id}`)).toEqual([
      'staging: environment staging',
      ...['api', 'web', 'worker', 'postgres'].map((name) => `staging: service ${name}`),
      'staging: volume bookings',
      'staging: volume uploads-staging',
    ]);
  });

  test('of a service names where it runs, and no volume: those stay, detached', async () => {
    expect(await taken('serviceDelete', `service/${rental.services.postgres}`)).toEqual([
      'production: service postgres',
      'staging: service postgres',
    ]);
  });

  test('of wiping a service names its volumes, and not the service', async () => {
    expect(await taken('volumeWipe', `service/${rental.services.postgres}`)).toEqual([
      'production: volume bookings',
      'staging: volume bookings',
    ]);
  });

  test('of a bucket names each environment that holds it, and how full it is there', async () => {
    expect(await assess('bucketDelete', `bucket/${rental.bucketId}`)).toEqual({
      omitted: 0,
      losses: [
        {
          place: 'production',
          place_id: rental.production.id,
          object: expect.stringMatching(/^bucket /),
          used_by: null,
          size: expect.any(Number),
          backups: null,
          newest_backup: null,
        },
      ],
    });
  });

  test('of a project names all of it', async () => {
    const all = await taken('projectDelete', `project/${rental.projectId}`);
    expect(all).toContain('production: environment production');
    expect(all).toContain('staging: volume uploads-staging');
    expect(all).toContainEqual(expect.stringMatching(/^production: bucket /));
  });

  test('of what takes only itself is none, and of what is elsewhere is refused', async () => {
    const id = '0b0b0b0b-0000-4000-8000-000000000000';
    const domain = { operation: 'railway:customDomainDelete', resource: `custom-domain/${id}` };
    expect(assessor?.assesses(domain)).toBe(false);
    expect(await taken('customDomainDelete', domain.resource)).toEqual([]);
    const volume = { operation: 'railway:volumeDelete', resource: `volume/${id}` };
    expect(assessor?.assesses(volume)).toBe(true);
    await expect(assess('volumeDelete', volume.resource)).rejects.toMatchObject({
      kind: 'refused',
    });
  });

  test('shows names as they may stand on a terminal', async () => {
    gated.simulator.world.put('volume', {
      ...rental.volumes.stagingUploads,
      name: `\u001b[2J${'x'.repeat(100)}`,
    });
    const assessed = await assess('volumeDelete', `volume/${rental.volumes.stagingUploads.id}`);
    const text = JSON.stringify(assessed);
    expect(text).not.toContain('\\u001b');
    expect(text).not.toContain('x'.repeat(65));
  });
});
