/** What an attacker, or a broken wire, does to an entry on its way to the fold. */
import type { AuthorityEntry } from '../../src/index.ts';
import type { Body } from './bodies.ts';
import { payloadOf } from './deployment.ts';
import { canonicalText, headerOf, sha256, signed, type TestKey } from './device-keys.ts';

export const TWISTS = [
  'flipSignature',
  'flipPayload',
  'swapSignatures',
  'alterBody',
  'elsewhere',
  'twice',
  'replay',
  'header',
  'moved',
  'unsigned',
  'agentSigns',
] as const;

export interface Wire {
  readonly type: AuthorityEntry['type'];
  readonly body: Body;
}

/** What lies about for an attacker: everything ever sent, and keys of their own. */
export interface Loot {
  readonly sent: readonly Wire[];
  readonly ring: readonly TestKey[];
  readonly agents: readonly TestKey[];
  /** Ids of statements ever drafted. */
  readonly drafted: readonly string[];
}

export function twisted(twist: (typeof TWISTS)[number], wire: Wire, loot: Loot, n: number): Wire {
  if (twist === 'replay') return pick(loot.sent, n) ?? wire;
  if (!isSigned(wire)) return wire;
  const [payload, signatures] = parts(wire);
  const key = pick(loot.ring, n);
  if (key === undefined) return wire;
  switch (twist) {
    case 'flipSignature':
      return withParts(
        wire,
        payload,
        signatures.map((one) => ({ ...one, signature: flipped(one.signature, n) })),
      );
    case 'flipPayload':
      return withParts(wire, flipped(payload, n * 7), signatures);
    case 'swapSignatures': {
      const others = loot.sent.filter(isSigned);
      return withParts(wire, payload, parts(pick(others, n) ?? wire)[1]);
    }
    case 'alterBody': {
      const doc = read(payload);
      return withParts(
        wire,
        payloadOf({ ...doc, body: { ...Object(doc['body']), reason: 'altered', max_uses: 1000 } }),
        signatures,
      );
    }
    case 'elsewhere': {
      const altered = payloadOf({ ...read(payload), broker: sha256('another genesis') });
      return withParts(wire, altered, [signed(altered, key)]);
    }
    case 'twice':
      return withParts(wire, payload, [...signatures, ...signatures]);
    case 'header': {
      const header = canonicalText({ ...headerOf(key), typ: 'JWT' });
      return withParts(wire, payload, [signed(payload, key, header)]);
    }
    case 'moved': {
      const statement = pick(loot.drafted, n) ?? '';
      return { type: 'statement.signed', body: { statement, signatures, assertions: [] } };
    }
    case 'unsigned':
      return withParts(wire, payload, []);
    case 'agentSigns':
      return withParts(wire, payload, [
        ...signatures,
        signed(payload, pick(loot.agents, n) ?? key),
      ]);
  }
}

function isSigned({ type }: Wire): boolean {
  return type === 'statement.proposed' || type === 'statement.signed';
}

function read(payload: string): Body {
  return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8') || '{}');
}

type Signatures = readonly ReturnType<typeof signed>[];

function parts({ body }: Wire): [string, Signatures] {
  const { payload = '', signatures } = Object(body['envelope'] ?? body);
  return [payload, signatures];
}

function withParts(wire: Wire, payload: string, signatures: Signatures): Wire {
  return wire.type === 'statement.proposed'
    ? { ...wire, body: { envelope: { payload, signatures, assertions: [] } } }
    : { ...wire, body: { ...wire.body, signatures } };
}

function flipped(base64url: string, bit: number): string {
  const bytes = Buffer.from(base64url, 'base64url');
  const at = bit % Math.max(1, bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8));
  return bytes.toString('base64url');
}

/** The n-th, counting round; undefined when there is none. */
export function pick<T>(from: readonly T[], n: number): T | undefined {
  return from[n % Math.max(1, from.length)];
}
