/**
 * What the machine and the environment of a server leave open. Asked by the server itself, and by
 * `countersign doctor` beside it; it starts nothing and changes nothing.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Finding, foundAbout, foundOpen } from '@countersign/contract';
import { examineRole } from '@countersign/store';
import { type Config, ConfigError, isLoopback, readConfig } from './config.ts';

/** Bits of a proxy's range: a smaller prefix is a network, not a few machines. */
const NARROW = { IPv4: 24, IPv6: 64 } as const;

/** Null where no server has its configuration: neither a database of its own nor one that is named. */
export async function examineHostHere(env: NodeJS.ProcessEnv): Promise<readonly Finding[] | null> {
  let config: Config;
  try {
    config = readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return foundAbout('configuration', [error.message]);
  }
  const isHere = config.databaseUrl !== null || existsSync(join(config.dataDir, 'postgres'));
  return isHere ? await examineHost(config) : null;
}

/** @throws CountersignError when the database does not answer */
export async function examineHost(config: Config): Promise<readonly Finding[]> {
  return [
    ...examineMirror(config),
    ...examineKek(config),
    ...(await examineDatabase(config)),
    ...examineListener(config),
  ];
}

/** Where the ledger is kept outside the database, and whether that is outside at all. */
function examineMirror({ mirror, databaseUrl, dataDir }: Config): Finding[] {
  if (mirror === null) return foundOpen(true, 'no_mirror');
  const isDatabaseHere =
    databaseUrl === null || isOnThisMachine(new URL(databaseUrl.reveal()).hostname);
  const isMirrorHere =
    mirror.kind === 'directory'
      ? isOnDiskOf(mirror.path, dataDir) || isOnDiskOf(mirror.path, '/')
      : mirror.endpoint !== null && isLoopback(new URL(mirror.endpoint).hostname);
  const place = mirror.kind === 'directory' ? mirror.path : (mirror.endpoint ?? mirror.bucket);
  return foundOpen(isDatabaseHere && isMirrorHere, 'mirror_beside_database', [place]);
}

/** A disk of its own may be another machine's. */
function isOnDiskOf(path: string, other: string): boolean {
  const disk = statSync(path, { throwIfNoEntry: false })?.dev;
  return disk !== undefined && disk === statSync(other, { throwIfNoEntry: false })?.dev;
}

function examineKek(config: Config): Finding[] {
  const { kekFile, databaseUrl, dataDir } = config;
  const file = existsSync(kekFile) ? statSync(kekFile) : null;
  if (file === null) return [];
  const subjects = [kekFile];
  const directory = statSync(dirname(kekFile));
  // Who may write the directory may put another key there.
  const isOpen = (file.mode & 0o077) !== 0 || (directory.mode & 0o022) !== 0;
  const us = process.geteuid?.() ?? file.uid;
  const isOthers = us !== 0 && file.uid !== us;
  const isBeside =
    databaseUrl === null
      ? file.dev === statSync(join(dataDir, 'postgres'), { throwIfNoEntry: false })?.dev
      : isOnThisMachine(new URL(databaseUrl.reveal()).hostname);
  return [
    ...foundOpen(isBeside, 'kek_beside_database', subjects),
    ...foundOpen(isOpen, 'kek_readable', subjects),
    ...foundOpen(isOthers, 'kek_owner', subjects),
  ];
}

/** The embedded database is nobody else's: its superuser is the server's own user, on its own disk. */
async function examineDatabase({ databaseUrl }: Config): Promise<Finding[]> {
  if (databaseUrl === null) return [];
  const { excess, encrypted } = await examineRole(databaseUrl);
  const isFar = !isOnThisMachine(new URL(databaseUrl.reveal()).hostname);
  return [
    ...foundAbout('database_role', excess),
    ...foundOpen(isFar && !encrypted, 'database_in_clear'),
  ];
}

function examineListener({ host, trustedProxies }: Config): Finding[] {
  const ranges = (trustedProxies?.rules ?? []).flatMap((rule) => {
    const [, family, range = '', bits] = /^Subnet: (IPv[46]) ([^/]+)\/(\d+)$/.exec(rule) ?? [];
    const narrow = family === 'IPv4' || family === 'IPv6' ? NARROW[family] : 0;
    return Number(bits) < narrow ? [`${range}/${bits}`] : [];
  });
  return [
    ...foundOpen(!isLoopback(host), 'listens_in_clear', [host]),
    ...foundAbout('proxies_wide', ranges),
  ];
}

/** A socket is on this machine too. */
function isOnThisMachine(hostname: string): boolean {
  return hostname.startsWith('%2F') || isLoopback(hostname);
}
