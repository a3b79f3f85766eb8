/** Attacks on the second human's signature, named after the flaw they repeat. */
import { canonicalBytes, encodeStatement, signStatement } from '@countersign/authority';
import type { DraftRequest, Envelope, Statement, StatementSignature } from '@countersign/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { enroll, envelopeOf, knock, newId, newKey, type Person } from '../support/people.ts';
import { codeOf, refused } from '../support/refusal.ts';

const DELETE = { operations: ['postgres:delete'], resources: ['public.bookings'] };

let deployment: Deployment;
let carol: Person;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
  const { broker, alice, bob } = deployment;
  carol = await enroll(broker.url, [alice, bob], 'carol', ['approver']);
});
afterAll(async () => {
  await deployment.stop();
});

/** A drafted delete grant, not yet proposed. */
async function draftedGrant(): Promise<Statement> {
  const { statement } = await deployment.alice.client.call('draft', {
    // Omit over the union of drafts loses which body belongs to which kind.
    body: { ...grantDraft(DELETE), id: newId() } as DraftRequest,
  });
  return statement;
}

async function propose(person: Person, envelope: Envelope) {
  return await person.client.call('propose', { body: { envelope } });
}

/** A pending delete grant with alice's signature. */
async function pendingGrant(): Promise<string> {
  const answer = await deployment.alice.propose(grantDraft(DELETE));
  expect(answer.status).toBe('pending');
  return answer.id;
}

async function expectNoDelete(): Promise<void> {
  const { cursor } = deployment;
  await refused(
    cursor.agent.token(details(DELETE.operations, DELETE.resources)),
    'needs_signature',
  );
}

describe('approval', () => {
  test.each([0, -1, 1, 1.5, '2', null, 1e9])(
    'quorum of %j in a rule (openbao#3666)',
    async (quorum) => {
      const { alice } = deployment;
      const { statement } = await alice.client.call('draft', {
        body: { kind: 'environment.set', id: newId(), body: { name: 'qa', class: 'qa' } },
      });
      const altered = { ...statement, body: { ...statement.body, quorum } };
      const payload = Buffer.from(canonicalBytes(altered)).toString('base64url');
      const good = await envelopeOf(statement, alice.privateJwk);
      await refused(propose(alice, { ...good, payload }), 'invalid_request');
    },
  );

  test('a second signature by the same human (openbao#2241)', async () => {
    const id = await pendingGrant();
    await refused(deployment.alice.sign(id), 'conflict');
    await expectNoDelete();
  });

  test('the proposer signs twice inside one envelope', async () => {
    const { alice } = deployment;
    const statement = await draftedGrant();
    const twice = await envelopeOf(statement, alice.privateJwk, alice.privateJwk);
    await refused(propose(alice, twice), 'conflict');
    await expectNoDelete();
  });

  test('a second key of the same human (Infisical#6988)', async () => {
    const { alice, bob } = deployment;
    const device = await newKey('second device');
    const jwk = device.key.publicJwk;
    if (jwk.kty !== 'OKP') throw new Error('Ed25519');
    const { statement } = await alice.client.call('draft', {
      body: {
        kind: 'human.enroll',
        id: newId(),
        body: { name: 'alice', key: jwk, recovery: null },
      },
    });
    const proposed = await propose(
      alice,
      await envelopeOf(statement, device.privateJwk, alice.privateJwk),
    );
    expect(proposed.status).toBe('pending');
    expect((await bob.sign(proposed.id)).status).toBe('complete');
    const id = await pendingGrant();
    const { payload } = await alice.client.call('statement', { params: { id } });
    const signature = await signStatement(
      encodeStatement(JSON.parse(Buffer.from(payload, 'base64url').toString())),
      device.privateJwk,
    );
    await refused(alice.client.call('sign', { params: { id }, body: { signature } }), 'conflict');
    await expectNoDelete();
  });

  test('a human invited and enrolled by one person alone, when two exist', async () => {
    const { alice, broker } = deployment;
    // Alice's signature alone leaves mallory pending, so that signing in fails.
    await refused(enroll(broker.url, [alice], 'mallory', ['approver']), 'unauthenticated');
    await expectNoDelete();
  });

  test('an approver who is no admin proposes', async () => {
    const { bob } = deployment;
    const statement = await draftedGrant();
    const answer = await propose(
      bob,
      await envelopeOf(statement, bob.privateJwk, carol.privateJwk),
    );
    // Two approvers and no admin: it waits for one.
    expect(answer).toMatchObject({ status: 'pending', missing: ['an admin'] });
    await expectNoDelete();
  });

  test('a signature moved to another statement', async () => {
    const { bob } = deployment;
    const first = await pendingGrant();
    const second = await pendingGrant();
    const { payload } = await bob.client.call('statement', { params: { id: first } });
    const signature = await signStatement(
      encodeStatement(JSON.parse(Buffer.from(payload, 'base64url').toString())),
      bob.privateJwk,
    );
    await refused(
      bob.client.call('sign', { params: { id: second }, body: { signature } }),
      'forbidden',
    );
    await expectNoDelete();
  });

  test('a payload altered after it was signed', async () => {
    const { alice, bob } = deployment;
    const statement = await draftedGrant();
    const good = await envelopeOf(statement, alice.privateJwk, bob.privateJwk);
    if (statement.kind !== 'grant.create') throw new Error('a grant');
    const altered = { ...statement, body: { ...statement.body, max_uses: 1000 } };
    const payload = Buffer.from(canonicalBytes(altered)).toString('base64url');
    await refused(propose(alice, { ...good, payload }), 'forbidden');
    await expectNoDelete();
  });

  test.each([
    ['duplicate keys', (text: string) => text.replace('{"body"', '{"v":1,"body"')],
    ['a space', (text: string) => `${text} `],
    ['another number form', (text: string) => text.replace('"v":1', '"v":1.0')],
    ['a byte order mark', (text: string) => `\uFEFF${text}`],
  ])('a payload with %s (librefang#3360)', async (_, alter) => {
    const { alice } = deployment;
    const statement = await draftedGrant();
    const text = alter(Buffer.from(canonicalBytes(statement)).toString('utf8'));
    const good = await envelopeOf(statement, alice.privateJwk);
    const payload = Buffer.from(text).toString('base64url');
    await refused(propose(alice, { ...good, payload }), 'invalid_request');
  });

  test('an effect written down as milder than it is', async () => {
    const { alice } = deployment;
    const statement = await draftedGrant();
    if (statement.kind !== 'grant.create') throw new Error('a grant');
    const [permission] = statement.body.permissions;
    if (permission === undefined) throw new Error('a permission');
    const milder: Statement = {
      ...statement,
      body: {
        ...statement.body,
        pins: null,
        sender: null,
        permissions: [
          { ...permission, operations: [{ name: 'postgres:delete', effect: 'write' }] },
        ],
      },
    };
    await refused(propose(alice, await envelopeOf(milder, alice.privateJwk)), 'invalid_request');
    await expectNoDelete();
  });

  test('a statement made for another deployment', async () => {
    const { alice } = deployment;
    const statement = await draftedGrant();
    const foreign = { ...statement, broker: Buffer.alloc(32, 7).toString('base64url') };
    await refused(
      propose(alice, await envelopeOf(foreign as Statement, alice.privateJwk)),
      'invalid_request',
    );
  });

  test('a statement played again after it was rejected', async () => {
    const { alice, bob } = deployment;
    const statement = await draftedGrant();
    const envelope = await envelopeOf(statement, alice.privateJwk);
    const { id } = await propose(alice, envelope);
    await bob.reject(id, 'no');
    await refused(propose(alice, envelope), 'conflict');
    await refused(bob.sign(id), 'conflict');
    await expectNoDelete();
  });

  test('a statement played again after its grant was revoked', async () => {
    const { alice, bob } = deployment;
    const statement = await draftedGrant();
    const envelope = await envelopeOf(statement, alice.privateJwk);
    const { id } = await propose(alice, envelope);
    expect((await bob.sign(id)).status).toBe('complete');
    await bob.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'no' } });
    await refused(propose(alice, envelope), 'conflict');
    await refused(carol.sign(id), 'conflict');
    await expectNoDelete();
  });

  test('a statement signed after its time', async () => {
    const { alice, bob } = deployment;
    const drafted = await draftedGrant();
    const until = Math.ceil(Date.now() / 1000) * 1000 + 3000;
    const statement = { ...drafted, sign_by: new Date(until).toISOString() };
    const { id } = await propose(alice, await envelopeOf(statement, alice.privateJwk));
    const sign = () => codeOf(bob.sign(id));
    await expect.poll(() => Date.now() > until, { timeout: 30_000 }).toBe(true);
    expect(await sign()).toBe('conflict');
    await refused(
      propose(alice, await envelopeOf(statement, alice.privateJwk, bob.privateJwk)),
      'conflict',
    );
    await expectNoDelete();
  });

  test('one key under two names', async () => {
    const { alice, bob, broker } = deployment;
    const { code } = await bob.client.call('invite', {
      body: { name: 'second-alice', roles: ['approver'], groups: [] },
    });
    const attempt = knock(broker.url, code, 'second-alice', alice).then(({ enter }) => enter());
    await refused(attempt, 'conflict');
  });

  test('a session alone, without a key: it proposes and signs nothing', async () => {
    const { alice } = deployment;
    const statement = await draftedGrant();
    const { payload } = await envelopeOf(statement);
    await refused(propose(alice, { payload, signatures: [], assertions: [] }), 'forbidden');
    const session = await newKey('of the session');
    await refused(propose(alice, await envelopeOf(statement, session.privateJwk)), 'forbidden');
    const id = await pendingGrant();
    const pending = await alice.client.call('statement', { params: { id } });
    const signature = await signStatement(
      encodeStatement(JSON.parse(Buffer.from(pending.payload, 'base64url').toString())),
      session.privateJwk,
    );
    await refused(alice.client.call('sign', { params: { id }, body: { signature } }), 'forbidden');
    await expectNoDelete();
  });

  test('a request rejected after it was answered, and an answer vetoed (teleport#15356)', async () => {
    const { alice, bob, cursor } = deployment;
    const request = await cursor.agent.ask({
      authorization_details: details(DELETE.operations, DELETE.resources),
      reason: 'cleaning up',
    });
    const { id } = await alice.propose(grantDraft({ ...DELETE, request: request.id }));
    const reject = { params: { id: request.id }, body: { reason: 'no' } };
    await refused(bob.client.call('rejectAccessRequest', reject), 'conflict');
    await bob.reject(id, 'no');
    await refused(carol.sign(id), 'conflict');
    await expectNoDelete();
  });

  test("an agent's token used to sign, to invite and to draft (Squidbrake 0.10.0)", async () => {
    const { cursor, broker } = deployment;
    const token = await cursor.agent.token(null);
    const id = await pendingGrant();
    for (const [method, path, body] of [
      [
        'POST',
        `/v1/statements/${id}/signatures`,
        { signature: { protected: 'e30', signature: '' } },
      ],
      ['POST', '/v1/invitations', { name: 'x', roles: ['approver'], groups: [] }],
      [
        'POST',
        '/v1/drafts',
        { kind: 'environment.set', id: newId(), body: { name: 'x', class: 'x' } },
      ],
      ['GET', '/v1/statements', null],
    ] as const) {
      const answer = await fetch(`${broker.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token.token.reveal()}`,
          ...(body === null ? {} : { 'content-type': 'application/json' }),
        },
        body: body === null ? null : JSON.stringify(body),
      });
      expect([path, answer.status]).toEqual([path, 401]);
    }
    await expectNoDelete();
  });

  test("an agent's key signs a statement", async () => {
    const { alice, cursor } = deployment;
    const id = await pendingGrant();
    const { payload } = await alice.client.call('statement', { params: { id } });
    const signature: StatementSignature = await signStatement(
      encodeStatement(JSON.parse(Buffer.from(payload, 'base64url').toString())),
      cursor.privateJwk,
    );
    await refused(alice.client.call('sign', { params: { id }, body: { signature } }), 'forbidden');
    await expectNoDelete();
  });

  test("a human's key registered as an agent's, and the reverse", async () => {
    const { alice, bob, cursor, broker } = deployment;
    await refused(
      alice.propose({
        kind: 'agent.register',
        body: {
          name: 'bob-agent',
          auth: { method: 'private_key_jwt', jwks: { keys: [bob.key.publicJwk] } },
        },
      }),
      'conflict',
    );
    const token = await cursor.agent.token(null);
    const answer = await fetch(`${broker.url}/v1/humans`, {
      headers: { authorization: `Bearer ${token.token.reveal()}` },
    });
    expect(answer.status).toBe(401);
  });

  test('a proposer removed between signing and use', async () => {
    const { alice, bob, broker, registerAgent } = deployment;
    const dave = await enroll(broker.url, [alice, bob], 'dave', ['admin', 'approver']);
    const agent = await registerAgent('janitor');
    const { id } = await dave.propose(grantDraft({ ...DELETE, agent: agent.name }));
    expect((await bob.sign(id)).status).toBe('complete');
    const wanted = details(DELETE.operations, DELETE.resources);
    const token = await agent.agent.token(wanted);
    const { items } = await alice.client.call('humans', {});
    const human = items.find(({ name }) => name === 'dave')?.id ?? '';
    const removal = await alice.propose({ kind: 'human.remove', body: { human, reason: 'left' } });
    expect((await bob.sign(removal.id)).status).toBe('complete');
    await refused(agent.agent.exchange(token, null), 'grant_suspended');
    await refused(agent.agent.token(wanted), 'grant_suspended');
  });

  test('a countersigner removed between signing and use', async () => {
    const { alice, bob, cursor } = deployment;
    const { id } = await alice.propose(grantDraft(DELETE));
    expect((await carol.sign(id)).status).toBe('complete');
    const wanted = details(DELETE.operations, DELETE.resources);
    const token = await cursor.agent.token(wanted);
    const carolId = (await alice.client.call('humans', {})).items.find(
      (human) => human.name === 'carol',
    )?.id;
    const removal = await alice.propose({
      kind: 'human.remove',
      body: { human: carolId ?? '', reason: 'left' },
    });
    expect((await bob.sign(removal.id)).status).toBe('complete');
    await refused(cursor.agent.exchange(token, null), 'grant_suspended');
    await refused(cursor.agent.token(wanted), 'grant_suspended');
    await refused(carol.client.call('humans', {}), 'token_revoked');
  });
});
