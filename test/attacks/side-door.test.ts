/** Power by the side door: what one person, or a joiner, could reach around the quorum. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createClient } from '@countersign/client';
import type { DraftRequest, Statement } from '@countersign/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { enroll, envelopeOf, knock, newId, newKey } from '../support/people.ts';
import { refused } from '../support/refusal.ts';

let deployment: Deployment;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
});
afterAll(async () => {
  await deployment.stop();
});

function beside(value: string) {
  return { salt: randomBytes(32).toString('base64url'), value };
}

function playgroundConfig(name: 'pg-staging' | 'pg-production') {
  const connection = deployment.playground.connections.find((each) => each.name === name);
  if (connection === undefined) throw new Error('the playground has it');
  const { environments: _, ...config } = connection.config;
  const [id = ''] = Object.values(connection.config.environments).flat();
  return { config, id, secret: readFileSync(connection.secret_file, 'utf8').trim() };
}

describe('power by the side door', () => {
  test("Countersign's own database as a target", async () => {
    const { alice, databaseUrl } = deployment;
    const url = new URL(databaseUrl.reveal());
    const port = Number(url.port);
    await refused(
      alice.propose(
        {
          kind: 'connection.set',
          body: {
            name: 'own',
            provider: 'postgres',
            config: {
              host: '127.0.0.1',
              port,
              database: 'postgres',
              username: url.username,
              sslmode: 'disable',
            },
            environments: { production: [`127.0.0.1:${port}/postgres`] },
          },
        },
        beside(decodeURIComponent(url.password)),
      ),
      'invalid_request',
    );
  });

  test('an id that another connection maps already, under another name', async () => {
    const { alice } = deployment;
    const { config, id, secret } = playgroundConfig('pg-production');
    await refused(
      alice.propose(
        {
          kind: 'connection.set',
          body: { name: 'again', provider: 'postgres', config, environments: { production: [id] } },
        },
        beside(secret),
      ),
      'conflict',
    );
  });

  test('a connection pointed at a host of their own, to be sent the stored root credential', async () => {
    const { alice } = deployment;
    let heard = 0;
    const host = createServer((socket) => {
      heard += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
    const address = host.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const { items } = await alice.client.call('connections', {});
    const present = items.find(({ name }) => name === 'pg-production');
    if (present === undefined) throw new Error('the playground has it');
    // A session alone: the draft is refused before anybody is asked.
    const config = { ...present.config, port };
    const environments = {
      production: [`127.0.0.1:${port}/${String(present.config['database'])}`],
    };
    for (const body of [
      { connection: 'pg-production', config },
      { connection: 'pg-production', config, environments },
    ]) {
      await refused(alice.propose({ kind: 'connection.set', body }), 'invalid_request');
    }
    // An admin's signature on a statement made by hand, with the present commitment.
    const { statement } = await alice.client.call('draft', {
      body: { kind: 'connection.set', id: newId(), body: { connection: 'pg-production' } },
    });
    if (statement.kind !== 'connection.set') throw new Error('it drafts what it was asked for');
    const [environment = ''] = Object.keys(statement.body.mapping);
    const [id = ''] = environments.production;
    const elsewhere = { endpoint: id, config, mapping: { [environment]: [id] } };
    const envelope = await envelopeOf(
      { ...statement, body: { ...statement.body, ...elsewhere } },
      alice.privateJwk,
    );
    await refused(alice.client.call('propose', { body: { envelope } }), 'invalid_request');
    await new Promise((resolve) => host.close(resolve));
    expect(heard).toBe(0);
  });

  test('an id this connection does not reach', async () => {
    const { alice } = deployment;
    const { config, secret } = playgroundConfig('pg-staging');
    await refused(
      alice.propose(
        {
          kind: 'connection.set',
          body: {
            name: 'beyond',
            provider: 'postgres',
            config,
            environments: { production: ['db.example.com:5432/other'] },
          },
        },
        beside(secret),
      ),
      'invalid_request',
    );
  });

  test("an endpoint that is not the configuration's, and a credential that is not the committed one", async () => {
    const { alice } = deployment;
    const { config, secret } = playgroundConfig('pg-staging');
    const credential = beside(secret);
    const { statement } = await alice.client
      .call('draft', {
        body: {
          kind: 'connection.set',
          id: newId(),
          credential,
          body: {
            name: 'altered',
            provider: 'postgres',
            config: { ...config, database: 'postgres' },
            environments: {},
          },
        },
      })
      .catch(() => ({ statement: null }));
    // The playground lets its broker role into no other database, so the draft itself is refused.
    expect(statement).toBeNull();
    const staging = (await alice.client.call('environments', {})).items.find(
      (environment) => environment.name === 'staging',
    );
    const drafted = await alice.client.call('connections', {});
    const present = drafted.items.find((connection) => connection.name === 'pg-staging');
    const { broker } = await alice.client.call('broker', {});
    const right = beside(secret);
    const forged = (endpoint: string, ids: readonly string[]) => ({
      v: 1,
      kind: 'connection.set',
      id: newId(),
      broker,
      issued_at: new Date().toISOString(),
      sign_by: new Date(Date.now() + 3_600_000).toISOString(),
      body: {
        connection: null,
        name: 'forged',
        provider: 'postgres',
        endpoint,
        account: present?.account,
        config: present?.config,
        mapping: { [staging?.id ?? '']: ids },
        credential: createHash('sha256')
          .update(Buffer.from(right.salt, 'base64url'))
          .update(secret)
          .digest('base64url'),
      },
    });
    const here = present?.endpoint ?? '';
    const ids = ['attacker.example:5432/x'];
    for (const [endpoint, credential] of [
      ['attacker.example:5432/x', right],
      [here, right],
      [here, { ...right, value: 'another credential' }],
      [here, beside(secret)],
    ] as const) {
      // The shape is the schema's; the lie is in what it says.
      const statement = forged(endpoint, ids) as Statement;
      const envelope = await envelopeOf(statement, alice.privateJwk);
      await refused(
        alice.client.call('propose', { body: { envelope, credential } }),
        'invalid_request',
      );
    }
  });

  test('one database a second time, by another name for its host', async () => {
    const { alice } = deployment;
    const { config, secret } = playgroundConfig('pg-production');
    await alice.propose({
      kind: 'environment.set',
      body: { name: 'weaker', class: 'production' },
    });
    await refused(
      alice.propose(
        {
          kind: 'connection.set',
          body: {
            name: 'alias',
            provider: 'postgres',
            config: { ...config, host: 'localhost' },
            environments: { weaker: [`localhost:${config.port}/rental_production`] },
          },
        },
        beside(secret),
      ),
      'conflict',
    );
  });

  test("a grant that answers another agent's request, or names a key nobody named", async () => {
    const { alice, cursor, registerAgent } = deployment;
    const other = await registerAgent('other');
    const wanted = details(['postgres:delete'], ['public.bookings']);
    const theirs = await other.agent.ask({ authorization_details: wanted });
    const { statement } = await alice.client.call('draft', {
      body: {
        ...grantDraft({ operations: ['postgres:delete'], resources: ['public.bookings'] }),
        id: newId(),
        // Omit over the union of drafts loses which body belongs to which kind.
      } as DraftRequest,
    });
    if (statement.kind !== 'grant.create') throw new Error('a grant');
    const propose = async (body: Partial<typeof statement.body>) =>
      await alice.client.call('propose', {
        body: {
          envelope: await envelopeOf(
            { ...statement, id: newId(), body: { ...statement.body, ...body } },
            alice.privateJwk,
          ),
        },
      });
    await refused(propose({ request: theirs.id }), 'invalid_request');
    const own = await cursor.agent.ask({ authorization_details: wanted });
    const stranger = (await newKey('stranger')).key.thumbprint;
    await refused(propose({ request: own.id, sender: stranger }), 'invalid_request');
    await refused(propose({ request: null, sender: stranger }), 'invalid_request');
    expect((await propose({ request: own.id })).status).toBe('pending');
  });

  test('a resource written so that it covers nothing it seems to', async () => {
    const { alice } = deployment;
    for (const odd of ['public."bookings"', 'public.bookings()', 'public.bookings(b,a)', '*']) {
      const { statement } = await alice.client.call('draft', {
        body: {
          ...grantDraft({ operations: ['postgres:select'], resources: ['public.bookings'] }),
          id: newId(),
          // Omit over the union of drafts loses which body belongs to which kind.
        } as DraftRequest,
      });
      if (statement.kind !== 'grant.create') throw new Error('a grant');
      const permissions = statement.body.permissions.map((permission) => ({
        ...permission,
        resources: [odd],
      }));
      const body = { ...statement.body, permissions };
      const envelope = await envelopeOf({ ...statement, body }, alice.privateJwk);
      await refused(alice.client.call('propose', { body: { envelope } }), 'invalid_request');
    }
  });

  test('an agent named after the id of another', async () => {
    const { alice, cursor } = deployment;
    const { key } = await newKey('impostor');
    await refused(
      alice.propose({
        kind: 'agent.register',
        body: {
          name: cursor.id,
          auth: { method: 'private_key_jwt', jwks: { keys: [key.publicJwk] } },
        },
      }),
      'invalid_request',
    );
  });

  test('one request that stands for more rights than anyone could look at', async () => {
    const { cursor } = deployment;
    const operations = ['delete', 'insert', 'select', 'update'].map((name) => `postgres:${name}`);
    const resources = Array.from({ length: 512 }, (_, i) => `public.t${i}`);
    const asked = [1, 2, 3].flatMap(() => details(operations, resources));
    await refused(cursor.agent.token(asked), 'unparseable_request');
    const repeated = Array.from({ length: 64 }, () => 'postgres:select');
    await refused(cursor.agent.token(details(repeated, resources)), 'not_granted');
  });

  test('an auditor drafts a connection, and rejects a request', async () => {
    const { alice, bob, cursor, broker } = deployment;
    const auditor = await enroll(broker.url, [alice, bob], 'audrey', ['auditor']);
    const { config, id, secret } = playgroundConfig('pg-staging');
    await refused(
      auditor.propose(
        {
          kind: 'connection.set',
          body: { name: 'scan', provider: 'postgres', config, environments: { staging: [id] } },
        },
        beside(secret),
      ),
      'forbidden',
    );
    const asked = await cursor.agent.ask({
      authorization_details: details(['postgres:select'], ['public.vehicles']),
    });
    await refused(
      auditor.client.call('rejectAccessRequest', {
        params: { id: asked.id },
        body: { reason: 'no' },
      }),
      'forbidden',
    );
  });

  test('one admin alone maps an id outside production', async () => {
    const { alice, bob, cursor } = deployment;
    await alice.propose({ kind: 'environment.set', body: { name: 'sandbox', class: 'sandbox' } });
    // pg-staging was pending until bob signed: `deploy` would have failed otherwise.
    const statements = await bob.client.call('statements', {});
    const mapping = statements.items.find(
      (statement) => statement.kind === 'connection.set' && statement.need === 2,
    );
    expect(mapping?.signatures.map((signature) => signature.name)).toEqual(['alice', 'bob']);
    await refused(
      cursor.agent.token(
        details(['postgres:select'], ['public.bookings'], { environment: 'sandbox' }),
      ),
      'not_granted',
    );
  });

  test.each([
    ['the demand for DPoP', { require_dpop: false }],
    ['another class', { require_dpop: true, class: 'development' }],
  ])('loosening a rule: %s', async (_, change) => {
    const { alice } = deployment;
    await alice
      .propose({
        kind: 'environment.set',
        body: { name: 'strict', class: 'production', require_dpop: true },
      })
      .catch(() => undefined);
    const body = { name: 'strict', class: 'production', ...change };
    const answer = await alice.propose({ kind: 'environment.set', body });
    expect(answer).toMatchObject({ status: 'pending', have: 1, need: 2 });
    const { items } = await alice.client.call('environments', {});
    expect(items.find(({ name }) => name === 'strict')).toMatchObject({
      class: 'production',
      require_dpop: true,
    });
  });

  test('joining a group that a rule names', async () => {
    const { alice, bob, broker } = deployment;
    const joins = await alice.propose({
      kind: 'human.enroll',
      body: { human: 'bob', groups: ['security'] },
    });
    expect((await bob.sign(joins.id)).status).toBe('complete');
    const rule = { name: 'guarded', class: 'production', groups: ['security'] };
    const set = await alice.propose({ kind: 'environment.set', body: rule });
    expect(set.status).toBe('complete');
    const { code } = await alice.client.call('invite', {
      body: { name: 'grouped', roles: ['approver'], groups: ['security'] },
    });
    const { enter } = await knock(broker.url, code, 'grouped');
    const { id } = await enter();
    const answer = await alice.sign(id);
    expect(answer.status).toBe('pending');
    expect(answer.missing).toContain('one of group security');
  });

  test('joining a group that nobody invited to', async () => {
    const { alice, broker } = deployment;
    const { code } = await alice.client.call('invite', {
      body: { name: 'ungrouped', roles: ['approver'], groups: [] },
    });
    const { statement, enter } = await knock(broker.url, code, 'ungrouped');
    if (statement.kind !== 'human.enroll') throw new Error('an enrolment');
    const body = { ...statement.body, groups: ['security'] };
    await refused(enter({ ...statement, body }), 'forbidden');
  });

  test('an invitation used by somebody for another name, and twice', async () => {
    const { alice, broker } = deployment;
    const { code } = await alice.client.call('invite', {
      body: { name: 'erin', roles: ['auditor'], groups: [] },
    });
    await refused(knock(broker.url, code, 'mallory'), 'forbidden');
    const first = await knock(broker.url, code, 'erin');
    const second = await knock(broker.url, code, 'erin');
    expect((await first.enter()).status).toBe('pending');
    await refused(second.enter(), 'forbidden');
  });

  test('an intercepted invitation joined by an agent', async () => {
    const { alice, bob, broker, cursor } = deployment;
    const { code } = await alice.client.call('invite', {
      body: { name: 'intercepted', roles: ['approver'], groups: [] },
    });
    const join = knock(broker.url, code, 'intercepted', cursor).then(({ enter }) => enter());
    await refused(join, 'conflict');
    // With a key of its own it waits for those who were to hear the fingerprint from the joiner.
    const stranger = await knock(broker.url, code, 'intercepted');
    expect(await stranger.enter()).toMatchObject({ status: 'pending' });
    expect((await alice.sign(stranger.statement.id)).status).toBe('pending');
    await bob.reject(stranger.statement.id, 'it is not the fingerprint they told me');
    await refused(alice.sign(stranger.statement.id), 'conflict');
  });

  test('a countersigned token in the hands of another agent', async () => {
    const { alice, bob, cursor, registerAgent } = deployment;
    const other = await registerAgent('another');
    const draft = { operations: ['postgres:delete'], resources: ['public.bookings'] };
    const { id } = await alice.propose(grantDraft(draft));
    await bob.sign(id);
    const token = await cursor.agent.token(details(draft.operations, draft.resources));
    const theirs = await other.agent.token(null);
    await refused(other.agent.exchange(token, null), 'unauthenticated');
    await refused(other.agent.exchange({ ...token, key: theirs.key }, null), 'sender_mismatch');
    await bob.propose({ kind: 'grant.revoke', body: { grant: id, reason: 'over' } });
  });

  test('a joiner writes roles of their own choice', async () => {
    const { alice, broker } = deployment;
    const { code } = await alice.client.call('invite', {
      body: { name: 'frank', roles: ['auditor'], groups: [] },
    });
    const { statement, enter } = await knock(broker.url, code, 'frank');
    if (statement.kind !== 'human.enroll') throw new Error('an enrolment');
    const body = { ...statement.body, roles: ['admin' as const, 'approver' as const] };
    await refused(enter({ ...statement, body }), 'forbidden');
  });

  test('genesis a second time', async () => {
    const { broker, alice } = deployment;
    const open = createClient({ server: broker.url });
    const jwk = alice.key.publicJwk;
    if (jwk.kty !== 'OKP') throw new Error('Ed25519');
    await refused(
      open.call('draft', {
        body: {
          kind: 'genesis',
          id: newId(),
          code: broker.genesisCode ?? '',
          body: { name: 'mallory', key: jwk, recovery: randomBytes(32).toString('base64url') },
        },
      }),
      'conflict',
    );
  });

  test('someone removes themself so that sole enrolment opens again', async () => {
    const { alice, bob, broker } = deployment;
    const me = (await bob.client.call('humans', {})).items.find((human) => human.name === 'bob');
    const removal = await bob.propose({
      kind: 'human.remove',
      body: { human: me?.id ?? '', reason: 'leaving' },
    });
    // Fewer than two approvers would be left: one signature does not do.
    expect(removal.status).toBe('pending');
    expect((await alice.sign(removal.id)).status).toBe('complete');
    await refused(enroll(broker.url, [alice], 'mallory', ['approver']), 'unauthenticated');
    const { id } = await alice.propose(
      grantDraft({ operations: ['postgres:delete'], resources: ['public.bookings'] }),
    );
    const pending = await alice.client.call('grant', { params: { id } });
    expect(pending).toMatchObject({ status: 'waiting', have: 1, need: 2 });
  });
});
