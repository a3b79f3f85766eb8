/** A small true ledger for tests: genesis, a second human, a few decisions, a signed checkpoint. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import {
  type DecodedStatement,
  encodeStatement,
  signStatement,
  thumbprintOf,
} from '@countersign/authority';
import { EXPORT_FORMAT, type Statement } from '@countersign/contract';
import { Secret, toInstant, uuidv7 } from '@countersign/core';
import { encodeEntry, encodeVkey, leafHash, rootOf, signCheckpoint } from '@countersign/ledger';

const START = Date.parse('2026-11-20T09:00:00.000Z');
const SIGN_BY = toInstant(START + 3_600_000);
const RECOVERY = Buffer.alloc(32, 7).toString('base64url');

export function keyPair() {
  const pair = generateKeyPairSync('ed25519');
  const { x = '' } = pair.publicKey.export({ format: 'jwk' });
  const { d = '' } = pair.privateKey.export({ format: 'jwk' });
  return {
    pair,
    jwk: { kty: 'OKP', crv: 'Ed25519', x } as const,
    secret: new Secret('test key', JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x, d })),
  };
}

export interface TestEntry {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

function newId(): string {
  return uuidv7({ now: () => START }, { bytes: (length) => randomBytes(length) });
}

function entry(type: string, body: Record<string, unknown>): TestEntry {
  const bytes = encodeEntry({ v: 1, id: newId(), time: toInstant(START), type, body });
  return { bytes, hash: leafHash(bytes) };
}

async function proposed(decoded: DecodedStatement, secrets: readonly Secret[]): Promise<TestEntry> {
  const signatures = await Promise.all(secrets.map((key) => signStatement(decoded, key)));
  return entry('statement.proposed', {
    envelope: { payload: decoded.payload, signatures, assertions: [] },
  });
}

/** The signer of checkpoints, and the verifier key that names it. */
export function ledgerSigner(key: ReturnType<typeof keyPair>) {
  const publicKey = Buffer.from(key.jwk.x, 'base64url');
  return {
    vkey: encodeVkey('localhost/ledger', publicKey),
    signer: {
      name: 'localhost/ledger',
      publicKey,
      sign: (bytes: Uint8Array) => sign(null, bytes, key.pair.privateKey),
    },
  };
}

export async function ledgerOfTwo() {
  const [ledger, alice, bob] = [keyPair(), keyPair(), keyPair()];
  const common = { v: 1, issued_at: toInstant(START), sign_by: SIGN_BY } as const;
  const genesis: Statement = {
    ...common,
    kind: 'genesis',
    id: newId(),
    broker: null,
    body: {
      name: 'alice',
      key: alice.jwk,
      key_type: 'passphrase',
      recovery: RECOVERY,
      rp: null,
      ledger_key: ledger.jwk,
      identity_provider: null,
    },
  };
  const first = encodeStatement(genesis);
  const enrol = encodeStatement({
    ...common,
    kind: 'human.enroll',
    id: newId(),
    broker: first.digest,
    body: {
      human: null,
      name: 'bob',
      key: bob.jwk,
      key_type: 'passphrase',
      fingerprint: await thumbprintOf(bob.jwk),
      roles: ['approver'],
      groups: [],
      sponsor: genesis.id,
      recovery: RECOVERY,
      rp: null,
      subject: null,
    },
  });
  const enrolment = await proposed(enrol, [bob.secret]);
  const entries = [
    await proposed(first, [alice.secret]),
    entry('decision', { verdict: 'denied', stage: 'issue', code: 'not_granted' }),
    enrolment,
    entry('statement.signed', {
      statement: enrol.statement.id,
      signatures: [await signStatement(enrol, alice.secret)],
      assertions: [],
    }),
    ...Array.from({ length: 9 }, (_, count) =>
      entry('decision', { verdict: 'denied', stage: 'issue', code: 'frozen', count }),
    ),
  ];
  return { broker: first.digest, ledger, entries, unsigned: await proposed(enrol, []) };
}

/** As a server writes it that replayed nothing and lost `lost` entries. */
export function restoredAfter(entries: readonly TestEntry[], lost: number): TestEntry {
  const { size, root } = seenAt(entries, entries.length);
  return entry('restored', {
    line: { number: 1, id: newId() },
    mirror: { size: size + lost, root: Buffer.alloc(32, 9).toString('base64url') },
    database: { size, root },
    lost: { first: size, last: size + lost - 1 },
    replayed: 0,
    accepted: null,
  });
}

export type TestLedger = Awaited<ReturnType<typeof ledgerOfTwo>>;

export function seenAt(entries: readonly TestEntry[], size: number) {
  const root = rootOf(entries.slice(0, size).map(({ hash }) => hash));
  return { size, root: Buffer.from(root).toString('base64url') };
}

export interface ExportWish {
  readonly entries?: readonly TestEntry[];
  readonly broker?: string;
  readonly authorityOnly?: boolean;
  readonly signedBy?: ReturnType<typeof keyPair>;
}

/** The lines a server would send, over whatever entries it is said to hold. */
export async function exportOf(ledger: TestLedger, wish: ExportWish = {}): Promise<string[]> {
  const entries = wish.entries ?? ledger.entries;
  const { vkey, signer } = ledgerSigner(wish.signedBy ?? ledger.ledger);
  const checkpoint = await signCheckpoint(
    {
      origin: 'localhost/ledger',
      size: entries.length,
      root: rootOf(entries.map(({ hash }) => hash)),
    },
    signer,
  );
  const header = {
    format: EXPORT_FORMAT,
    broker: wish.broker ?? ledger.broker,
    checkpoint,
    vkey,
    authority_only: wish.authorityOnly ?? false,
  };
  const lines = entries.map(({ bytes, hash }, index) => {
    const leaf_hash = Buffer.from(hash).toString('base64');
    const entry: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return { index, leaf_hash, entry };
  });
  const kept =
    wish.authorityOnly === true
      ? lines.filter(({ entry }) => JSON.stringify(entry).includes('"statement.'))
      : lines;
  return [header, ...kept].map((line) => JSON.stringify(line));
}

export async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}
