/** What a command is given: where its profile is, whom it talks to, where it may write, whom it may ask. */
import { type Client, createClient } from '@countersign/client';
import type { Output } from './output.ts';
import { type Profile, type ProfilePaths, readProfile } from './profile.ts';

export interface Context {
  readonly out: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly paths: ProfilePaths;
  /** --server or COUNTERSIGN_SERVER. */
  readonly serverOption: string | null;
  /** Whether a person is there to be asked. */
  readonly terminal: boolean;
}

const DEFAULT_SERVER = 'http://localhost:8420';

/** A client that knows nobody yet; with a profile, one that holds the broker to its pinned issuer. */
export function connect(context: Context, profile: Profile | null): Client {
  const server = context.serverOption ?? profile?.server ?? DEFAULT_SERVER;
  return createClient({ server, ...(profile === null ? {} : { issuer: profile.issuer }) });
}

/** For commands that need no profile but use its server where there is one. */
export async function connectAsStranger(context: Context): Promise<Client> {
  const profile = await readProfile(context.paths);
  const server = context.serverOption ?? profile?.server ?? DEFAULT_SERVER;
  return createClient({ server });
}
