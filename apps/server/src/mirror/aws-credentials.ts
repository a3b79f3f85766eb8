/**
 * Credentials for the mirror where every AWS tool looks for them: the environment, else the shared files. They
 * are never in a URL, which is logged and shown.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CountersignError, Secret } from '@countersign/core';

export interface AwsCredentials {
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret | null;
}

/** @returns a reader of them, which reads the files anew each time: they may be replaced at any moment */
export function awsCredentials(env: NodeJS.ProcessEnv): () => Promise<AwsCredentials> {
  const given = credentialsIn((name) => env[name.toUpperCase()]);
  if (given !== null) return async () => given;
  const profile = env['AWS_PROFILE'] ?? 'default';
  const file = env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(homedir(), '.aws', 'credentials');
  return async () => {
    const section = sectionOf(await readFile(file, 'utf8').catch(() => ''), profile);
    const found = credentialsIn((name) => section.get(name));
    if (found !== null) return found;
    throw new CountersignError(
      'broker_unavailable',
      `There are no credentials for the mirror: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile ${profile} in the file of AWS_SHARED_CREDENTIALS_FILE.`,
    );
  };
}

function credentialsIn(of: (name: string) => string | undefined): AwsCredentials | null {
  const [id, secret, token] = [
    'aws_access_key_id',
    'aws_secret_access_key',
    'aws_session_token',
  ].map(of);
  if (!id || !secret) return null;
  return {
    accessKeyId: new Secret('AWS access key id', id),
    secretAccessKey: new Secret('AWS secret access key', secret),
    sessionToken: token ? new Secret('AWS session token', token) : null,
  };
}

/** `name = value` lines of one `[section]`. */
function sectionOf(text: string, wanted: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let section = '';
  for (const line of text.split(/\r?\n/)) {
    const [, heading] = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line) ?? [];
    if (heading !== undefined) section = heading;
    const [, name, value] = /^\s*([a-z_]+)\s*=\s*(\S+)\s*$/i.exec(line) ?? [];
    if (section === wanted && name !== undefined && value !== undefined) {
      values.set(name.toLowerCase(), value);
    }
  }
  return values;
}
