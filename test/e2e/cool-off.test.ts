/** What can delete waits after the last signature, for as long as its environment says, and anybody may stop it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';

let deployment: Deployment;

beforeAll(async () => {
  deployment = await deploy();
});
afterAll(async () => {
  await deployment.stop();
});

const OPERATIONS = ['postgres:delete'];

async function coolOff(seconds: number): Promise<void> {
  const { alice, bob } = deployment;
  const { id, status } = await alice.propose({
    kind: 'environment.set',
    body: { name: 'staging', class: 'staging', cool_off: seconds },
  });
  if (status === 'pending') await bob.sign(id);
}

async function countersigned(resource: string): Promise<string> {
  const { alice, bob } = deployment;
  const draft = grantDraft({ operations: OPERATIONS, resources: [resource], max_uses: 1 });
  const { id } = await alice.propose(draft);
  expect(await bob.sign(id)).toMatchObject({ status: 'complete' });
  return id;
}

const asked = (resource: string) => details(OPERATIONS, [resource]);

test('a grant begins when its cool-off is over, and not before', async () => {
  await coolOff(4);
  const { cursor, alice } = deployment;
  const id = await countersigned('public.bookings');
  await expect(cursor.agent.token(asked('public.bookings'))).rejects.toMatchObject({
    code: 'cooling_off',
  });
  expect(await alice.client.call('grant', { params: { id } })).toMatchObject({
    status: 'cooling_off',
  });
  const token = () =>
    cursor.agent.token(asked('public.bookings')).then(
      () => 'issued',
      () => 'denied',
    );
  await expect.poll(token, { timeout: 30_000, interval: 250 }).toBe('issued');
});

test('a grant that anybody revokes meanwhile never begins', async () => {
  await coolOff(3600);
  const { bob, cursor } = deployment;
  const id = await countersigned('public.vehicles');
  await bob.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'not that table' } });
  await expect(cursor.agent.token(asked('public.vehicles'))).rejects.toMatchObject({
    code: 'needs_signature',
  });
});
