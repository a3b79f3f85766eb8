/**
 * A deployment that has lived: agents with grants by the thousand, ledgers by the million. Statements are
 * real, signed by a human's key and folded by the server; entries go through the store's own commit.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeStatement, signStatement } from '@countersign/authority';
import type { Intent } from '@countersign/broker';
import type { Statement } from '@countersign/contract';
import { Secret, toInstant, uuidv7 } from '@countersign/core';
import { openStore, type Store } from '@countersign/store';
import type { Deployment } from '../support/deployment.ts';
import type { AssertionKey } from './assertions.ts';

export type EntryDraft = Intent['entries'][number];

const clock = { now: () => Date.now() };
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
export const newId = (): string => uuidv7(clock, random);

export interface SeededAgent {
  readonly id: string;
  readonly name: string;
  /** Its grant: to read `public.bookings` in staging. */
  readonly grant: string;
  readonly key: AssertionKey;
}

/** The deployment's own database, as one more of its servers would open it. */
export async function openStoreOf(deployment: Deployment): Promise<Store> {
  const kek = await readFile(join(deployment.dataDir, 'kek'), 'utf8');
  return await openStore({
    url: deployment.databaseUrl,
    kek: new Secret('key-encryption key', new Uint8Array(Buffer.from(kek.trim(), 'base64'))),
    clock,
  });
}

/** Statements in one commit. */
const STATEMENTS = 200;

/** Registers so many agents, each with a key and a grant of its own. */
export async function seedAgents(
  deployment: Deployment,
  store: Store,
  count: number,
): Promise<readonly SeededAgent[]> {
  const { alice, cursor } = deployment;
  const templates = {
    agent: await draft(deployment, {
      kind: 'agent.register',
      body: {
        name: 'template',
        auth: { method: 'private_key_jwt', jwks: { keys: [cursor.key.publicJwk] } },
      },
    }),
    grant: await draft(deployment, {
      kind: 'grant.create',
      body: {
        agent: cursor.name,
        connection: 'pg-staging',
        environment: 'staging',
        reason: 'a lived-in deployment',
        valid_for: 86_400,
        permissions: [{ operations: ['postgres:select'], resources: ['public.bookings'] }],
      },
    }),
  };
  const seeded: SeededAgent[] = [];
  let entries: EntryDraft[] = [];
  for (let made = 0; made < count; made += 1) {
    const id = newId();
    const name = `seeded-${id.slice(-12)}`;
    const { publicJwk, key } = newKey();
    const agent = altered(templates.agent, id, {
      name,
      auth: { method: 'private_key_jwt', jwks: { keys: [publicJwk] } },
    });
    const grantId = newId();
    const grant = altered(templates.grant, grantId, { agent: id });
    entries.push(await proposed(agent, alice.privateJwk), await proposed(grant, alice.privateJwk));
    seeded.push({ id, name, grant: grantId, key });
    if (entries.length >= STATEMENTS || made === count - 1) {
      await commit(store, entries, true);
      entries = [];
    }
  }
  return seeded;
}

async function draft(
  { alice }: Deployment,
  request: Parameters<Deployment['alice']['propose']>[0],
): Promise<Statement> {
  const { statement } = await alice.client.call('draft', {
    // A draft without its id is one with it, whatever its kind.
    body: { ...request, id: newId() } as Parameters<typeof alice.client.call<'draft'>>[1]['body'],
  });
  return statement;
}

function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  const publicJwk = { kty: 'OKP', crv: 'Ed25519', x } as const;
  return { publicJwk, key: { privateKey, kid: 'seeded' } };
}

function altered(template: Statement, id: string, body: Readonly<Record<string, unknown>>) {
  const now = Date.now();
  return {
    ...template,
    id,
    issued_at: toInstant(now),
    sign_by: toInstant(now + 3_600_000),
    body: { ...template.body, ...body },
    // The same kind with other values of the same shape.
  } as Statement;
}

async function proposed(statement: Statement, privateJwk: Secret): Promise<EntryDraft> {
  const decoded = encodeStatement(statement);
  const signatures = [await signStatement(decoded, privateJwk)];
  return {
    id: newId(),
    type: 'statement.proposed',
    body: { envelope: { payload: decoded.payload, signatures, assertions: [] } },
  };
}

/** Entries in one commit. */
const ENTRIES = 4_000;

/** Fills the ledger with decisions until it holds so many entries. */
export async function seedEntries(store: Store, upTo: number): Promise<void> {
  for (let { size } = await store.journal.head(); size < upTo; size += ENTRIES) {
    const entries = Array.from({ length: Math.min(ENTRIES, upTo - size) }, () => ({
      id: newId(),
      type: 'decision',
      body: { verdict: 'denied', stage: 'issue', code: 'not_granted', reason: 'seeded' },
    }));
    await commit(store, entries, false);
  }
}

export async function commit(
  store: Store,
  entries: readonly EntryDraft[],
  changesAuthority: boolean,
): Promise<void> {
  const intent: Intent = {
    entries,
    authorityVersion: null,
    changesAuthority,
    notAfter: null,
    once: [],
    uses: [],
    lease: null,
    effects: [],
  };
  const [outcome] = await store.journal.commit([intent]);
  if (outcome?.outcome !== 'committed') throw new Error(`not seeded: ${outcome?.outcome}`);
}
