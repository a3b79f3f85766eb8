/**
 * A PostgreSQL connection as humans sign it: one database at one address, one account, and the
 * system identifier that pins the cluster behind the address.
 */
import { isIP } from 'node:net';
import { ProviderError, type ResolvedConfig } from '@countersign/provider-kit';
import { z } from 'zod';
import { isStorableName } from './resource.ts';

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

const name = z.string().refine(isStorableName, 'must be 1 to 63 bytes of UTF-8 without NUL');

const draft = z.strictObject({
  host: z
    .string()
    .transform(canonicalHost)
    .refine(
      (host) => (isIP(host) !== 0 && !host.includes('%')) || HOST_NAME.test(host),
      'must be a host name or IP address',
    ),
  port: z.int().min(1).max(65535).default(5432),
  database: name,
  username: name,
  sslmode: z.enum(['verify-full', 'disable']),
  ca: z
    .string()
    .max(65536)
    .regex(/^-----BEGIN CERTIFICATE-----\n/, 'must be PEM certificates')
    .optional(),
  system_identifier: z
    .string()
    .regex(/^[1-9][0-9]{0,19}$/, 'must be the digits that pg_control_system() prints')
    .optional(),
});

/** What an admin wrote, defaults filled in. */
export type DraftConfig = z.output<typeof draft>;

/** What humans signed: the pin is there. */
export interface PostgresConfig extends DraftConfig {
  readonly system_identifier: string;
}

/** @throws ProviderError `misconfigured`, with the field and what is wrong with it */
export function parseDraft(config: Readonly<Record<string, unknown>>): DraftConfig {
  const parsed = draft.safeParse(config);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join('.')}: ${message}`,
    );
    throw new ProviderError('misconfigured', `PostgreSQL connection: ${problems.join('; ')}.`);
  }
  if (parsed.data.sslmode === 'disable' && !isLoopback(parsed.data.host)) {
    throw new ProviderError(
      'misconfigured',
      'sslmode "disable" is only for a server on this machine (127.0.0.0/8, ::1, localhost); use "verify-full", with "ca" if the certificate is not publicly trusted.',
    );
  }
  return parsed.data;
}

/** @throws ProviderError `misconfigured`, also when the pin is missing */
export function parseConfig(config: Readonly<Record<string, unknown>>): PostgresConfig {
  const { system_identifier, ...rest } = parseDraft(config);
  if (system_identifier === undefined) {
    throw new ProviderError(
      'misconfigured',
      'This PostgreSQL connection was never resolved: it has no system_identifier.',
    );
  }
  return { ...rest, system_identifier };
}

/** `Provider.describeConfig`. A database is one environment id: its endpoint. */
export function describeConfig(config: PostgresConfig): ResolvedConfig {
  const endpoint = endpointOf(config);
  return { config: { ...config }, endpoint, account: config.username, ids: [endpoint] };
}

/** `<host>:<port>/<database>`; the host holds no slash, so the first one ends the port. */
function endpointOf({ host, port, database }: DraftConfig): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}/${database}`;
}

/** True for 127.0.0.0/8, ::1 (also as IPv4-mapped) and `localhost`. */
export function isLoopback(host: string): boolean {
  const address = host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
  if (isIP(address) === 4) return address.startsWith('127.');
  return address === '::1' || address === 'localhost';
}

function canonicalHost(host: string): string {
  if (isIP(host) !== 6 || host.includes('%')) return host.toLowerCase();
  return new URL(`http://[${host}]/`).hostname.slice(1, -1);
}
