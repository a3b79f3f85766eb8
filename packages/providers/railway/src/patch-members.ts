/** How every part of a patch is read: member by member, by a closed list. */
import { isObject, unreadable } from './judgement.ts';

/** What each member does. Called for a null too. */
export type Members<Of> = Readonly<Record<string, (of: Of, value: unknown) => void>>;

/** @throws RequestRefusal for a member that is not in the list */
export function judgeMembers<Of>(
  what: string,
  members: Members<Of>,
  of: Of,
  value: Readonly<Record<string, unknown>>,
): void {
  for (const [name, member] of Object.entries(value)) {
    const judge = Object.hasOwn(members, name) ? members[name] : undefined;
    if (judge === undefined) throw unreadable(`A member of ${what} is none that is known.`);
    judge(of, member);
  }
}

/** A member that is true or false, and says by itself nothing that is not judged elsewhere. */
export function flag(_of: unknown, value: unknown): void {
  if (typeof value !== 'boolean') throw unreadable('isDeleted and isCreated are true or false.');
}

/** A null removes as `isDeleted` does. */
export function isDeletion(entry: unknown): boolean {
  return entry === null || (isObject(entry) && entry['isDeleted'] === true);
}

/** @throws RequestRefusal for what is no object; a null there could mean all of them */
export function entriesOf(value: unknown, what: string): readonly [string, unknown][] {
  if (!isObject(value)) throw unreadable(`${what} has to be an object.`);
  return Object.entries(value);
}
