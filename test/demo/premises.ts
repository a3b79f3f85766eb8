/**
 * Everything the demo runs on, in one temporary directory: two Railways in the same state, the real broker with its
 * embedded PostgreSQL, two humans and their agent. All of it is gone once it is closed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBroker } from '../support/broker-process.ts';
import { type AgentRun, runAgent } from './agent-run.ts';
import { type Railway, startRailway } from './railway.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export interface Premises {
  /** Where nothing stands between. */
  readonly before: Railway;
  /** The one behind the broker. */
  readonly behind: Railway;
  /** The agent's script with a token of Railway's. */
  agentAlone(mount: string): Promise<AgentRun>;
  /** The same script as an agent of the broker. */
  agentBehindBroker(company: Company, mount: string): Promise<AgentRun>;
  readonly company: Promise<Company>;
}

/** Behind the broker, once everything is signed that an ordinary day takes. */
export interface Company {
  readonly alice: Terminal;
  readonly bob: Terminal;
  readonly gateway: string;
  readonly keyFile: string;
}

export const AGENT = 'cursor';

/** What was started, and how it is ended again. The latest goes first. */
export class Undo {
  readonly #steps: (() => unknown)[] = [];
  #closed: Promise<void> | null = null;

  /** @throws Error where everything is being ended already; what was just started ends with it */
  add(step: () => unknown): void {
    this.#steps.push(step);
    if (this.#closed !== null) throw new Error('interrupted');
  }

  get isClosing(): boolean {
    return this.#closed !== null;
  }

  close(): Promise<void> {
    this.#closed ??= this.#run();
    return this.#closed;
  }

  async #run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}

export async function openPremises(undo: Undo): Promise<Premises> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-demo-'));
  undo.add(() => rm(directory, { recursive: true, force: true }));
  const [before, behind] = await Promise.all([startRailway(), startRailway()]);
  undo.add(() => before.close());
  undo.add(() => behind.close());
  // While the first scene is watched, the broker of the second is set up.
  const company = openCompany(directory, behind, undo);
  // A broker that is still starting is waited for, so that it ends too.
  undo.add(() => company.catch(() => undefined));
  let runs = 0;
  const agent = async (railway: Railway, env: Readonly<Record<string, string>>) => {
    runs += 1;
    const { rental } = railway;
    const run = await runAgent(join(directory, `agent-${runs}`), rental.tokens.account.secret, {
      RAILWAY_ENVIRONMENT_ID: rental.staging.id,
      ...env,
    });
    // What it would ask is going away already.
    if (undo.isClosing) run.kill();
    undo.add(() => run.kill());
    return run;
  };
  return {
    before,
    behind,
    agentAlone: (mount) =>
      agent(before, {
        RAILWAY_URL: before.url,
        RAILWAY_TOKEN: before.formerToken,
        TASK_MOUNT: mount,
      }),
    agentBehindBroker: ({ gateway, keyFile }, mount) =>
      agent(behind, {
        RAILWAY_URL: gateway,
        COUNTERSIGN_AGENT: AGENT,
        COUNTERSIGN_AGENT_KEY_FILE: keyFile,
        TASK_MOUNT: mount,
      }),
    company,
  };
}

async function openCompany(directory: string, railway: Railway, undo: Undo): Promise<Company> {
  const broker = await startBroker({ dataDir: join(directory, 'broker') });
  undo.add(() => broker.stop());
  const alice = await openTerminal(directory, 'alice', broker.url);
  const bob = await openTerminal(directory, 'bob', broker.url);
  const roles = ['--role', 'admin', '--role', 'approver'];
  await alice.json('genesis', '--name', 'alice', '--code', broker.genesisCode ?? '');
  const { code } = await alice.json('human', 'invite', 'bob', ...roles);
  const joined = await bob.json('human', 'join', String(code), '--name', 'bob');
  await alice.json('sign', String(joined['human']), '--fingerprint', String(joined['fingerprint']));
  await alice.json('env', 'set', 'staging', '--class', 'staging');
  await alice.json('env', 'set', 'production', '--class', 'production');
  await connect(directory, railway, alice, bob);
  const keyFile = join(directory, 'cursor.jwk');
  const publicFile = join(directory, 'cursor.pub.json');
  const key = await alice.json('agent', 'keygen', '--out', keyFile);
  await writeFile(publicFile, JSON.stringify(key));
  await alice.json('agent', 'add', AGENT, '--auth', 'private-key-jwt', '--jwks', publicFile);
  const staging = `environment/${railway.rental.staging.id}`;
  const at = ['--connection', 'railway', '--env', 'staging', '--reason', 'day to day'];
  const what = ['--op', 'railway:environment', '--resource', staging];
  await alice.json('grant', 'propose', '--agent', AGENT, ...at, ...what);
  return { alice, bob, gateway: `${broker.url}/gateway/railway/graphql/v2`, keyFile };
}

/** With the very token that lay in the file: from here on it lies sealed in the broker. */
async function connect(
  directory: string,
  { url, rental }: Railway,
  alice: Terminal,
  bob: Terminal,
): Promise<void> {
  const [config, secret] = [join(directory, 'railway.json'), join(directory, 'railway.token')];
  const mapped = { staging: [rental.staging.id], production: [rental.production.id] };
  const reached = { endpoint: new URL(url).origin, token: 'account', projects: [rental.projectId] };
  await writeFile(config, JSON.stringify({ ...reached, environments: mapped }));
  await writeFile(secret, rental.tokens.account.secret, { mode: 0o600 });
  const files = ['--config', config, '--secret-file', secret];
  const set = await alice.json('connection', 'add', 'railway', '--provider', 'railway', ...files);
  await bob.json('sign', String(set['id']));
}
