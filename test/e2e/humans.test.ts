/** What people become, and how a rule is loosened: with the signatures it asks for, and time to say no. */
import { createClient } from '@countersign/client';
import { verifyExport } from '@countersign/verify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy } from '../support/deployment.ts';
import {
  ed25519,
  enroll,
  envelopeOf,
  newId,
  newKey,
  type Person,
  personOf,
  RECOVERY,
} from '../support/people.ts';
import { refused } from '../support/refusal.ts';

let deployment: Deployment;
let carol: Person;

beforeAll(async () => {
  deployment = await deploy();
  const { broker, alice, bob } = deployment;
  carol = await enroll(broker.url, [alice, bob], 'carol', ['approver'], ['security']);
});
afterAll(async () => {
  await deployment.stop();
});

async function human(name: string) {
  const { items } = await deployment.alice.client.call('humans', {});
  return items.find((each) => each.name === name);
}

async function statusOf(id: string): Promise<string> {
  return (await deployment.alice.client.call('statement', { params: { id } })).status;
}

describe('roles and groups', () => {
  test('change by two signatures, and nothing else of the human does', async () => {
    const { alice, carol: _, ...rest } = { ...deployment, carol };
    const { id, status } = await alice.propose({
      kind: 'human.enroll',
      body: { human: 'bob', roles: ['admin', 'approver'] },
    });
    expect(status).toBe('pending');
    await refused(
      carol.sign(id).then(() => alice.sign(id)),
      'conflict',
    );
    expect(await human('bob')).toMatchObject({ roles: ['admin', 'approver'], groups: [] });
    expect((await human('bob'))?.keys).toHaveLength(1);
    await rest.bob.propose({ kind: 'environment.set', body: { name: 'third', class: 'staging' } });
  });

  test('a group that a rule names is entered on the word of that rule', async () => {
    const { alice, bob } = deployment;
    await alice.propose({
      kind: 'environment.set',
      body: { name: 'guarded', class: 'production', groups: ['security'] },
    });
    const { id } = await alice.propose({
      kind: 'human.enroll',
      body: { human: 'bob', groups: ['security'] },
    });
    const half = await bob.sign(id);
    expect(half).toMatchObject({ status: 'pending', missing: ['one of group security'] });
    expect(await carol.sign(id)).toMatchObject({ status: 'complete' });
    expect(await human('bob')).toMatchObject({ groups: ['security'] });
  });
});

describe('a rule', () => {
  test('is loosened by its own quorum, after its own cool-off', async () => {
    const { alice, bob } = deployment;
    const rule = { name: 'slow', class: 'staging' } as const;
    await alice.propose({ kind: 'environment.set', body: { ...rule, cool_off: 2 } });
    const { id, status } = await alice.propose({
      kind: 'environment.set',
      body: { ...rule, cool_off: 0 },
    });
    expect(status).toBe('pending');
    const signed = await bob.sign(id);
    expect(signed).toMatchObject({ status: 'cooling_off', effective_from: expect.any(String) });
    await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe('complete');
    const { items } = await alice.client.call('environments', {});
    expect(items.find(({ name }) => name === 'slow')).toMatchObject({ cool_off: 0 });
  });

  test('stays as it is when anybody vetoes meanwhile', async () => {
    const { alice, bob } = deployment;
    const rule = { name: 'slower', class: 'staging' } as const;
    await alice.propose({ kind: 'environment.set', body: { ...rule, cool_off: 3600 } });
    const { id } = await alice.propose({
      kind: 'environment.set',
      body: { ...rule, cool_off: 0 },
    });
    await bob.sign(id);
    expect(await carol.reject(id, 'why the hurry')).toMatchObject({ status: 'rejected' });
    expect(await statusOf(id)).toBe('rejected');
  });

  test('that nobody could meet is refused', async () => {
    const set = deployment.alice.propose({
      kind: 'environment.set',
      body: { name: 'empty', class: 'production', groups: ['nobody-is-in'] },
    });
    await refused(set, 'conflict');
  });
});

describe('who lost every key', () => {
  async function recovering(name: string, code = RECOVERY) {
    const { broker } = deployment;
    const stranger = createClient({ server: broker.url });
    const [device, next] = await Promise.all([newKey('new device'), newKey('next code')]);
    const { statement } = await stranger.call('draft', {
      body: {
        kind: 'recover',
        id: newId(),
        body: {
          human: name,
          key: ed25519(device.key),
          recovery_key: ed25519(code.key),
          recovery: next.key.thumbprint,
          reason: 'laptop lost',
        },
      },
    });
    return { stranger, device, statement };
  }

  test('comes back with the code and another human, after three days in which all may veto', async () => {
    const { alice, broker } = deployment;
    const { stranger, device, statement } = await recovering('bob');
    const envelope = await envelopeOf(statement, device.privateJwk, RECOVERY.privateJwk);
    const proposed = await stranger.call('propose', { body: { envelope } });
    expect(proposed).toMatchObject({ status: 'pending', have: 0, need: 1 });
    const signed = await alice.sign(proposed.id);
    expect(signed.status).toBe('cooling_off');
    const wait = Date.parse(signed.effective_from ?? '') - Date.parse(signed.settled_at ?? '');
    expect(wait).toBe(72 * 3_600_000);
    // Until then the new key is nobody's.
    await refused(personOf(broker.url, 'bob', device), 'unauthenticated');
    expect(await deployment.bob.reject(proposed.id, 'I lost nothing')).toMatchObject({
      status: 'rejected',
    });
  });

  test('is not whoever has another code, or only one of the two keys', async () => {
    const other = await newKey('guessed');
    await refused(recovering('bob', other), 'forbidden');
    await refused(recovering('nobody'), 'forbidden');
    const { stranger, device, statement } = await recovering('bob');
    for (const keys of [[device.privateJwk], [RECOVERY.privateJwk], []]) {
      const envelope = await envelopeOf(statement, ...keys);
      await refused(stranger.call('propose', { body: { envelope } }), 'forbidden');
    }
  });

  test('does not sign for themselves', async () => {
    const { bob } = deployment;
    const { stranger, device, statement } = await recovering('bob');
    const envelope = await envelopeOf(statement, device.privateJwk, RECOVERY.privateJwk);
    const { id } = await stranger.call('propose', { body: { envelope } });
    await refused(bob.sign(id), 'forbidden');
  });
});

test('the ledger of all this verifies, ends of delays included', async () => {
  const { client } = deployment.alice;
  const { broker } = await client.call('broker', {});
  const lines = client.exportLines({ authority: false });
  const report = await verifyExport(lines, { trust: broker ?? '' });
  expect(report).toMatchObject({ ok: true });
  const types: string[] = [];
  for await (const line of client.exportLines({ authority: true })) {
    types.push(JSON.parse(line).entry?.type);
  }
  expect(types).toContain('statement.effective');
});
