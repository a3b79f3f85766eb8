/**
 * What can be done to a PostgreSQL table, what it is at worst, and which privilege stands for it.
 * Only what one table privilege expresses exactly is ever exchanged for a login.
 */
import type { Catalog, CatalogOperation, EffectRule } from '@countersign/core';

/** The table privilege that an exchangeable operation stands for. */
export type TablePrivilege = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE';

interface TableOperation {
  readonly privilege: TablePrivilege;
  /** PostgreSQL grants it on columns too. */
  readonly narrowable: boolean;
}

const TABLE_OPERATIONS: ReadonlyMap<string, TableOperation> = new Map([
  ['postgres:select', { privilege: 'SELECT', narrowable: true }],
  ['postgres:insert', { privilege: 'INSERT', narrowable: true }],
  ['postgres:update', { privilege: 'UPDATE', narrowable: true }],
  ['postgres:delete', { privilege: 'DELETE', narrowable: false }],
  ['postgres:truncate', { privilege: 'TRUNCATE', narrowable: false }],
]);

/** Ownership knows no halves, so these get no login: the broker runs their SQL itself. */
export const SCHEMA_OPERATIONS = ['postgres:alter', 'postgres:create', 'postgres:drop'] as const;

/** True for what is done to a schema as a whole, by SQL with its owner's rights. */
export function isSchemaOperation(operation: string): boolean {
  return (SCHEMA_OPERATIONS as readonly string[]).includes(operation);
}

/** Null: not an operation that is exchanged. */
export function tableOperation(operation: string): TableOperation | null {
  return TABLE_OPERATIONS.get(operation) ?? null;
}

function describe(name: string, summary: string, effects: readonly EffectRule[]): CatalogOperation {
  return {
    name: `postgres:${name}`,
    summary,
    effects,
    exchangeable: TABLE_OPERATIONS.has(`postgres:${name}`),
  };
}

export const catalog: Catalog = {
  provider: 'postgres',
  operations: [
    describe('select', 'Reads rows of a table, or the named columns of them.', [
      { effect: 'read' },
    ]),
    describe('insert', 'Adds rows to a table.', [{ effect: 'write' }]),
    describe(
      'update',
      'Overwrites rows of a table, any number of them; without a column list every column at once.',
      [
        { effect: 'write' },
        { effect: 'delete', environment_class: 'production', whole_resource: true },
      ],
    ),
    describe('delete', 'Deletes rows of a table, all of them at worst.', [{ effect: 'delete' }]),
    describe('truncate', 'Empties a table.', [{ effect: 'delete' }]),
    describe('create', 'Creates objects with SQL of its own.', [{ effect: 'execute' }]),
    describe('alter', 'Changes the shape of a table with SQL of its own.', [{ effect: 'execute' }]),
    describe('drop', 'Destroys a table.', [{ effect: 'delete' }]),
  ],
};
