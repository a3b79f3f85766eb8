/** A profile comes into being: a fresh device key, a passphrase for it, a broker pinned beside it. */
import { rm } from 'node:fs/promises';
import { type Client, newPrivateJwk, ProblemError, signingKeyOf } from '@countersign/client';
import {
  type BrokerView,
  Ed25519Jwk,
  type Statement,
  type StatementAnswer,
} from '@countersign/contract';
import type { Secret } from '@countersign/core';
import type { Context } from './context.ts';
import { failed } from './failure.ts';
import { sealKey } from './key-file.ts';
import { type ProfilePaths, readProfile, writeProfile } from './profile.ts';
import { choosePassphrase } from './prompts.ts';
import { envelopeOf } from './statements.ts';

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

/** Who comes into being here: a name at one broker, with the key just made for it. */
export interface Newcomer {
  readonly client: Client;
  readonly issuer: string;
  readonly broker: string;
  readonly name: string;
  readonly key: DeviceKey;
}

/**
 * Proposes with the new key, and with `another` where the statement asks for one. The key is sealed and
 * the broker pinned before anything is sent; a plain refusal leaves no profile behind. When no answer
 * came the profile stays, since the broker may know the key.
 */
export async function proposeAsNewcomer(
  context: Context,
  newcomer: Newcomer,
  asked: {
    readonly statement: Statement;
    readonly another?: Secret;
    readonly code?: string;
    /** Instead of the command's own profile. */
    readonly into?: ProfilePaths;
  },
): Promise<StatementAnswer> {
  const { statement, another, code, into: paths = context.paths } = asked;
  await keepProfile(paths, newcomer, await choosePassphrase(context));
  const envelope = await envelopeOf(statement, [
    newcomer.key.secret,
    ...(another === undefined ? [] : [another]),
  ]);
  try {
    const body = { envelope, ...(code === undefined ? {} : { code }) };
    return await newcomer.client.call('propose', { body });
  } catch (error) {
    if (error instanceof ProblemError) {
      await rm(paths.profile, { force: true });
      await rm(paths.key, { force: true });
    }
    throw error;
  }
}

async function keepProfile(
  paths: ProfilePaths,
  { client, issuer, broker, name, key }: Newcomer,
  passphrase: Secret,
): Promise<void> {
  await sealKey(paths.key, key, passphrase);
  const { server } = client;
  await writeProfile(paths, { server, issuer, broker, name, kid: key.kid, seen: [], gaps: [] });
}

/** What `--json` says of a newcomer. */
export function newcomerResult(
  context: Context,
  { name, key, issuer, broker }: Newcomer,
  made: { readonly recovery: Secret; readonly statement: StatementAnswer },
) {
  return {
    profile: context.paths.name,
    name,
    kid: key.kid,
    issuer,
    broker,
    recovery_code: made.recovery.reveal(),
    statement: made.statement,
  };
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
