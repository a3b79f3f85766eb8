/** Configuration from the environment. A wrong value stops the start with the variable's name. */

import { BlockList, isIP } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { Secret } from '@countersign/core';

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Origin, e.g. `https://broker.example.com`. */
  readonly issuer: string;
  readonly dataDir: string;
  /** Null: the embedded PostgreSQL. */
  readonly databaseUrl: Secret | null;
  readonly kekFile: string;
  /** Peers that may forward requests of an https issuer; null: anyone who reaches the listener. */
  readonly trustedProxies: BlockList | null;
  /** Where the ledger is kept outside the database; null: nowhere. */
  readonly mirror: MirrorPlace | null;
  readonly logLevel: string;
  /** Holds the token that opens the metrics; null: none does. */
  readonly metricsTokenFile: string | null;
  /** Seconds between the first sign of a stop, at `/readyz`, and the end of listening. */
  readonly drainSeconds: number;
  /** Decisions a second that one agent may ask of this server. */
  readonly agentRate: number;
  /** Questions a second that one agent may have this server ask of providers. */
  readonly agentResolverRate: number;
}

export type MirrorPlace =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      /** Without slashes at its ends; empty: none. */
      readonly prefix: string;
      readonly region: string;
      /** Origin of storage that is not AWS; null: AWS. */
      readonly endpoint: string | null;
    };

/** A variable that is missing or wrong. The message names it and says what it should be. */
export class ConfigError extends Error {
  constructor(variable: string, problem: string) {
    super(`${variable} ${problem}`);
    this.name = 'ConfigError';
  }
}

/** Seconds; whoever stops servers kills them sooner or later. */
const LONGEST_GRACE = 300;
/** Decisions a second. */
const AGENT_RATE = 100;
const FASTEST_AGENT = 100_000;
/** Questions to providers a second: what a provider grants a whole account is often no more. */
const AGENT_RESOLVER_RATE = 10;

/** A wrong value as it may be repeated: short, and with nothing that could steer a terminal. */
export function shown(value: string): string {
  const plain = value.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
  return plain.length <= 80 ? plain : `${plain.slice(0, 80)}…`;
}

const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug'];
const KNOWN = [
  'COUNTERSIGN_ISSUER',
  'COUNTERSIGN_DATA_DIR',
  'COUNTERSIGN_KEK_FILE',
  'COUNTERSIGN_TRUSTED_PROXIES',
  'COUNTERSIGN_MIRROR',
  'COUNTERSIGN_LOG_LEVEL',
  'COUNTERSIGN_METRICS_TOKEN_FILE',
  'COUNTERSIGN_DRAIN_SECONDS',
  'COUNTERSIGN_AGENT_RATE',
  'COUNTERSIGN_AGENT_RESOLVER_RATE',
  // Read by the command line, and harmless in a shared environment.
  'COUNTERSIGN_HOME',
  'COUNTERSIGN_PROFILE',
  'COUNTERSIGN_SERVER',
  'COUNTERSIGN_PASSPHRASE_FILE',
  'COUNTERSIGN_AGENT',
  'COUNTERSIGN_AGENT_KEY_FILE',
  'COUNTERSIGN_AGENT_SECRET_FILE',
];

/** @throws ConfigError */
export function readConfig(given: NodeJS.ProcessEnv): Config {
  // A variable that is set to nothing is not set, whichever it is.
  const env = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ''));
  for (const name of Object.keys(env)) {
    if (name.startsWith('COUNTERSIGN_') && !KNOWN.includes(name)) {
      throw new ConfigError(
        shown(name),
        `is not a variable of Countersign. Known: ${KNOWN.join(', ')}.`,
      );
    }
  }
  const port = readPort(env['PORT']);
  const host = env['HOST'] ?? '127.0.0.1';
  if (isIP(host) === 0 && host !== 'localhost') {
    throw new ConfigError('HOST', `must be an IP address or localhost, not "${shown(host)}".`);
  }
  const dataDir = readDataDir(env);
  const trustedProxies = readProxies(env['COUNTERSIGN_TRUSTED_PROXIES']);
  const issuer = readIssuer(env['COUNTERSIGN_ISSUER'], port, trustedProxies);
  if (!isLoopback(host) && issuer.startsWith('http:')) {
    throw new ConfigError(
      'HOST',
      `is ${host}, which others can reach, while the issuer is ${issuer}. Set COUNTERSIGN_ISSUER to an https URL behind a listed COUNTERSIGN_TRUSTED_PROXIES, or leave HOST at 127.0.0.1.`,
    );
  }
  const databaseUrl = readDatabaseUrl(env['DATABASE_URL']);
  const metricsTokenFile = env['COUNTERSIGN_METRICS_TOKEN_FILE'];
  return {
    host,
    port,
    issuer,
    dataDir,
    databaseUrl,
    kekFile: resolve(env['COUNTERSIGN_KEK_FILE'] ?? join(dataDir, 'kek')),
    trustedProxies,
    mirror: readMirror(env['COUNTERSIGN_MIRROR'], env),
    logLevel: readLogLevel(env['COUNTERSIGN_LOG_LEVEL']),
    metricsTokenFile: metricsTokenFile === undefined ? null : resolve(metricsTokenFile),
    drainSeconds: readDrain(env['COUNTERSIGN_DRAIN_SECONDS'], databaseUrl !== null),
    agentRate: readRate(env, 'COUNTERSIGN_AGENT_RATE', {
      otherwise: AGENT_RATE,
      of: 'decisions',
    }),
    agentResolverRate: readRate(env, 'COUNTERSIGN_AGENT_RESOLVER_RATE', {
      otherwise: AGENT_RESOLVER_RATE,
      of: 'questions to providers',
    }),
  };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

function readPort(value: string | undefined): number {
  if (value === undefined) return 8420;
  const port = /^\d{1,5}$/.test(value) ? Number(value) : -1;
  if (port < 1 || port > 65_535) {
    throw new ConfigError('PORT', `must be a number from 1 to 65535, not "${shown(value)}".`);
  }
  return port;
}

function readDataDir(env: NodeJS.ProcessEnv): string {
  if (isSet(env['COUNTERSIGN_DATA_DIR'])) return resolve(env['COUNTERSIGN_DATA_DIR']);
  const xdg = env['XDG_DATA_HOME'];
  return join(isSet(xdg) ? resolve(xdg) : join(homedir(), '.local', 'share'), 'countersign');
}

function readDatabaseUrl(value: string | undefined): Secret | null {
  if (value === undefined) return null;
  // The value is a secret: no message repeats any of it.
  if (!URL.canParse(value) || !/^postgres(ql)?:$/.test(new URL(value).protocol)) {
    throw new ConfigError('DATABASE_URL', 'must be a postgres:// URL.');
  }
  const url = new URL(value);
  if (url.hostname === '') {
    throw new ConfigError('DATABASE_URL', 'must name its host, e.g. postgres://user@127.0.0.1/db.');
  }
  const local = url.hostname.startsWith('%2F') || isLoopback(url.hostname);
  if (!local && url.searchParams.get('sslmode') !== 'verify-full') {
    throw new ConfigError(
      'DATABASE_URL',
      'must say sslmode=verify-full for a database on another machine: anything less encrypts to whoever answers. A private CA goes into NODE_EXTRA_CA_CERTS.',
    );
  }
  return new Secret('DATABASE_URL', value);
}

function readProxies(value: string | undefined): BlockList | null {
  if (!isSet(value)) return null;
  const list = new BlockList();
  for (const item of value.split(',').map((part) => part.trim())) {
    const [address = '', prefix, ...rest] = item.split('/');
    const family = isIP(address);
    const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
    if (
      family === 0 ||
      rest.length > 0 ||
      !Number.isInteger(bits) ||
      bits < 0 ||
      bits > (family === 4 ? 32 : 128)
    ) {
      throw new ConfigError(
        'COUNTERSIGN_TRUSTED_PROXIES',
        `must be IP addresses or CIDR ranges separated by commas; "${shown(item)}" is neither.`,
      );
    }
    list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

function readMirror(value: string | undefined, env: NodeJS.ProcessEnv): MirrorPlace | null {
  if (value === undefined) return null;
  const wrong = (problem: string) => new ConfigError('COUNTERSIGN_MIRROR', problem);
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(value) ?? [];
  if (scheme === undefined) return { kind: 'directory', path: resolve(value) };
  // Whatever stands before an @ is a secret: no message repeats the value.
  if (rest.includes('@')) {
    throw wrong('must hold no credentials: they belong into AWS_ACCESS_KEY_ID and its like.');
  }
  const [, bucket, prefix = ''] =
    /^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/?([^?#]*)$/.exec(rest) ?? [];
  if (scheme.toLowerCase() !== 's3' || bucket === undefined) {
    throw wrong('must be a directory, or s3://BUCKET or s3://BUCKET/PREFIX.');
  }
  const endpoint = env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'] ?? null;
  if (endpoint !== null) requireEndpoint(endpoint);
  return {
    kind: 's3',
    bucket,
    prefix: prefix.replace(/^\/+|\/+$/g, ''),
    region: env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    endpoint: endpoint === null ? null : new URL(endpoint).origin,
  };
}

function requireEndpoint(endpoint: string): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  const isSafe =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (url === null || !isSafe || url.username !== '' || url.pathname !== '/') {
    throw new ConfigError(
      'AWS_ENDPOINT_URL_S3',
      'must be an https origin, e.g. https://minio.example.com:9000; http on this machine only.',
    );
  }
}

function readIssuer(value: string | undefined, port: number, proxies: BlockList | null): string {
  if (value === undefined) return `http://localhost:${port}`;
  if (!URL.canParse(value) || new URL(value).origin !== value) {
    throw new ConfigError(
      'COUNTERSIGN_ISSUER',
      `must be an origin without a path or trailing slash, e.g. https://broker.example.com, not "${shown(value)}".`,
    );
  }
  const url = new URL(value);
  if (url.protocol === 'http:' && isLoopback(url.hostname)) return value;
  if (url.protocol !== 'https:') {
    throw new ConfigError('COUNTERSIGN_ISSUER', 'must be https for any host but localhost.');
  }
  if (proxies === null) {
    throw new ConfigError(
      'COUNTERSIGN_TRUSTED_PROXIES',
      'must list the proxies that terminate TLS for an https COUNTERSIGN_ISSUER.',
    );
  }
  return value;
}

export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1' || host === '[::1]') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

function readLogLevel(value: string | undefined): string {
  const level = value ?? 'info';
  if (!LOG_LEVELS.includes(level)) {
    throw new ConfigError('COUNTERSIGN_LOG_LEVEL', `must be one of ${LOG_LEVELS.join(', ')}.`);
  }
  return level;
}

/** A server with an embedded database has no replica to leave its clients to, so it waits for none. */
function readDrain(value: string | undefined, hasReplicas: boolean): number {
  if (value === undefined) return hasReplicas ? 5 : 0;
  const seconds = /^\d{1,3}$/.test(value) ? Number(value) : -1;
  if (seconds < 0 || seconds > LONGEST_GRACE) {
    throw new ConfigError(
      'COUNTERSIGN_DRAIN_SECONDS',
      `must be whole seconds from 0 to ${LONGEST_GRACE}, not "${shown(value)}".`,
    );
  }
  return seconds;
}

function readRate(
  env: NodeJS.ProcessEnv,
  variable: string,
  { otherwise, of }: { readonly otherwise: number; readonly of: string },
): number {
  const value = env[variable];
  if (value === undefined) return otherwise;
  const rate = /^\d{1,6}$/.test(value) ? Number(value) : 0;
  if (rate < 1 || rate > FASTEST_AGENT) {
    throw new ConfigError(
      variable,
      `must be a whole number of ${of} a second from 1 to ${FASTEST_AGENT}, not "${shown(value)}".`,
    );
  }
  return rate;
}
