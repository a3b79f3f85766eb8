/** The search for escapes as one query of the catalogs, so that it costs a mint one round trip. */
import type { Transaction } from '../session.ts';
import type { TableRight } from '../target-table.ts';
import { ACCESS_LISTS } from './acl-sql.ts';
import { CODE_THAT_RUNS } from './code-sql.ts';
import { KNOWN_EXTENSIONS } from './known-extensions.ts';
import { SCOPE } from './scope-sql.ts';

/** Whose rights are judged: a lease's, any lease's of this account, or PUBLIC's in another database. */
export type Scope =
  | { readonly mode: 'lease'; readonly role: string; readonly rights: readonly TableRight[] }
  | { readonly mode: 'connection' }
  | { readonly mode: 'public' };

/** One row of the search. `definition` changes with anything that changes what the object does. */
export interface Opening {
  readonly kind: string;
  readonly object: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly definition: unknown;
}

const QUERY = `WITH RECURSIVE ${SCOPE}
${[...ACCESS_LISTS, ...CODE_THAT_RUNS].join('\nUNION ALL')}`;

export async function findOpenings(tx: Transaction, scope: Scope): Promise<readonly Opening[]> {
  const role = scope.mode === 'lease' ? scope.role : 'public';
  const leased = scope.mode === 'lease' ? scope.rights.flatMap(leasedColumns) : [];
  const parameters = [role, scope.mode, JSON.stringify(leased), JSON.stringify(KNOWN_EXTENSIONS)];
  return await tx.unsafe<Opening[]>(QUERY, parameters, { prepare: true });
}

interface LeasedColumn {
  readonly relation: number;
  readonly privilege: string;
  /** 0: the whole table. */
  readonly column: number;
}

function leasedColumns({ privilege, table, columns, sequences }: TableRight): LeasedColumn[] {
  return [
    ...(columns ?? [{ number: 0 }]).map(({ number }) => ({
      relation: table.oid,
      privilege,
      column: number,
    })),
    ...sequences.map(({ oid }) => ({ relation: oid, privilege: 'USAGE', column: 0 })),
  ];
}
