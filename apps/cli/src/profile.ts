/**
 * A profile: who one is at one broker. It pins the broker's issuer and genesis fingerprint, so that
 * later answers are held against what was seen first, and remembers the trees that were verified.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Digest, Id, Name } from '@countersign/contract';
import type { SeenTree, VerifyReport } from '@countersign/verify';
import { failed, usageFailure } from './failure.ts';
import { jsonOf, recordOf } from './key-file.ts';
import { readOptional, writePrivate } from './private-files.ts';

export interface Profile {
  readonly server: string;
  readonly issuer: string;
  /** Genesis fingerprint. */
  readonly broker: string;
  /** The human's name. */
  readonly name: string;
  /** Thumbprint of the device key. */
  readonly kid: string;
  /** Trees verified here, oldest first. */
  readonly seen: readonly SeenTree[];
  /** Ids of the lines of the gaps that were found in a ledger that verified: they excuse nothing any more. */
  readonly gaps: readonly string[];
}

export interface ProfilePaths {
  readonly name: string;
  readonly directory: string;
  readonly profile: string;
  readonly key: string;
  readonly session: string;
}

/** More would not narrow a change any further in practice. */
const TREES_KEPT = 64;

/** `COUNTERSIGN_HOME`, else the XDG configuration directory. */
export function homeOf(env: NodeJS.ProcessEnv): string {
  const { COUNTERSIGN_HOME, XDG_CONFIG_HOME } = env;
  if (COUNTERSIGN_HOME) return COUNTERSIGN_HOME;
  return join(XDG_CONFIG_HOME || join(homedir(), '.config'), 'countersign');
}

/** @throws Failure usage for a name that is no name, above all one that is a path */
export function profilePaths(home: string, name: string): ProfilePaths {
  if (!Name.safeParse(name).success) {
    throw usageFailure(
      'A profile name is 1 to 63 of a-z 0-9 . _ - and begins and ends with a letter or digit.',
      '--profile default',
    );
  }
  const directory = join(home, 'profiles', name);
  return {
    name,
    directory,
    profile: join(directory, 'profile.json'),
    key: join(directory, 'key.json'),
    session: join(directory, 'session.json'),
  };
}

/** Null when there is none. @throws Failure for one that cannot be read */
export async function readProfile(paths: ProfilePaths): Promise<Profile | null> {
  const text = await readOptional(paths.profile);
  if (text === null) return null;
  const file = recordOf(jsonOf(text));
  const { server, issuer, name } = file ?? {};
  const broker = Digest.safeParse(file?.['broker']);
  const kid = Digest.safeParse(file?.['kid']);
  const seen = seenIn(file?.['seen']);
  const gaps = idsIn(file?.['gaps']);
  if (
    !broker.success ||
    !kid.success ||
    seen === null ||
    gaps === null ||
    typeof server !== 'string' ||
    typeof issuer !== 'string' ||
    typeof name !== 'string'
  ) {
    throw failed('damaged', `${paths.profile} cannot be read.`, 'restore it from a backup');
  }
  return { server, issuer, name, broker: broker.data, kid: kid.data, seen, gaps };
}

export async function writeProfile(paths: ProfilePaths, profile: Profile): Promise<void> {
  await writePrivate(paths.profile, `${JSON.stringify(profile, null, 2)}\n`);
}

/** The profile after a ledger verified, all of whose gaps it knows from now on. */
export function withVerified(
  profile: Profile,
  { checkpoint, gaps }: Pick<VerifyReport, 'checkpoint' | 'gaps'>,
): Profile {
  const ids = new Set([...profile.gaps, ...gaps.map(({ line }) => line.id)]);
  const known = { ...profile, gaps: [...ids] };
  if (checkpoint === null) return known;
  const { size, root } = checkpoint;
  const others = profile.seen.filter((tree) => tree.size !== size);
  const seen = [...others, { size, root }];
  return { ...known, seen: seen.toSorted((a, b) => a.size - b.size).slice(-TREES_KEPT) };
}

function seenIn(value: unknown): SeenTree[] | null {
  if (!Array.isArray(value)) return null;
  const trees = value.map((item: unknown) => {
    const { size, root } = recordOf(item) ?? {};
    const digest = Digest.safeParse(root);
    return typeof size === 'number' && digest.success ? { size, root: digest.data } : null;
  });
  return trees.some((tree) => tree === null) ? null : trees.filter((tree) => tree !== null);
}

function idsIn(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null;
  const ids = value.map((item: unknown) => Id.safeParse(item).data ?? null);
  return ids.some((id) => id === null) ? null : ids.filter((id) => id !== null);
}

/** The command that lists each. */
const LISTS = {
  statement: 'countersign pending',
  request: 'countersign request list --all',
  grant: 'countersign grant list',
  migration: 'countersign grant list',
  key: 'countersign human key list',
  freeze: 'countersign freezes',
} as const;

/**
 * The id that is given in full, or the one of `ids` that begins so, of four characters at least.
 * @throws Failure `not_found` when none begins so, `ambiguous` when several do
 */
export function resolveId(given: string, ids: readonly string[], what: keyof typeof LISTS): string {
  if (Id.safeParse(given).success && ids.includes(given)) return given;
  const found = given.length < 4 ? [] : ids.filter((id) => id.startsWith(given));
  const [only] = found;
  if (only === undefined) throw failed('not_found', `There is no ${what} ${given}.`, LISTS[what]);
  if (found.length > 1) {
    throw failed(
      'ambiguous',
      `${found.length} ${what}s begin with ${given}: ${found.slice(0, 4).join(', ')}.`,
      'give more of the id',
    );
  }
  return only;
}
