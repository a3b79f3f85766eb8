/** Forks are the exception to "every environment": what is done in one stays in it. */
import { describe, expect, test } from 'vitest';
import { ask, bearer, effectsOf, openRental, type Railway } from './support/railway.ts';

async function openFork(): Promise<{
  railway: Railway;
  fork: string;
  run: (m: string) => Promise<unknown>;
}> {
  const railway = openRental();
  const { rental, simulator } = railway;
  const run = async (mutation: string): Promise<unknown> => {
    const query = `mutation { ${mutation} }`;
    const { data, errors } = await ask(railway, bearer(rental.tokens.account), query);
    expect(errors).toEqual([]);
    return data;
  };
  await run(
    `environmentCreate(input: { projectId: "${rental.projectId}", sourceEnvironmentId: "${rental.staging.id}", name: "pr-1", ephemeral: true }) { id }`,
  );
  return { railway, run, fork: simulator.world.where('environment').at(-1)?.id ?? '' };
}

describe('in a fork', () => {
  test.each<[string, (railway: Railway, fork: string) => string]>([
    [
      'serviceDelete',
      ({ rental }, fork) => `serviceDelete(id: "${rental.services.api}", environmentId: "${fork}")`,
    ],
    [
      'serviceInstanceUpdate',
      ({ rental }, fork) =>
        `serviceInstanceUpdate(serviceId: "${rental.services.api}", environmentId: "${fork}", input: { startCommand: "x" })`,
    ],
    [
      'serviceCreate',
      ({ rental }, fork) =>
        `serviceCreate(input: { projectId: "${rental.projectId}", environmentId: "${fork}", name: "x" }) { id }`,
    ],
    ['environmentDelete', (_railway, fork) => `environmentDelete(id: "${fork}")`],
  ])('%s reaches nothing else', async (_field, mutation) => {
    const { railway, fork, run } = await openFork();
    const happened = await effectsOf(railway, () => run(mutation(railway, fork)));
    const here = happened.filter(({ object }) => !object.startsWith('service/'));
    expect(here.length).toBeGreaterThan(0);
    expect(here.filter(({ environments }) => environments.join() !== fork)).toEqual([]);
    expect(
      happened.filter(
        ({ effect, object }) => effect === 'destroyed' && object.startsWith('service/'),
      ),
    ).toEqual([]);
  });

  test('but not so volumeDelete, and a fork outlives the environment it came from', async () => {
    const { railway, fork, run } = await openFork();
    const { rental, simulator } = railway;
    const happened = await effectsOf(railway, () =>
      run(`volumeDelete(volumeId: "${rental.volumes.bookings.id}")`),
    );
    const reached = new Set(happened.flatMap(({ environments }) => environments));
    expect(reached).toEqual(new Set([rental.staging.id, rental.production.id, fork]));
    await run(`environmentDelete(id: "${rental.staging.id}")`);
    expect(simulator.world.get('environment', fork)?.sourceEnvironmentId).toBeNull();
  });

  test('serviceDelete outside of it leaves it alone', async () => {
    const { railway, fork, run } = await openFork();
    const { rental } = railway;
    const happened = await effectsOf(railway, () =>
      run(`serviceDelete(id: "${rental.services.api}")`),
    );
    const others = happened.filter(({ object }) => !object.startsWith('service/'));
    expect(others.some(({ environments }) => environments.includes(fork))).toBe(false);
    expect(railway.simulator.world.get('service', rental.services.api)).toBeDefined();
  });
});
