/**
 * The signed-in session of a profile: good for reading and drafting, kept in a file of mode 0600, and
 * opened anew when it has ended. It signs nothing.
 */
import {
  type Client,
  newPrivateJwk,
  type SigningKey,
  signIn,
  signingKeyOf,
} from '@countersign/client';
import { Secret } from '@countersign/core';
import { type Context, connect } from './context.ts';
import { failed } from './failure.ts';
import { jsonOf, openKey, recordOf } from './key-file.ts';
import { lastingClient } from './lasting-client.ts';
import { readOptional, writePrivate } from './private-files.ts';
import { type Profile, readProfile } from './profile.ts';
import { askPassphrase } from './prompts.ts';

/** A human at this terminal: the profile, and a client that carries its session. */
export interface Seat {
  readonly profile: Profile;
  readonly client: Client;
}

/** Milliseconds before its end at which a session is renewed. */
const MARGIN = 120_000;

/** @throws Failure without a profile; ProblemError `unauthenticated` for a key not enrolled, or not yet */
export async function takeSeat(context: Context): Promise<Seat> {
  const profile = await readProfile(context.paths);
  if (profile === null) {
    throw failed(
      'no_profile',
      `There is no profile ${context.paths.name} here.`,
      'countersign genesis --name NAME --code CODE, or countersign human join CODE --name NAME',
    );
  }
  const client = connect(context, profile);
  const renew = async (): Promise<Client> => {
    const passphrase = await askPassphrase(context, 'to sign in');
    const device = await signingKeyOf(await openKey(context.paths.key, passphrase));
    return await openSession(context, profile, client, device);
  };
  const kept = await keptSession(context, profile, client);
  return {
    profile,
    client: kept === null ? await renew() : lastingClient(client.as(kept), renew),
  };
}

/** Signs in with an opened device key and keeps the session. */
export async function openSession(
  context: Context,
  profile: Profile,
  client: Client,
  device: SigningKey,
): Promise<Client> {
  const secret = await newPrivateJwk('session key');
  const session = await context.out.progress(
    'signing in',
    signIn(client, { device, session: await signingKeyOf(secret) }),
  );
  const file = {
    v: 1,
    issuer: profile.issuer,
    kid: profile.kid,
    expires_at: session.expiresAt,
    token: session.token.reveal(),
    key: secret.reveal(),
  };
  await writePrivate(context.paths.session, `${JSON.stringify(file)}\n`);
  return client.as(session);
}

/** Null when there is none, it has ended, or it is of another key or broker. */
async function keptSession(context: Context, profile: Profile, client: Client) {
  const text = await readOptional(context.paths.session);
  const { issuer, kid, expires_at, token, key } = recordOf(jsonOf(text ?? '')) ?? {};
  if (issuer !== profile.issuer || kid !== profile.kid) return null;
  if (typeof token !== 'string' || typeof key !== 'string') return null;
  if (typeof expires_at !== 'number' || expires_at - MARGIN < client.clock.now()) return null;
  return {
    token: new Secret('session', token),
    key: await signingKeyOf(new Secret('session key', key)),
  };
}
