/** Before a human signs a delete, what goes with it. */
import { describe, expect, test } from 'vitest';
import { assessRailwayDeletion } from '../src/index.ts';
import { openGate } from './support/gateway.ts';

describe('an assessment', () => {
  const gated = openGate();
  const { rental, connection, upstream } = gated;
  const assess = (resource: string) => assessRailwayDeletion(upstream, connection, resource);

  test('of the incident names production, what uses the volume, and the backups that lie on it', async () => {
    expect(await assess(`volume/${rental.volumes.bookings.id}`)).toMatchObject({
      kind: 'railway-deletion',
      body: {
        backups_left: 0,
        environments: ['production', 'staging'].map((environment) => ({
          environment,
          services: ['postgres'],
          volumes: [
            {
              id: rental.volumes.bookings.id,
              name: 'bookings',
              mounted_by: 'postgres',
              used_mb: 2500,
              backups: 2,
              newest_backup: expect.stringMatching(/^2026-/),
            },
          ],
        })),
      },
    });
  });

  test('of an environment names everything in it, and nothing elsewhere', async () => {
    const assessed = await assess(`environment/${rental.staging.id}`);
    expect(assessed?.body).toMatchObject({
      environments: [
        {
          environment: 'staging',
          services: ['api', 'web', 'worker', 'postgres'],
          volumes: [{ name: 'bookings' }, { name: 'uploads-staging' }],
        },
      ],
    });
  });

  test('of a service names where it runs, and no volume: those stay, detached', async () => {
    const assessed = await assess(`service/${rental.services.postgres}`);
    expect(assessed?.body).toMatchObject({
      environments: [
        { environment: 'production', services: ['postgres'], volumes: [] },
        { environment: 'staging', services: ['postgres'], volumes: [] },
      ],
    });
  });

  test('of a project names all of it', async () => {
    const assessed = await assess(`project/${rental.projectId}`);
    expect(assessed?.body['environments']).toHaveLength(2);
  });

  test('of what takes only itself is none, and of what is elsewhere is refused', async () => {
    const id = '0b0b0b0b-0000-4000-8000-000000000000';
    expect(await assess(`custom-domain/${id}`)).toBeNull();
    await expect(assess(`volume/${id}`)).rejects.toMatchObject({ kind: 'refused' });
  });

  test('shows names as they may stand on a terminal', async () => {
    gated.simulator.world.put('volume', {
      ...rental.volumes.stagingUploads,
      name: `\u001b[2J${'x'.repeat(100)}`,
    });
    const assessed = await assess(`volume/${rental.volumes.stagingUploads.id}`);
    const text = JSON.stringify(assessed);
    expect(text).not.toContain('\\u001b');
    expect(text).not.toContain('x'.repeat(65));
  });
});
