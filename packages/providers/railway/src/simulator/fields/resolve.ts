/** How fields are resolved that lead from one record to another. */
import type { Arguments } from '../args.ts';
import type { Context } from '../context.ts';
import { notAuthorized } from '../errors.ts';
import { connection } from '../paging.ts';
import type * as records from '../world/records.ts';
import type { Kind, Kinds } from '../world/world.ts';

export type Field<Source> = (source: Source, args: Arguments, context: Context) => unknown;
export type Fields<Source> = Readonly<Record<string, Field<Source>>>;

/** A connection to the records of the kind for which the test holds, of those that the caller reaches. */
export function pages<Source, K extends Kind>(
  kind: K,
  test: (record: Kinds[K], source: Source, args: Arguments) => boolean,
): Field<Source> {
  return (source, args, context) => {
    const found = context.world.where(
      kind,
      (record) => test(record, source, args) && context.caller.reaches(kind, record, 'read'),
    );
    return connection(found, args, context.defaultPageSize);
  };
}

/** Like `pages`, inside of an environment: Railway refuses it all where the caller cannot see inside. */
export function pagesWithin<K extends Kind>(
  kind: K,
  test: (record: Kinds[K], environment: records.Environment) => boolean,
): Field<records.Environment> {
  return (environment, args, context) => {
    look(environment, context);
    return connection(
      context.world.where(kind, (record) => test(record, environment)),
      args,
      context.defaultPageSize,
    );
  };
}

export function look(environment: records.Environment, { caller }: Context): void {
  if (!caller.reaches('environment', environment, 'read')) throw notAuthorized();
}

export function theOne<Source extends object, K extends Kind>(
  kind: K,
  member: keyof Source,
): Field<Source> {
  return (source, _args, { world }) => {
    const id = source[member];
    return typeof id === 'string' ? (world.get(kind, id) ?? null) : null;
  };
}
