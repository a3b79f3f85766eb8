/** People in tests: device keys in memory, and what a human does with one over HTTP. */
import { randomBytes } from 'node:crypto';
import { encodeStatement, signStatement } from '@countersign/authority';
import {
  type Client,
  createClient,
  newPrivateJwk,
  type SigningKey,
  signIn,
  signingKeyOf,
} from '@countersign/client';
import type { DraftRequest, Envelope, Statement, StatementAnswer } from '@countersign/contract';
import { type Secret, uuidv7 } from '@countersign/core';
import type { BrokerProcess } from './broker-process.ts';

const clock = { now: () => Date.now() };
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
export const newId = (): string => uuidv7(clock, random);
/** What the code of everybody in tests stands for: nobody writes it down. */
export const RECOVERY = await newKey('recovery');

/** A human with a device key in memory and, once enrolled, a session. */
export interface Person {
  readonly name: string;
  readonly privateJwk: Secret;
  readonly key: SigningKey;
  readonly client: Client;
  /** Draft, sign, propose. */
  propose(
    draft: DraftWithoutId,
    beside?: { salt: string; value: string },
  ): Promise<StatementAnswer>;
  sign(id: string): Promise<StatementAnswer>;
  reject(id: string, reason: string): Promise<StatementAnswer>;
}

type Without<T> = T extends DraftRequest ? Omit<T, 'id' | 'credential'> : never;
export type DraftWithoutId = Without<DraftRequest>;

/** Signs a statement with a device key, as an envelope. */
export async function envelopeOf(statement: Statement, ...keys: Secret[]): Promise<Envelope> {
  const decoded = encodeStatement(statement);
  const signatures = await Promise.all(keys.map((key) => signStatement(decoded, key)));
  return { payload: decoded.payload, signatures, assertions: [] };
}

export async function newKey(label: string): Promise<{ key: SigningKey; privateJwk: Secret }> {
  const privateJwk = await newPrivateJwk(label);
  return { privateJwk, key: await signingKeyOf(privateJwk) };
}

export function ed25519(key: SigningKey) {
  const jwk = key.publicJwk;
  if (jwk.kty !== 'OKP') throw new Error('a device key is Ed25519');
  return jwk;
}

/** A signed-in human, given a key that is enrolled. */
export function personOf(
  url: string,
  name: string,
  device: { key: SigningKey; privateJwk: Secret },
): Promise<Person> {
  return personAt(url, null, name, device);
}

/**
 * The same at one replica of several: `url` is its own, `issuer` what all of them call themselves; null:
 * whatever it says.
 */
export async function personAt(
  url: string,
  issuer: string | null,
  name: string,
  device: { readonly key: SigningKey; readonly privateJwk: Secret },
): Promise<Person> {
  const open = createClient({ server: url, ...(issuer === null ? {} : { issuer }) });
  const session = await signIn(open, {
    device: device.key,
    session: (await newKey('session')).key,
  });
  const client = open.as(session);
  return {
    name,
    key: device.key,
    privateJwk: device.privateJwk,
    client,
    async propose(draft, beside) {
      const { statement } = await client.call('draft', {
        // Omit over the union loses which body belongs to which kind; the server's schema checks it.
        body: {
          ...draft,
          id: newId(),
          ...(beside === undefined ? {} : { credential: beside }),
        } as DraftRequest,
      });
      return await client.call('propose', {
        body: {
          envelope: await envelopeOf(statement, device.privateJwk),
          ...(beside === undefined ? {} : { credential: beside }),
        },
      });
    },
    async sign(id) {
      const { payload } = await client.call('statement', { params: { id } });
      return await client.call('sign', {
        params: { id },
        body: { signature: await signPayload(payload, device.privateJwk) },
      });
    },
    async reject(id, reason) {
      const { statement } = await client.call('draft', {
        body: { kind: 'statement.reject', id: newId(), body: { statement: id, reason } },
      });
      return await client.call('reject', {
        params: { id },
        body: { envelope: await envelopeOf(statement, device.privateJwk) },
      });
    },
  };
}

async function signPayload(payload: string, key: Secret) {
  const statement = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  return await signStatement(encodeStatement(statement), key);
}

/** The latest start's code is the one that counts. */
export async function genesis(
  broker: BrokerProcess,
  code: string,
  name = 'alice',
): Promise<Person> {
  const device = await newKey('device');
  const open = createClient({ server: broker.url });
  const { statement } = await open.call('draft', {
    body: {
      kind: 'genesis',
      id: newId(),
      code,
      body: { name, key: ed25519(device.key), recovery: RECOVERY.key.thumbprint },
    },
  });
  await open.call('propose', {
    body: { envelope: await envelopeOf(statement, device.privateJwk), code },
  });
  return await personOf(broker.url, name, device);
}

interface Device {
  readonly key: SigningKey;
  readonly privateJwk: Secret;
}

/** A joiner's own enrolment, drafted with an invitation code and signed by a new key, or one at hand. */
export async function knock(url: string, code: string, name: string, own: Device | null = null) {
  const device = own ?? (await newKey('device'));
  const open = createClient({ server: url });
  const { statement } = await open.call('draft', {
    body: {
      kind: 'human.enroll',
      id: newId(),
      code,
      body: { name, key: ed25519(device.key), recovery: RECOVERY.key.thumbprint },
    },
  });
  return {
    device,
    statement,
    /** Proposes it, or what the joiner made of it. */
    enter: async (altered: Statement = statement) =>
      await open.call('propose', {
        body: { envelope: await envelopeOf(altered, device.privateJwk), code },
      }),
  };
}

/** Invites, joins and signs in a human; `sponsors` sign, the first of them invites. */
export async function enroll(
  url: string,
  sponsors: readonly Person[],
  name: string,
  roles: readonly ('admin' | 'approver' | 'auditor')[],
  groups: readonly string[] = [],
): Promise<Person> {
  const [sponsor] = sponsors;
  if (sponsor === undefined) throw new Error('somebody invites');
  const { code } = await sponsor.client.call('invite', {
    body: { name, roles: [...roles], groups: [...groups] },
  });
  const { device, statement, enter } = await knock(url, code, name);
  await enter();
  for (const signer of sponsors) await signer.sign(statement.id);
  return await personOf(url, name, device);
}
