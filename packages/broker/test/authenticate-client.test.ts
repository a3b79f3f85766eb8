/** In what order a client secret is judged, and that a stranger learns nothing from body or work. */
import { randomBytes } from 'node:crypto';
import type { Agent } from '@countersign/authority';
import { Secret } from '@countersign/core';
import { clientSecretMac, generateSigningKey } from '@countersign/tokens';
import { beforeEach, describe, expect, test } from 'vitest';
import { authenticateClient, stillAuthenticates } from '../src/authenticate.ts';
import { createClientSecrets } from '../src/client-secrets.ts';
import type { Deps } from '../src/deps.ts';

const ETL = '018f0000-0000-7000-8000-0000000000aa';
const GONE = '018f0000-0000-7000-8000-0000000000bb';
const KEYED = '018f0000-0000-7000-8000-0000000000cc';
const DRAFTED = '018f0000-0000-7000-8000-0000000000dd';
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const mac = clientSecretMac((await generateSigningKey()).privateJwk);
const text = (secret: Uint8Array) => Buffer.from(secret).toString();

async function broker() {
  const work = { argon2id: 0, refreshes: 0, strangers: 0, entries: 0 };
  const clientSecrets = createClientSecrets({
    mac,
    random,
    hashing: {
      hash: async (secret) => text(secret),
      verify: async (hash, secret) => {
        work.argon2id += 1;
        return hash === text(secret);
      },
    },
  });
  const made = new Map<string, Secret>();
  const agents = new Map<string, Agent>();
  for (const [id, name] of [
    [ETL, 'etl'],
    [GONE, 'gone'],
    [KEYED, 'keyed'],
    [DRAFTED, 'drafted'],
  ] as const) {
    const { secret, hash } = await clientSecrets.make(id);
    made.set(name, secret);
    if (name === 'drafted') continue;
    agents.set(id, {
      id,
      name,
      auth:
        name === 'keyed'
          ? { method: 'private_key_jwt', jwks: { keys: [] } }
          : { method: 'client_secret', secret_hash: hash },
      credentials: [],
      requireDpop: false,
      disabledAt: name === 'gone' ? '2026-11-20T12:00:00.000Z' : null,
    });
  }
  const deps = {
    clientSecrets,
    authority: {
      state: { agents, names: new Map() },
      refresh: async () => {
        work.refreshes += 1;
      },
    },
    denials: {
      unauthenticated: () => {
        work.strangers += 1;
      },
      record: async () => {
        work.entries += 1;
        return 'entry';
      },
    },
    // Only what authenticating by a secret reads of it.
  } as unknown as Deps;
  return {
    work,
    secretOf: (name: string) => made.get(name) ?? new Secret('none', ''),
    enter: (clientId: string | null, secret: Secret) =>
      authenticateClient(deps, { clientId, clientAssertion: null, clientSecret: secret }),
    deps,
  };
}

let at: Awaited<ReturnType<typeof broker>>;
beforeEach(async () => {
  at = await broker();
});

const NO_WORK = { argon2id: 0, refreshes: 0, entries: 0 };

test.each(['etl', ETL])('its own secret lets %s in, with nothing to remember of it', async (id) => {
  const { agent, once } = await at.enter(id, at.secretOf('etl'));
  expect([agent.name, once]).toEqual(['etl', []]);
  expect(at.work).toEqual({ ...NO_WORK, argon2id: 1, strangers: 0 });
});

describe('a secret this broker never made costs an HMAC and is counted, whoever it is sent for', () => {
  const bogus = [
    ['a password', 'hunter2'],
    ['the right shape', `countersign_secret_${'A'.repeat(88)}`],
    ['nothing', ''],
  ] as const;
  const clients = ['etl', ETL, 'gone', 'keyed', 'nobody', null];
  test.each(
    bogus.flatMap(([what, value]) => clients.map((client) => [what, client, value] as const)),
  )('%s for %s', async (_, client, value) => {
    await expect(at.enter(client, new Secret('x', value))).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringMatching(/^The client could not be authenticated\. /),
    });
    expect(at.work).toEqual({ ...NO_WORK, strangers: 1 });
  });
});

describe('a secret this broker made is refused, without argon2id,', () => {
  test.each([
    ['for another agent', 'gone', 'etl', 0],
    ['for nobody', 'nobody', 'etl', 0],
    ['without an id', null, 'etl', 0],
    // Perhaps another replica knows more: only whoever holds a secret of ours makes us look.
    ['where the agent has a key', 'keyed', 'keyed', 1],
    ['whose agent nobody signed for', 'drafted', 'drafted', 1],
  ])('%s', async (_, client, name, refreshes) => {
    await expect(at.enter(client, at.secretOf(name))).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringMatching(/^The client could not be authenticated\. /),
    });
    expect(at.work).toEqual({ ...NO_WORK, refreshes, strangers: 1 });
  });

  test('of a disabled agent, which is told and entered into the ledger', async () => {
    await expect(at.enter('gone', at.secretOf('gone'))).rejects.toMatchObject({
      code: 'agent_disabled',
    });
    expect(at.work).toEqual({ ...NO_WORK, entries: 1, strangers: 0 });
  });
});

test('another secret made for the same agent costs one argon2id and a look, and is refused', async () => {
  const { secret } = await at.deps.clientSecrets.make(ETL);
  await expect(at.enter('etl', secret)).rejects.toMatchObject({ code: 'unauthenticated' });
  expect(at.work).toEqual({ ...NO_WORK, argon2id: 1, refreshes: 1, strangers: 1 });
});

test('a secret and an assertion at once are neither', async () => {
  const both = { clientId: 'etl', clientAssertion: 'a.b.c', clientSecret: at.secretOf('etl') };
  await expect(authenticateClient(at.deps, both)).rejects.toMatchObject({
    code: 'unauthenticated',
  });
});

describe('a credential that is replaced', () => {
  /** This server hears of what another one has folded already only when it looks. */
  async function lagging(change: (agents: Map<string, Agent>) => void): Promise<Deps> {
    const { state } = at.deps.authority;
    let version = 1;
    const refresh = async (): Promise<void> => {
      if (version === 1) change(state.agents);
      version = 2;
    };
    return {
      ...at.deps,
      authority: {
        state,
        refresh,
        get version() {
          return version;
        },
      },
    };
  }

  function withHash(agents: Map<string, Agent>, secret_hash: string): void {
    const etl = agents.get(ETL);
    if (etl !== undefined) {
      agents.set(ETL, { ...etl, auth: { method: 'client_secret', secret_hash } });
    }
  }

  test('lets the new one in at a server that lags behind, after one look', async () => {
    const { secret, hash } = await at.deps.clientSecrets.make(ETL);
    const deps = await lagging((agents) => withHash(agents, hash));
    const claim = { clientId: 'etl', clientAssertion: null };
    const client = await authenticateClient(deps, { ...claim, clientSecret: secret });
    expect(client.credential).toBe(hash);
    await expect(
      authenticateClient(deps, { ...claim, clientSecret: at.secretOf('etl') }),
    ).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test('ends what was authenticated with the former, before anything is minted for it', async () => {
    const { state } = at.deps.authority;
    const client = await at.enter('etl', at.secretOf('etl'));
    expect(stillAuthenticates(state, client)).toBe(true);
    withHash(state.agents, 'another hash');
    expect(stillAuthenticates(state, client)).toBe(false);
  });

  test.each([
    ['while it is one of two keys', ['a', 'b'], true],
    ['while it is the only one', ['a'], true],
    ['not once it is none of them', ['b'], false],
  ])('a key counts %s', (_, credentials, expected) => {
    const { state } = at.deps.authority;
    const keyed = state.agents.get(KEYED);
    if (keyed === undefined) throw new Error('it was made');
    const client = { agent: keyed, credential: 'a', once: [] };
    state.agents.set(KEYED, { ...keyed, credentials });
    expect(stillAuthenticates(state, client)).toBe(expected);
    // Nor once the agent has a secret instead, whatever its digest is.
    state.agents.set(KEYED, {
      ...{ ...keyed, credentials: ['a'] },
      auth: { method: 'client_secret', secret_hash: 'b' },
    });
    expect(stillAuthenticates(state, client)).toBe(false);
  });
});
