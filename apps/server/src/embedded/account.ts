/**
 * The operating system account PostgreSQL runs as. It refuses root, so a broker that runs as root
 * hands it to another user; anyone else runs it as themselves.
 */
import { readFile, stat } from 'node:fs/promises';
import { errnoOf } from './failure.ts';

export interface Account {
  /** Set when the broker is root: the ids to start PostgreSQL with and to give its files to. */
  readonly other: { readonly uid: number; readonly gid: number } | undefined;
}

const PREFERRED = ['postgres', 'nobody'];
const NOBODY = { uid: 65_534, gid: 65_534 };

/** As root: the owner of an existing data directory, else `postgres`, else `nobody`, else 65534. */
export async function accountFor(dataDirectory: string): Promise<Account> {
  if (process.getuid?.() !== 0) return { other: undefined };
  const owner = await ownerOf(dataDirectory);
  if (owner !== undefined && owner.uid !== 0) return { other: owner };
  return { other: fromPasswd(await passwd()) ?? NOBODY };
}

/** Picks the account from the text of /etc/passwd; never one whose uid is 0. */
export function fromPasswd(text: string): { uid: number; gid: number } | undefined {
  const lines = text.split('\n').map((line) => line.split(':'));
  for (const name of PREFERRED) {
    const [, , uid, gid] = lines.find(([login]) => login === name) ?? [];
    if (uid !== undefined && gid !== undefined && /^[1-9]\d*$/.test(uid) && /^\d+$/.test(gid)) {
      return { uid: Number(uid), gid: Number(gid) };
    }
  }
  return undefined;
}

async function ownerOf(path: string): Promise<{ uid: number; gid: number } | undefined> {
  try {
    const { uid, gid } = await stat(path);
    return { uid, gid };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function passwd(): Promise<string> {
  try {
    return await readFile('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}

/** How to start a child under the account: a minimal environment, nothing of the broker's own. */
export function childOptions(account: Account): {
  readonly env: Record<string, string>;
  readonly uid?: number;
  readonly gid?: number;
} {
  return {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', TZ: 'UTC' },
    ...account.other,
  };
}
