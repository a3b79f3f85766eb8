/**
 * Something to try the broker on without risk: a second embedded PostgreSQL with a car rental in
 * staging and production, and a role for the broker that can do what its provider needs and no more.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CountersignError, type Secret } from '@countersign/core';
import postgres from 'postgres';
import { errnoOf } from '../embedded/failure.ts';
import type { Log } from '../embedded/log.ts';
import { passwordIn } from '../embedded/password.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/postgres.ts';
import { BROKER_ROLE, RENTAL_OWNER, type RentalEnvironment, rentalSql } from './rental.ts';

export interface PlaygroundOptions {
  readonly directory: string;
  readonly log: Log;
  readonly durability?: 'full' | 'none';
  /** More variables of PostgreSQL's process, where it is started now. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A connection as `countersign connection add NAME --provider P --config FILE --secret-stdin` takes it. */
export interface PlaygroundConnection {
  readonly name: string;
  readonly provider: 'postgres';
  readonly config: {
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly username: string;
    readonly sslmode: 'disable';
    /** Environment → the provider's own ids, `<host>:<port>/<database>`. */
    readonly environments: Readonly<Record<string, readonly string[]>>;
  };
  /** `config` as JSON. */
  readonly config_file: string;
  /** The password of `config.username`, mode 0600. */
  readonly secret_file: string;
}

export interface Playground {
  readonly connections: readonly PlaygroundConnection[];
  readonly postgres: EmbeddedPostgres;
  /** The superuser's URL of a database, for tests and for looking behind the broker's back. */
  ownerUrl(database: string): Secret;
  /** As `EmbeddedPostgres.stop`. */
  stop(): Promise<void>;
}

const ENVIRONMENTS: readonly RentalEnvironment[] = ['staging', 'production'];
/** The key of the advisory lock under which one process at a time builds (the ASCII of "playgrnd"). */
const BUILD_LOCK = '8100957003787169380';

/**
 * Starts the playground in `directory`, building what is missing. The port is chosen once and kept,
 * since connections name it. Throws `broker_unavailable`.
 */
export async function startPlayground(options: PlaygroundOptions): Promise<Playground> {
  const directory = resolve(options.directory);
  const portFile = join(directory, 'port');
  const kept = await portIn(portFile);
  const server = await startEmbeddedPostgres({
    directory,
    log: options.log,
    database: 'postgres',
    ...(kept === undefined ? {} : { port: kept }),
    ...(options.durability === undefined ? {} : { durability: options.durability }),
    ...(options.environment === undefined ? {} : { environment: options.environment }),
  });
  try {
    await replaceFile(portFile, `${server.port}\n`);
    const secretFile = join(directory, `${BROKER_ROLE}.password`);
    await build(server, await passwordIn(secretFile, 'playground broker password'));
    const connections = ENVIRONMENTS.map((environment) =>
      connectionTo(server, environment, directory, secretFile),
    );
    for (const { config, config_file } of connections) {
      await replaceFile(config_file, `${JSON.stringify(config, null, 2)}\n`);
    }
    return {
      connections,
      postgres: server,
      ownerUrl: (database) => server.url(database),
      stop: () => server.stop(),
    };
  } catch (error) {
    await server.stop();
    if (error instanceof CountersignError) throw error;
    // Without its cause: an error of the driver holds the statement, and one of them a password.
    throw new CountersignError(
      'broker_unavailable',
      `The playground in ${directory} could not be built; read postgres.log there, or start with an empty directory.`,
    );
  }
}

function connectionTo(
  { host, port }: EmbeddedPostgres,
  environment: RentalEnvironment,
  directory: string,
  secretFile: string,
): PlaygroundConnection {
  const database = databaseOf(environment);
  const name = `pg-${environment}`;
  return {
    name,
    provider: 'postgres',
    config: {
      host,
      port,
      database,
      username: BROKER_ROLE,
      sslmode: 'disable',
      environments: { [environment]: [`${host}:${port}/${database}`] },
    },
    config_file: join(directory, `${name}.json`),
    secret_file: secretFile,
  };
}

function databaseOf(environment: RentalEnvironment): string {
  return `rental_${environment}`;
}

/** Idempotent, and safe to be killed anywhere: a database has its name only once it is whole. */
async function build(server: EmbeddedPostgres, password: Secret): Promise<void> {
  const sql = session(server, 'postgres');
  try {
    await sql`select pg_advisory_lock(${BUILD_LOCK}::bigint)`;
    await sql.unsafe(rolesSql(password));
    for (const database of ['postgres', 'template1']) {
      await closeToPublic(server, sql, database);
    }
    for (const environment of ENVIRONMENTS) {
      const database = databaseOf(environment);
      const found = await sql`select from pg_database where datname = ${database}`;
      if (found.length === 0) await buildDatabase(server, sql, environment, database);
    }
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/**
 * CREATEROLE makes the lease's roles. Membership in the owner is what GRANT, REASSIGN OWNED and
 * migrations need, for tables of the future too; it inherits, so the broker must be trusted with
 * these tables. ADMIN lets it lend the owner's rights to the login of one migration; with CREATEROLE it
 * may then change the owner's role too, short of what it has not itself.
 */
function rolesSql(password: Secret): string {
  return `
do $$ begin
  if to_regrole('${RENTAL_OWNER}') is null then
    create role ${RENTAL_OWNER} nologin;
  end if;
  if to_regrole('${BROKER_ROLE}') is null then
    create role ${BROKER_ROLE} login createrole password '${password.reveal()}';
  end if;
end $$;
grant ${RENTAL_OWNER} to ${BROKER_ROLE} with admin true, inherit true, set true;
grant pg_signal_backend to ${BROKER_ROLE} with admin false, inherit true, set false;
`;
}

async function closeToPublic(
  server: EmbeddedPostgres,
  sql: postgres.Sql,
  database: string,
): Promise<void> {
  await sql`revoke all on database ${sql(database)} from public`;
  const inside = session(server, database);
  try {
    await inside`revoke all on schema public from public`;
  } finally {
    await inside.end({ timeout: 5 });
  }
}

async function buildDatabase(
  server: EmbeddedPostgres,
  sql: postgres.Sql,
  environment: RentalEnvironment,
  database: string,
): Promise<void> {
  const draft = `${database}_building`;
  await sql`drop database if exists ${sql(draft)} with (force)`;
  await sql`create database ${sql(draft)} template template0`;
  await sql`revoke all on database ${sql(draft)} from public`;
  await sql`grant connect on database ${sql(draft)} to ${sql(BROKER_ROLE)} with grant option`;
  const inside = session(server, draft);
  try {
    await inside.unsafe(rentalSql(environment));
  } finally {
    await inside.end({ timeout: 5 });
  }
  await sql`alter database ${sql(draft)} rename to ${sql(database)}`;
}

function session(server: EmbeddedPostgres, database: string): postgres.Sql {
  return postgres(server.url(database).reveal(), {
    max: 1,
    max_lifetime: null,
    fetch_types: false,
    onnotice: () => undefined,
  });
}

async function portIn(file: string): Promise<number | undefined> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  throw new CountersignError(
    'broker_unavailable',
    `${file} does not hold a port; write the one that the playground's connections name into it.`,
  );
}

async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.new-${randomBytes(6).toString('hex')}`;
  await writeFile(draft, text, { mode: 0o600, flag: 'wx' });
  await rename(draft, file);
}
