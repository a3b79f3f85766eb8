/**
 * A target as a careful team would set it up: a database with an owner role, a broker role that is no
 * superuser, and PUBLIC without the rights that PostgreSQL gives it at first.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { Secret } from '@countersign/core';
import type {
  IssuedCredential,
  Issuer,
  LeaseOrder,
  LeaseRight,
  Provider,
  ProviderConnection,
} from '@countersign/provider-kit';
import type postgres from 'postgres';
import { afterAll, beforeAll, describe } from 'vitest';
import { createPostgresProvider } from '../../src/index.ts';
import {
  asSuperuser,
  connectAs,
  type ServerSource,
  serverSources,
  type TestServer,
} from './server.ts';

const BROKER_TAG = 'testtag1';
export const ROOT_PASSWORD = 'root-of-the-target-3f9c';
/** What Countersign's own database would answer. */
export const BROKER_SYSTEM_IDENTIFIER = '7000000000000000001';

export interface Fixture {
  readonly server: TestServer;
  readonly provider: Provider;
  readonly issuer: Issuer;
  readonly connection: ProviderConnection;
  /** A superuser in the target database: what humans and accidents do. */
  readonly admin: postgres.Sql;
  issue(rights: readonly LeaseRight[], order?: Partial<LeaseOrder>): Promise<Lease>;
  /** A session in the target database, closed with the fixture. */
  session(login: { username: string; password: string; database?: string }): postgres.Sql;
}

export interface Lease {
  readonly id: string;
  readonly role: string;
  readonly issued: IssuedCredential;
  /** A new session of the agent. */
  open(database?: string): postgres.Sql;
}

const SCHEMA = `
  CREATE SCHEMA sales;
  CREATE TABLE sales.booking (id serial PRIMARY KEY, guest text, card text);
  CREATE TABLE sales.room (id bigint GENERATED ALWAYS AS IDENTITY, name text);
  INSERT INTO sales.booking (guest, card) VALUES ('ann', '4111'), ('bob', '4222');
  INSERT INTO sales.room (name) VALUES ('blue');
`;

type Body = (fixture: () => Fixture, name: string) => void;

/**
 * Declares `body` for the oldest and the newest server there is; for all between them too in the long
 * form. What differs from version to version is held to all of them: see `onEveryServer`.
 */
export async function onEachServer(
  title: string,
  body: Body,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const all = await serverSources();
  const ends = all.filter((_, at) => at === 0 || at === all.length - 1);
  declare(title, body, settings, process.env['COUNTERSIGN_TEST_LONG'] === '1' ? all : ends);
}

/** Declares `body` once for each server there is. */
export async function onEveryServer(title: string, body: Body): Promise<void> {
  declare(title, body, {}, await serverSources());
}

function declare(
  title: string,
  body: Body,
  settings: Readonly<Record<string, string>>,
  sources: readonly ServerSource[],
): void {
  for (const source of sources) {
    describe(`${title}, ${source.name}`, () => {
      let begun: { readonly fixture: Fixture; end(): Promise<void> } | undefined;
      beforeAll(async () => {
        begun = await prepare(await source.start(settings));
      });
      afterAll(() => begun?.end());
      body(() => {
        if (begun === undefined) throw new Error('the server did not start');
        return begun.fixture;
      }, source.name);
    });
  }
}

/** A target database on this server, made anew. */
export async function prepare(
  server: TestServer,
): Promise<{ readonly fixture: Fixture; end(): Promise<void> }> {
  const root = asSuperuser(server);
  await root.unsafe(`
    CREATE ROLE app_owner NOLOGIN;
    CREATE ROLE broker LOGIN CREATEROLE PASSWORD '${ROOT_PASSWORD}';
    GRANT app_owner TO broker`);
  for (const database of ['app', 'other']) {
    await root.unsafe(`CREATE DATABASE ${database} OWNER app_owner`);
    await root.unsafe(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
  }
  for (const database of ['postgres', 'template1']) {
    await root.unsafe(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
  }
  await root.end();
  const admin = asSuperuser(server, 'app');
  await admin.unsafe(`SET ROLE app_owner; ${SCHEMA}; RESET ROLE`);
  const provider = createPostgresProvider({
    clock: { now: () => Date.now() },
    random: { bytes: (length) => randomBytes(length) },
    brokerSystemIdentifier: async () => BROKER_SYSTEM_IDENTIFIER,
  });
  const { issuer } = provider;
  if (issuer === undefined) throw new Error('PostgreSQL is an issuer');
  const credential = new Secret('root', ROOT_PASSWORD);
  const { config } = await provider.resolveConfig(
    {
      host: server.host,
      port: server.port,
      database: 'app',
      username: 'broker',
      sslmode: 'disable',
    },
    credential,
  );
  const connection = { id: randomUUID(), brokerTag: BROKER_TAG, config, credential };
  const sessions: postgres.Sql[] = [];
  const session: Fixture['session'] = ({ database = 'app', ...login }) => {
    const sql = connectAs(server, { ...login, database });
    sessions.push(sql);
    return sql;
  };
  const fixture: Fixture = {
    server,
    provider,
    issuer,
    connection,
    admin,
    session,
    issue: async (rights, order = {}) => {
      const id = order.leaseId ?? randomUUID();
      const issued = await issuer.issue(connection, orderOf(id, rights, order));
      const role = String(issued.credential['username']);
      const password = issued.primary.reveal();
      return {
        id,
        role,
        issued,
        open: (database = 'app') => session({ username: role, password, database }),
      };
    },
  };
  return {
    fixture,
    end: async () => {
      await Promise.all(sessions.map((sql) => sql.end({ timeout: 1 })));
      await provider.close();
      await admin.end({ timeout: 1 });
      await server.stop();
    },
  };
}

export function orderOf(
  leaseId: string,
  rights: readonly LeaseRight[],
  order: Partial<LeaseOrder> = {},
): LeaseOrder {
  return {
    leaseId,
    rights,
    expiresAt: Date.now() + 300_000,
    maxConnections: 5,
    acceptedEscapes: [],
    requireStart: () => undefined,
    ...order,
  };
}

/** A right as the broker orders it: what deletes is delete-capable. */
export function right(operation: string, resource: string, deleteCapable = false): LeaseRight {
  const name = `postgres:${operation}`;
  const destroys = operation === 'delete' || operation === 'truncate';
  return { operation: name, resource, deleteCapable: deleteCapable || destroys };
}

/** The SQLSTATE (or the driver's code) a statement failed with; `ok` when it did not. */
export async function codeOf(statement: Promise<unknown>): Promise<string> {
  return await statement.then(
    () => 'ok',
    (error: unknown) =>
      typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'none',
  );
}
