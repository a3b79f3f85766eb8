/** The plain tables as drizzle sees them. The ledger's own are written in SQL only (`append.ts`). */
import type { Lease, LeaseState, NewAccessRequest } from '@countersign/broker';
import type { Sql } from './database.ts';
import { boolean, customType, drizzle, jsonb, pgSchema, text, timestamp, uuid } from './drizzle.ts';

const schema = pgSchema('countersign');

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

export const leases = schema.table('leases', {
  id: uuid('id').primaryKey(),
  agent: uuid('agent').notNull(),
  connection: text('connection').notNull(),
  environment: text('environment').notNull(),
  grants: uuid('grants').array().notNull(),
  rights: jsonb('rights').$type<Lease['rights']>().notNull(),
  decision: uuid('decision').notNull(),
  mac: bytea('mac').notNull(),
  state: text('state').$type<LeaseState>().notNull(),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
  trouble: text('trouble'),
  claimedUntil: instant('claimed_until'),
});

export const accessRequests = schema.table('access_requests', {
  id: uuid('id').primaryKey(),
  agent: uuid('agent').notNull(),
  details: jsonb('details').$type<NewAccessRequest['details']>().notNull(),
  reason: text('reason'),
  sender: text('sender'),
  createdAt: instant('created_at').notNull(),
  mac: bytea('mac').notNull(),
  rejection: text('rejection'),
  statement: uuid('statement'),
});

export const invitations = schema.table('invitations', {
  codeHash: text('code_hash').primaryKey(),
  sealed: text('sealed'),
  name: text('name').notNull(),
  roles: text('roles').array().notNull(),
  groups: text('groups').array().notNull(),
  sponsor: text('sponsor').notNull(),
  expiresAt: instant('expires_at').notNull(),
  spent: boolean('spent').notNull().default(false),
});

export const genesisCode = schema.table('genesis_code', {
  id: boolean('id').primaryKey().default(true),
  codeHash: text('code_hash').notNull(),
  sealed: text('sealed'),
});

export const replayIds = schema.table('replay_ids', {
  id: text('id').primaryKey(),
  expiresAt: instant('expires_at').notNull(),
});

export const sealedCredentials = schema.table('sealed_credentials', {
  statement: uuid('statement').primaryKey(),
  sealed: text('sealed').notNull(),
});

export const sealedKeys = schema.table('sealed_keys', {
  purpose: text('purpose').primaryKey(),
  publicJwk: jsonb('public_jwk').$type<unknown>().notNull(),
  schedule: jsonb('schedule').$type<unknown>(),
  sealed: text('sealed').notNull(),
});

export const replicas = schema.table('replicas', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull(),
  keks: text('keks').array().notNull(),
  seenAt: instant('seen_at').notNull(),
  mac: bytea('mac').notNull(),
});

/** Over a client of its own: drizzle changes how that client parses dates and JSON. */
export function openTables(sql: Sql) {
  return drizzle(sql);
}
export type Tables = ReturnType<typeof openTables>;
