/** argon2id is asked as rarely as it may be, and never for what this broker did not make. */
import { randomBytes } from 'node:crypto';
import { Secret } from '@countersign/core';
import { clientSecretMac, generateSigningKey } from '@countersign/tokens';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type ClientSecrets, createClientSecrets } from '../src/client-secrets.ts';

const AGENT = '018f0000-0000-7000-8000-0000000000aa';
const OTHER = '018f0000-0000-7000-8000-0000000000bb';
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const mac = clientSecretMac((await generateSigningKey()).privateJwk);

/** Costs nothing and counts; while `held`, nothing is answered. */
function countingHashing() {
  const counts = { hashed: 0, verified: 0 };
  let gate = Promise.resolve();
  let open = () => undefined;
  const hashOf = (secret: Uint8Array) => `hash of ${Buffer.from(secret).toString('hex')}`;
  return {
    counts,
    hashOf,
    hold() {
      gate = new Promise((resolve) => {
        open = () => {
          resolve();
          return undefined;
        };
      });
    },
    release: () => open(),
    hash: async (secret: Uint8Array) => {
      counts.hashed += 1;
      await gate;
      return hashOf(secret);
    },
    verify: async (hash: string, secret: Uint8Array) => {
      counts.verified += 1;
      await gate;
      if (hash === 'broken') throw new Error('broken');
      return hash === hashOf(secret);
    },
  };
}

let hashing: ReturnType<typeof countingHashing>;
let secrets: ClientSecrets;
beforeEach(() => {
  hashing = countingHashing();
  secrets = createClientSecrets({ mac, hashing, random, mostRemembered: 3 });
});

async function made(agent = AGENT) {
  const { secret, hash } = await secrets.make(agent);
  return { secret, registered: { id: agent, hash } };
}

describe('what this broker did not make', () => {
  test('is known for it without argon2id, whatever bit of it is wrong', async () => {
    const { secret } = await made();
    fc.assert(
      fc.property(fc.nat(66 * 8 - 1), (bit) => {
        const [prefix, encoded] = [secret.reveal().slice(0, 19), secret.reveal().slice(19)];
        const bytes = Buffer.from(encoded, 'base64url');
        bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const flipped = new Secret('client secret', prefix + bytes.toString('base64url'));
        expect(secrets.agentOf(flipped)).toBeNull();
      }),
    );
    expect(hashing.counts.verified).toBe(0);
  });
});

describe('a secret', () => {
  test('is new each time, and of the agent it was made for', async () => {
    const [one, two] = [await made(), await made()];
    expect(one.secret.reveal()).not.toBe(two.secret.reveal());
    expect(secrets.agentOf(one.secret)).toBe(AGENT);
    expect(await secrets.verify(one.registered, two.secret)).toBe(false);
  });

  test('is verified by argon2id once, then remembered', async () => {
    const { secret, registered } = await made();
    for (let i = 0; i < 10; i += 1) expect(await secrets.verify(registered, secret)).toBe(true);
    expect(hashing.counts.verified).toBe(1);
  });

  test('is verified once for all who ask at the same time', async () => {
    const { secret, registered } = await made();
    hashing.hold();
    const asked = Array.from({ length: 1_000 }, () => secrets.verify(registered, secret));
    hashing.release();
    expect(new Set(await Promise.all(asked))).toEqual(new Set([true]));
    expect(hashing.counts.verified).toBe(1);
  });

  test('that is wrong is never remembered', async () => {
    const { registered } = await made();
    const { secret: another } = await made();
    for (let i = 0; i < 3; i += 1) expect(await secrets.verify(registered, another)).toBe(false);
    expect(hashing.counts.verified).toBe(3);
  });

  test('that was remembered is verified anew when its hash or its agent is another', async () => {
    const { secret, registered } = await made();
    expect(await secrets.verify(registered, secret)).toBe(true);
    expect(await secrets.verify({ ...registered, hash: 'changed' }, secret)).toBe(false);
    expect(await secrets.verify({ ...registered, id: OTHER }, secret)).toBe(true);
    expect(hashing.counts.verified).toBe(3);
  });

  test('is forgotten when more than so many were used after it', async () => {
    const several = await Promise.all([made(), made(), made(), made()]);
    const [first, second, third, fourth] = several;
    const verify = async (one = first) => await secrets.verify(one.registered, one.secret);
    for (const one of [first, second, third]) await verify(one);
    // Used again, so the second is the oldest now, and makes room.
    await verify(first);
    await verify(fourth);
    expect(hashing.counts.verified).toBe(4);
    await verify(first);
    expect(hashing.counts.verified).toBe(4);
    await verify(second);
    expect(hashing.counts.verified).toBe(5);
  });

  test('whose verification failed is asked again, by whoever comes later', async () => {
    const { secret, registered } = await made();
    const broken = { ...registered, hash: 'broken' };
    await expect(secrets.verify(broken, secret)).rejects.toThrow();
    await expect(secrets.verify(broken, secret)).rejects.toThrow();
    expect(await secrets.verify(registered, secret)).toBe(true);
  });
});

test('of first verifications two run, some wait, and the rest are refused at once', async () => {
  const several = await Promise.all(Array.from({ length: 60 }, () => made()));
  const more = await Promise.all(Array.from({ length: 60 }, () => made()));
  hashing.hold();
  const asked = [...several, ...more].map(({ secret, registered }) =>
    secrets.verify(registered, secret).then(
      (right) => right,
      (error: { code?: string }) => error.code,
    ),
  );
  // A refusal does not wait for anything that is held.
  expect(await asked.at(-1)).toBe('broker_unavailable');
  expect(hashing.counts.verified).toBe(2);
  hashing.release();
  const outcomes = await Promise.all(asked);
  expect(outcomes.filter((outcome) => outcome === true)).toHaveLength(66);
  expect(outcomes.filter((outcome) => outcome === 'broker_unavailable')).toHaveLength(54);
  // Nothing is left behind: the next ones pass.
  const { secret, registered } = await made();
  expect(await secrets.verify(registered, secret)).toBe(true);
});
