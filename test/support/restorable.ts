/**
 * A deployment with a mirror in a directory, whose own database is backed up and restored as an operator does
 * it: by a copy of the whole database. Each test begins with a pristine one of both.
 */
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { besides } from './besides.ts';
import type { BrokerProcess } from './broker-process.ts';
import { type Deployment, deploy, grantDraft } from './deployment.ts';
import { type Person, personOf } from './people.ts';

export interface Restorable {
  readonly deployment: Deployment;
  /** The mirror's directory. */
  readonly mirror: string;
  /** The server that runs; null between two of them. */
  readonly broker: BrokerProcess | null;
  /** In the place of the one that stopped. */
  start(env?: Readonly<Record<string, string>>): Promise<BrokerProcess>;
  stop(): Promise<void>;
  /** Stops the server, keeps a copy of its database, and starts it again. */
  backUp(): Promise<void>;
  /** Stops the server and puts the copy back. */
  restore(): Promise<void>;
  /** The database is empty. The server is stopped. */
  wipe(): Promise<void>;
  /** Database and mirror as they were at the beginning, and no server. */
  reset(): Promise<void>;
  /** A session of the present server. */
  signIn(person: Person): Promise<Person>;
  /** Sessions of alice and bob. */
  signInBoth(): Promise<[Person, Person]>;
  /** `ready`, or why it is not: of the present server, unless told otherwise. */
  whatIsServed(url?: string): Promise<string>;
  /** Lines of the mirror, the oldest first. */
  lines(): Promise<string[]>;
  /** The folder of the latest line. */
  folder(): Promise<string>;
  end(): Promise<void>;
}

const Readiness = z.object({ reason: z.string().default('ready') });

/** What is granted to begin with: reads of a table that nothing was granted on yet, but for what `draft` says. */
export async function granted(by: Person, draft: Partial<Parameters<typeof grantDraft>[0]> = {}) {
  const grant = { operations: ['postgres:select'], resources: ['public.vehicles'], ...draft };
  return await by.propose(grantDraft(grant));
}

export async function deployRestorable(): Promise<Restorable> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-restored-'));
  const mirror = join(directory, 'mirror');
  const pristine = join(directory, 'pristine');
  await mkdir(mirror, { mode: 0o700 });
  const deployment = await deploy({
    env: { COUNTERSIGN_LOG_LEVEL: 'warn', COUNTERSIGN_MIRROR: mirror },
  });
  await deployment.grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
  await deployment.broker.stop();
  await besides(deployment, 'alter database countersign rename to untouched');
  await cp(mirror, pristine, { recursive: true });
  let broker: BrokerProcess | null = null;

  async function stop(): Promise<void> {
    await broker?.stop();
    broker = null;
  }

  async function start(env: Readonly<Record<string, string>> = {}): Promise<BrokerProcess> {
    broker = await deployment.anotherServer({ port: deployment.broker.port, env });
    return broker;
  }

  const signIn = (person: Person): Promise<Person> =>
    personOf(deployment.broker.url, person.name, person);

  async function lines(): Promise<string[]> {
    return (await readdir(join(mirror, 'line'))).toSorted();
  }

  async function put(copy: string): Promise<void> {
    await besides(deployment, 'drop database if exists countersign with (force)');
    await besides(deployment, `create database countersign template ${copy}`);
  }

  return {
    deployment,
    mirror,
    get broker() {
      return broker;
    },
    start,
    stop,
    async backUp() {
      await stop();
      await besides(deployment, 'drop database if exists backup');
      await besides(deployment, 'create database backup template countersign');
      await start();
    },
    async restore() {
      await stop();
      await put('backup');
    },
    async wipe() {
      await stop();
      await put('template0');
    },
    async reset() {
      await stop();
      await put('untouched');
      await rm(mirror, { recursive: true });
      await cp(pristine, mirror, { recursive: true });
    },
    signIn,
    signInBoth: async () => [await signIn(deployment.alice), await signIn(deployment.bob)],
    async whatIsServed(url = deployment.broker.url) {
      const answer = await fetch(`${url}/readyz`);
      return Readiness.parse(await answer.json()).reason;
    },
    lines,
    folder: async () => join(mirror, (await lines()).at(-1) ?? ''),
    async end() {
      await stop();
      await deployment.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
