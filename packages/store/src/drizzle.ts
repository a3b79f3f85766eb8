/**
 * drizzle, required and not imported: for each of its hundred ES modules Node reads the package's own
 * description once more, 178 kB of it, which is half of the time that a server takes to start.
 */
import { createRequire } from 'node:module';
import type * as Core from 'drizzle-orm';
import type * as PgCore from 'drizzle-orm/pg-core';
import type * as PostgresJs from 'drizzle-orm/postgres-js';

const require = createRequire(import.meta.url);
const core: typeof Core = require('drizzle-orm');
const pgCore: typeof PgCore = require('drizzle-orm/pg-core');
const postgresJs: typeof PostgresJs = require('drizzle-orm/postgres-js');

export const {
  and,
  asc,
  count,
  desc,
  eq,
  getTableColumns,
  gt,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  or,
  sql,
} = core;
export const { boolean, customType, jsonb, pgSchema, text, timestamp, uuid } = pgCore;
export const { drizzle } = postgresJs;
