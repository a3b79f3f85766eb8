/**
 * The attacker's goal, tried at one server: a delete-capable right that present honest authority does
 * not give. Every agent, every grant and every environment is asked by name, what is half signed is
 * completed with what one human can make, and what was given is used once more than it may be.
 */
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createAgent, createClient, ProblemError } from '@countersign/client';
import { createLogger, readConfig, start } from '@countersign/server';
import { type VerifyOptions, verifyExport } from '@countersign/verify';
import { freePort } from '../../support/broker-process.ts';
import { knock, type Person, personAt } from '../../support/people.ts';
import { openSession } from '../../support/session.ts';
import { GRANTS, HONEST, type Scene, TABLES } from './scene.ts';

export interface Server {
  readonly url: string;
  /** What it logged as a warning or worse. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

/** In this process, on one of the scene's databases. @throws what the start says when it refuses */
export async function openServer(scene: Scene, database: string): Promise<Server> {
  const { broker, dataDir, databaseUrl } = scene.deployment;
  const url = new URL(databaseUrl.reveal());
  url.pathname = `/${database}`;
  const config = readConfig({
    PORT: String(await freePort()),
    COUNTERSIGN_ISSUER: broker.url,
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_KEK_FILE: join(dataDir, 'kek'),
    DATABASE_URL: url.href,
  });
  const log: string[] = [];
  const lines = {
    write(line: string) {
      log.push(line);
    },
  };
  const running = await start(config, createLogger('warn', lines));
  return { url: running.url, log, stop: () => running.stop() };
}

/** What was gained, in words; and what the server said instead. */
export interface Attempted {
  readonly gained: readonly string[];
  /** Codes of refusals. */
  readonly refusals: ReadonlySet<string>;
  /** Delete-capable leases within honest authority. */
  readonly honestLeases: number;
}

export async function tryToGain(scene: Scene, server: Server): Promise<Attempted> {
  const gained: string[] = [];
  const refusals = new Set<string>();
  let honestLeases = 0;
  const refusalOf = (error: unknown): null => {
    if (!(error instanceof ProblemError)) throw error;
    refusals.add(error.code);
    return null;
  };
  const client = createClient({ server: server.url, issuer: scene.deployment.broker.url });
  await Promise.all(
    asks(scene).map(async ({ caller, detail, isHonest, what }) => {
      const agent = createAgent(client, caller);
      const token = await agent.token([detail]).catch(refusalOf);
      if (token === null) return;
      if (!isHonest) gained.push(`a token: ${what}`);
      // Once more than what is left of it.
      for (let use = 0; use <= HONEST.usesLeft; use += 1) {
        const lease = await agent.exchange(token, null).catch(refusalOf);
        if (lease === null) continue;
        if (!isHonest) gained.push(`a lease: ${what}`);
        else honestLeases += 1;
      }
    }),
  );
  gained.push(
    ...(await completeHalfSigned(scene, server, refusals)),
    ...(await knockWithForgedCode(scene, server, refusals)),
    ...(await loginOfSpentLease(scene)),
  );
  return { gained, refusals, honestLeases };
}

/** What each caller asks for: every table and environment by name, and every grant by its id. */
function asks(scene: Scene) {
  const byName = scene.callers.flatMap((caller) => [
    ...TABLES.map((table) => ({ caller, table, environment: 'staging', grant: null })),
    { caller, table: TABLES[0], environment: 'production', grant: null },
  ]);
  const byGrant = GRANTS.flatMap((name) =>
    scene.callers
      .filter((caller) => caller.name === scene.asked[name].agent)
      .map((caller) => {
        const { table } = scene.asked[name];
        return { caller, table, environment: 'staging', grant: scene.grants[name] };
      }),
  );
  const standing = scene.asked[HONEST.grant];
  return [...byName, ...byGrant].map(({ caller, table, environment, grant }) => ({
    caller,
    detail: {
      type: 'countersign' as const,
      connection: `pg-${environment}`,
      environment,
      operations: ['postgres:delete'],
      resources: [table],
      ...(grant === null ? {} : { grant }),
    },
    isHonest:
      caller.name === standing.agent && table === standing.table && environment === 'staging',
    what: `${caller.name} deletes from ${table} in ${environment}`,
  }));
}

async function completeHalfSigned(
  scene: Scene,
  server: Server,
  refusals: Set<string>,
): Promise<string[]> {
  const alice = await signedIn(scene, server).catch((error: unknown) => {
    if (!(error instanceof ProblemError)) throw error;
    refusals.add(error.code);
    return null;
  });
  if (alice === null) return [];
  const answers = await Promise.all(
    scene.signaturesAtHand.map(async ({ by, signature }) => {
      try {
        const { status } = await alice.client.call('sign', {
          params: { id: scene.grants['half-signed'] },
          body: { signature },
        });
        return status === 'complete' ? [`the half-signed grant completed by ${by}`] : [];
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
        refusals.add(error.code);
        return [];
      }
    }),
  );
  return answers.flat();
}

/** A code that nobody handed out, whose hash the attacker may have written. */
async function knockWithForgedCode(
  scene: Scene,
  server: Server,
  refusals: Set<string>,
): Promise<string[]> {
  try {
    await knock(server.url, scene.forgedCode, 'mallory');
    return ['an invitation written by hand let somebody knock'];
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    refusals.add(error.code);
    return [];
  }
}

/** However its lease's row reads by now, its login is gone at the target. */
async function loginOfSpentLease(scene: Scene): Promise<string[]> {
  try {
    await (await openSession(scene.spent)).end();
    return ['a login by a lease that was given back'];
  } catch {
    return [];
  }
}

async function signedIn(scene: Scene, server: Server): Promise<Person> {
  const { alice, broker } = scene.deployment;
  return await personAt(server.url, broker.url, 'alice', alice);
}

/** `countersign audit verify` by a person: without memory, and with what a profile remembers. */
export async function audit(scene: Scene, server: Server): Promise<Audited> {
  try {
    const alice = await signedIn(scene, server);
    const lines: string[] = [];
    for await (const line of alice.client.exportLines({ authority: false })) lines.push(line);
    const named = async (options: VerifyOptions) =>
      (await verifyExport(Readable.from(lines), options)).finding?.reason ?? null;
    return { names: await named({}), remembers: await named({ seen: [scene.seen] }) };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return { names: null, remembers: null };
  }
}

export interface Audited {
  /** The first fault; null when there is none, or nobody is let in to look. */
  readonly names: string | null;
  /** The same, for somebody who saw an earlier tree. */
  readonly remembers: string | null;
}
