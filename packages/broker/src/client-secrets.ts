/**
 * Client secrets: made here and nowhere else, kept as argon2id, verified once a process.
 *
 * Why that is safe. A secret holds 256 random bits, so its hash could be a plain one: nobody finds it by
 * trying, and argon2id's slowness is a belt beside the braces. What slowness costs is ours to bound:
 *
 * - The MAC in the secret is checked first. Without the broker's key nobody makes one that passes, so
 *   whatever is guessed, truncated or altered costs one HMAC and never argon2id; and a weak secret whose
 *   hash an admin's own program put into a statement opens nothing.
 * - What argon2id verified once is remembered as an HMAC, under a key of this process, over agent, hash
 *   and secret. Whoever finds the process's memory finds no secret in that, and a hash or agent that
 *   changed is another entry: it is verified anew. The hash it is verified against is always the one of
 *   present authority, and a disabled agent is refused before anyone looks here.
 * - First verifications are two at a time, one for equal questions, and no more wait than are named here.
 *
 * Should the MAC's key leak (the KEK with the database), secrets that pass it can be made up: each then
 * costs an argon2id within those bounds, and still opens nothing, since its hash is in no statement.
 */
import { createHmac } from 'node:crypto';
import type { Random, Secret } from '@countersign/core';
import { ARGON2ID_SALT_BYTES, type ClientSecretMac } from '@countersign/tokens';
import { createBoundedWork } from './bounded-work.ts';

/** argon2id, as a port, so that tests count how often it is asked. */
export interface SecretHashing {
  hash(secret: Uint8Array, salt: Uint8Array): Promise<string>;
  verify(hash: string, secret: Uint8Array): Promise<boolean>;
}

export interface ClientSecrets {
  /** A new secret for an agent that need not exist yet. @throws CountersignError `broker_unavailable` */
  make(agent: string): Promise<{ readonly secret: Secret; readonly hash: string }>;
  /** The agent a presented secret was made for, by its MAC alone; null when this broker made no such. */
  agentOf(secret: Secret): string | null;
  /** @throws CountersignError `broker_unavailable` when too many are verified for the first time */
  verify(agent: { readonly id: string; readonly hash: string }, secret: Secret): Promise<boolean>;
}

/** argon2id runs in Node's pool of four threads, which files and names share. */
const AT_ONCE = {
  running: 2,
  waiting: 64,
  refusal: 'Too many secrets are being verified for the first time. Try again shortly.',
} as const;
/** Verified secrets remembered at once; the one not used for longest goes first. */
const MOST_REMEMBERED = 10_000;

export function createClientSecrets(deps: {
  readonly mac: ClientSecretMac;
  readonly hashing: SecretHashing;
  readonly random: Random;
  readonly mostRemembered?: number;
}): ClientSecrets {
  const { mac, hashing, random, mostRemembered = MOST_REMEMBERED } = deps;
  const memoryKey = random.bytes(32);
  const work = createBoundedWork(AT_ONCE);
  /** In the order of their last use. */
  const verified = new Set<string>();
  const underWay = new Map<string, Promise<boolean>>();

  function remember(digest: string): void {
    verified.delete(digest);
    verified.add(digest);
    const [oldest] = verified;
    if (verified.size > mostRemembered && oldest !== undefined) verified.delete(oldest);
  }

  async function verifyAnew(digest: string, hash: string, secret: Secret): Promise<boolean> {
    const right = await work.run(() => hashing.verify(hash, Buffer.from(secret.reveal())));
    if (right) remember(digest);
    return right;
  }

  return {
    async make(agent) {
      const secret = mac.make(agent, random);
      const salt = random.bytes(ARGON2ID_SALT_BYTES);
      const hash = await work.run(() => hashing.hash(Buffer.from(secret.reveal()), salt));
      return { secret, hash };
    },
    agentOf: (secret) => mac.agentOf(secret),
    async verify({ id, hash }, secret) {
      const said = JSON.stringify([id, hash, secret.reveal()]);
      const digest = createHmac('sha256', memoryKey).update(said).digest('base64url');
      if (verified.has(digest)) {
        remember(digest);
        return true;
      }
      const asked =
        underWay.get(digest) ??
        verifyAnew(digest, hash, secret).finally(() => underWay.delete(digest));
      underWay.set(digest, asked);
      return await asked;
    },
  };
}
