/**
 * What a deployment may leave open, as a closed list. A finding travels as its id and what it is about; the
 * words, and the command or setting that closes it, come from here, never from whoever answered.
 */
import { z } from 'zod';
import { Instant } from './primitives.ts';

export const FINDING_IDS = [
  'no_mirror',
  'mirror_beside_database',
  'kek_beside_database',
  'kek_readable',
  'kek_owner',
  'kek_due',
  'token_key_due',
  'database_role',
  'database_in_clear',
  'listens_in_clear',
  'proxies_wide',
  'configuration',
  'one_admin',
  'approvers_few',
  'approvers_two',
  'vouched_by_one',
  'no_recovery_code',
  'no_production',
  'passphrase_quorum',
  'no_cool_off',
  'connection_failing',
  'connection_unchecked',
  'escapes_open',
  'escapes_accepted',
  'client_secrets',
  'grants_long',
  'grants_unused',
  'leases_late',
  'leases_troubled',
  'clock_skew',
  'background_stopped',
  'background_failing',
  'profile_readable',
  'passphrase_file',
  'agent_file_readable',
] as const;
export type FindingId = (typeof FINDING_IDS)[number];

/** Characters; a path may be longer, and is cut. */
const LONGEST_SUBJECT = 300;

export const Finding = z.object({
  id: z.enum(FINDING_IDS),
  /** What it is about: names, ids, paths, figures. Empty where the id says it all. */
  subjects: z.array(z.string().max(LONGEST_SUBJECT)),
});
export type Finding = z.infer<typeof Finding>;

/** Subjects in one finding; who needs all of them reads the report of identities. */
const MOST_SUBJECTS = 100;

/** A finding where something is open, and none where it is not. */
export function foundOpen(
  isOpen: boolean,
  id: FindingId,
  subjects: readonly string[] = [],
): Finding[] {
  const some = subjects.slice(0, MOST_SUBJECTS).map((text) => text.slice(0, LONGEST_SUBJECT));
  return isOpen ? [{ id, subjects: some }] : [];
}

/** The same where it is about somebody or something. */
export function foundAbout(id: FindingId, subjects: readonly string[]): Finding[] {
  return foundOpen(subjects.length > 0, id, subjects);
}

/** Each once, as the closed list has them: a server and its machine may have found the same. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const once = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  return [...once.values()].sort((a, b) => FINDING_IDS.indexOf(a.id) - FINDING_IDS.indexOf(b.id));
}

export const DoctorView = z.object({
  checked_at: Instant,
  /** In the order of the closed list. */
  findings: z.array(Finding),
});
export type DoctorView = z.infer<typeof DoctorView>;

interface Words {
  /** What is open, one sentence or two. */
  readonly what: string;
  /** What closes it: a command, or a setting. */
  readonly close: string;
}

/** Subjects that a sentence names. */
const NAMED = 5;

/** A finding in words, as one reads them to somebody. */
export function findingWords({ id, subjects }: Finding): Words {
  const more = subjects.length - NAMED;
  const names = [...subjects.slice(0, NAMED), ...(more > 0 ? [`${more} more`] : [])].join(', ');
  const [first = ''] = subjects;
  switch (id) {
    case 'no_mirror':
      return {
        what: 'The ledger is kept nowhere but in the database. Whoever restores an older one undoes revocations, and only exports and the profiles of people who verified later show it.',
        close:
          'COUNTERSIGN_MIRROR in other hands; until then countersign audit export --out FILE, kept elsewhere',
      };
    case 'mirror_beside_database':
      return {
        what: `The mirror (${names}) is on the machine of the database: who edits one can edit the other.`,
        close: 'COUNTERSIGN_MIRROR on another machine',
      };
    case 'kek_beside_database':
      return {
        what: `The key-encryption key (${names}) lies where the database does: one thief, or one backup, takes both and has every root credential.`,
        close: 'COUNTERSIGN_KEK_FILE on another disk, and DATABASE_URL on another machine',
      };
    case 'kek_readable':
      return {
        what: `Others than its owner can read the key-encryption key (${names}), or replace it.`,
        close: `chmod 600 ${first}, its directory 700, then countersign keys rotate`,
      };
    case 'kek_owner':
      return {
        what: `The key-encryption key (${names}) belongs to another user than the server's, who can read and replace it.`,
        close: `chown to the server's user: ${first}`,
      };
    case 'kek_due':
      return {
        what: `The key-encryption key has been the same for ${names} days.`,
        close: 'countersign keys rotate',
      };
    case 'token_key_due':
      return {
        what: 'The key that signs tokens should have been replaced by now, and was not.',
        close: 'the log of the servers says why; then countersign keys rotate --token',
      };
    case 'database_role':
      return {
        what: `The role in the broker's database may more than it needs: ${names}.`,
        close:
          'a role with LOGIN that owns the schema countersign and nothing else (docs/how-to/production.md)',
      };
    case 'database_in_clear':
      return {
        what: 'The connection to the database on another machine is not encrypted and verified.',
        close: 'DATABASE_URL with sslmode=verify-full',
      };
    case 'listens_in_clear':
      return {
        what: `The server listens on ${names}, where others reach it, and speaks no TLS: tokens pass readably between proxy and broker.`,
        close:
          'HOST=127.0.0.1 with the proxy on the same machine, or a private network for the two',
      };
    case 'proxies_wide':
      return {
        what: `Whole networks count as proxies that end TLS: ${names}. Any machine there may speak to the broker in clear.`,
        close: 'COUNTERSIGN_TRUSTED_PROXIES with the addresses of the proxies alone',
      };
    case 'configuration':
      return {
        what: `A server would not start here: ${names}`,
        close: 'the variable that it names',
      };
    case 'one_admin':
      return {
        what: `Only ${names === '' ? 'nobody' : names} is admin: without them nothing delete-capable is signed, and nothing is configured.`,
        close: 'countersign human invite NAME --role admin --role approver',
      };
    case 'approvers_few':
      return {
        what: 'Fewer than two approvers can sign, so nothing delete-capable can be granted.',
        close: 'countersign human invite NAME --role approver',
      };
    case 'approvers_two':
      return {
        what: `Exactly two approvers can sign, ${names}: while one is away nothing delete-capable is, and who loses a key waits three days.`,
        close: 'countersign human invite NAME --role approver',
      };
    case 'vouched_by_one':
      return {
        what: `One person alone vouched for ${names}: nothing shows that they are somebody else than that person.`,
        close:
          'meet them; or remove them, and two others sign for them under another name: countersign human remove NAME --reason TEXT',
      };
    case 'no_recovery_code':
      return {
        what: `No recovery code stands for ${names}, who could not come back after losing every key.`,
        close:
          'a second key on another machine, so that not all are lost at once: countersign human key add',
      };
    case 'no_production':
      return {
        what: 'No environment is of the class production, so none has its bounds.',
        close: 'countersign env set NAME --class production',
      };
    case 'passphrase_quorum':
      return {
        what: `In ${names} a quorum can be met with passphrases alone, which a program in people's accounts can wait for.`,
        close:
          'sign where no agent runs; once user-verified keys are enrolled: countersign env set NAME --user-verified 2',
      };
    case 'no_cool_off':
      return {
        what: `In ${names} two signatures are enough, of no named group, and take effect at once: nobody has time for a veto.`,
        close: `countersign env set ${first} --cool-off 10m --group GROUP`,
      };
    case 'connection_failing':
      return {
        what: `A check of ${names} found something wrong.`,
        close: `countersign connection check ${first}`,
      };
    case 'connection_unchecked':
      return {
        what: `Nobody has looked within a day at what ${names} leaves open.`,
        close: `countersign connection check ${first}`,
      };
    case 'escapes_open':
      return {
        what: `Ways around what is granted are open in ${names}; exchanges that they concern are suspended.`,
        close: `countersign connection check ${first}   (it names the SQL that closes each)`,
      };
    case 'escapes_accepted':
      return {
        what: `Two humans accepted ways around what is granted in ${names}: leases can do more than their grants say.`,
        close: `countersign connection check ${first}   (it names the SQL that closes each)`,
      };
    case 'client_secrets':
      return {
        what: `Agents that authenticate by a secret, which travels with each request, so that whoever reads it once has it: ${names}.`,
        close: `countersign agent credential set ${first} --auth private-key-jwt --jwks FILE --reason TEXT`,
      };
    case 'grants_long':
      return {
        what: `Grants that stand for more than 90 days from now: ${names}.`,
        close: `countersign grant revoke ${first} --reason TEXT, and propose it with a shorter --valid`,
      };
    case 'grants_unused':
      return {
        what: `Grants that have stood for 30 days and were never used: ${names}.`,
        close: `countersign grant revoke ${first} --reason TEXT`,
      };
    case 'leases_late':
      return {
        what: `Leases that should have ended and have not: ${names}.`,
        close: 'the log of the servers says why; at the target, drop the logins by hand',
      };
    case 'leases_troubled':
      return {
        what: `Leases that could not be taken back yet: ${names}.`,
        close:
          'bring the target back; countersign audit report --agent NAME shows the trouble of its leases',
      };
    case 'clock_skew':
      return {
        what: `The clocks of server and database are ${names} milliseconds apart; from five seconds on every decision is refused.`,
        close: 'NTP on both machines',
      };
    case 'background_stopped':
      return {
        what: 'The work in the background has not gone round for a minute: leases may not end.',
        close: 'restart this server; its log says why',
      };
    case 'background_failing':
      return {
        what: `Work in the background fails: ${names}.`,
        close: 'the log of this server says why',
      };
    case 'profile_readable':
      return {
        what: `Others than you can read files of your profiles: ${names}.`,
        close: `chmod -R go-rwx ${first}`,
      };
    case 'passphrase_file':
      return {
        what: `COUNTERSIGN_PASSPHRASE_FILE is set (${names}): every program of this account can sign as you.`,
        close: 'unset COUNTERSIGN_PASSPHRASE_FILE, and type it',
      };
    case 'agent_file_readable':
      return {
        what: `Others than its owner can read an agent's key or secret: ${names}.`,
        close: `chmod 600 ${first}, then give the agent another: countersign agent credential set`,
      };
  }
}
