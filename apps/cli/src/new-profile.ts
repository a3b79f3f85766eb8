/** A profile comes into being: a fresh device key, a passphrase for it, a broker pinned beside it. */
import { rm } from 'node:fs/promises';
import { type Client, newPrivateJwk, ProblemError, signingKeyOf } from '@countersign/client';
import { type BrokerView, Ed25519Jwk } from '@countersign/contract';
import type { Secret } from '@countersign/core';
import type { Context } from './context.ts';
import { failed } from './failure.ts';
import { sealKey } from './key-file.ts';
import { type ProfilePaths, readProfile, writeProfile } from './profile.ts';

export interface DeviceKey {
  readonly secret: Secret;
  readonly jwk: { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };
  readonly kid: string;
}

export async function newDeviceKey(): Promise<DeviceKey> {
  const secret = await newPrivateJwk('device key');
  const { publicJwk, thumbprint } = await signingKeyOf(secret);
  return { secret, jwk: Ed25519Jwk.parse(publicJwk), kid: thumbprint };
}

/** A profile is one human at one broker, for good. @throws Failure when it holds a key already */
export async function requireUnused(paths: ProfilePaths): Promise<void> {
  const present = await readProfile(paths);
  if (present !== null) {
    throw failed(
      'conflict',
      `Profile ${paths.name} holds the key of ${present.name} already.`,
      'the same command with --profile NAME, for a profile of its own',
    );
  }
}

/** What the joiner keeps: the key sealed, the broker pinned. Written before anything is proposed. */
export async function keepProfile(
  paths: ProfilePaths,
  kept: {
    readonly client: Client;
    readonly issuer: string;
    readonly broker: string;
    readonly name: string;
    readonly key: DeviceKey;
    readonly passphrase: Secret;
  },
): Promise<void> {
  await sealKey(paths.key, kept.key, kept.passphrase);
  const { issuer, broker, name, client, key } = kept;
  await writeProfile(paths, {
    server: client.server,
    issuer,
    broker,
    name,
    kid: key.kid,
    seen: [],
  });
}

/**
 * Proposes with a key that was just kept; a plain refusal leaves no profile behind. When no answer
 * came the key stays, since the broker may know it.
 */
export async function proposeOrForget<T>(paths: ProfilePaths, propose: Promise<T>): Promise<T> {
  try {
    return await propose;
  } catch (error) {
    if (error instanceof ProblemError) {
      await rm(paths.profile, { force: true });
      await rm(paths.key, { force: true });
    }
    throw error;
  }
}

/** @throws Failure when there is a genesis, or none, against what the command needs */
export function requireGenesis(view: BrokerView, present: boolean): void {
  if (present && view.broker === null) {
    throw failed(
      'conflict',
      'This broker has no genesis yet; there is nothing to join.',
      'countersign genesis --name NAME --code CODE',
    );
  }
  if (!present && view.broker !== null) {
    throw failed(
      'conflict',
      'This broker has its genesis already.',
      'countersign human join CODE --name NAME, with a code from an admin',
    );
  }
}

/** Lines that show a recovery code, once. */
export function recoveryLines(context: Context, code: Secret): string[] {
  return [
    '',
    'Your recovery code, shown only now. Write it down and keep it off this machine:',
    context.out.bold(`  ${code.reveal()}`),
  ];
}
