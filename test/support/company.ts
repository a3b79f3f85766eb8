/**
 * A company at its terminals: the real server and both databases under one calendar, and a shell for each
 * machine with a home of its own. All of them stand in one directory, as one desk that papers are passed over.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrokerProcess, freePort, ROOT, startBroker } from './broker-process.ts';
import { type Calendar, openCalendar } from './calendar.ts';
import { startDatabases } from './clusters.ts';
import { openShell, type Shell } from './shell.ts';
import { filledIn, firstMissing, type Later, type Typed } from './transcript.ts';

const PASSPHRASE = 'a passphrase nobody prints';
/** Milliseconds for which what only looks is looked at again: a server notices a time within a second. */
const PATIENCE = 30_000;
const LOOKS = /^countersign (pending|freezes|\w+ (list|show|log)|\w+ \w+ list)\b/;
/** A server that slept through weeks refuses until its next round has made a token key. Nothing was done. */
const ASLEEP = '(broker_unavailable)';
/** Terminals are that wide. What is there to be copied may be wider, and so may what other programs print. */
const WIDTH = 80;
/** The one variable that a page changes between two starts. */
const SERVE = /^(?:COUNTERSIGN_MIRROR=(\S+) )?countersign serve$/;
const OWN_WORDS = /^countersign (?!serve|exec|.*--json)/;

export interface Company {
  /** @throws Error saying what was printed instead, and on which line of the page that stands */
  step(step: Typed | Later): Promise<void>;
  close(): Promise<void>;
}

type Environment = Record<string, string>;

/** Where everything is, and what every machine's environment begins with. */
interface Premises {
  readonly desk: string;
  readonly homes: string;
  readonly common: Environment;
  /** Of the broker's machine. */
  readonly serving: Environment;
  /** Of whoever administers the databases that agents use. */
  readonly administering: Environment;
  readonly port: number;
}

type Undo = (() => Promise<unknown>)[];

export async function openCompany(): Promise<Company> {
  const undo: Undo = [];
  const close = async (): Promise<void> => {
    for (const back of undo.splice(0).reverse()) await back();
  };
  try {
    const calendar = await openCalendar();
    undo.push(() => calendar.remove());
    const premises = await moveIn(calendar, undo);
    const type = typingIn(premises, undo);
    const learned = new Map([['port', premises.administering['PGPORT'] ?? '']]);
    return {
      step: (step) =>
        step.kind === 'later' ? calendar.later(step.seconds) : typed(step, type, learned),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function moveIn(calendar: Calendar, undo: Undo): Promise<Premises> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-company-'));
  undo.push(() => rm(directory, { recursive: true, force: true }));
  const { playground, database } = await startDatabases(directory, undo, {
    durability: 'none',
    environment: calendar.postgres,
  });
  const desk = join(directory, 'desk');
  const homes = join(directory, 'homes');
  const bin = join(directory, 'bin');
  const server = join(directory, 'server');
  for (const made of [desk, homes, bin, server]) await mkdir(made);
  for (const { name, config_file, secret_file } of playground.connections) {
    await copyFile(config_file, join(desk, `${name}.json`));
    await copyFile(secret_file, join(desk, 'root-password'));
  }
  await withPsql(bin);
  const kek = join(directory, 'kek');
  await writeFile(kek, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const port = await freePort();
  const common = {
    PATH: `${bin}:${join(ROOT, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
    LANG: 'C.UTF-8',
    ...calendar.node,
  };
  const { postgres } = playground;
  return {
    desk,
    homes,
    common,
    port,
    serving: {
      ...common,
      PORT: String(port),
      DATABASE_URL: database.url().reveal(),
      COUNTERSIGN_DATA_DIR: server,
      COUNTERSIGN_KEK_FILE: kek,
    },
    administering: {
      ...common,
      PGHOST: postgres.host,
      PGPORT: String(postgres.port),
      PGUSER: postgres.username,
      PGPASSWORD: postgres.password.reveal(),
      PGDATABASE: 'postgres',
    },
  };
}

type Typing = (terminal: string, command: string) => Promise<{ output: string; exit: number }>;

/** `countersign serve` goes on beside what is typed after it; everything else is a line in that machine's shell. */
function typingIn(premises: Premises, undo: Undo): Typing {
  let broker: BrokerProcess | null = null;
  undo.push(async () => await broker?.stop());
  const shells = new Map<string, Shell>();
  undo.push(async () => {
    for (const shell of shells.values()) await shell.close();
  });
  return async (terminal, command) => {
    const serve = SERVE.exec(command);
    if (serve !== null) {
      const { port, desk } = premises;
      const serving = { ...premises.serving, ...mirrorOf(serve[1], desk) };
      await broker?.stop();
      broker = await startBroker({
        dataDir: serving['COUNTERSIGN_DATA_DIR'] ?? '',
        port,
        env: serving,
      });
      return { output: broker.output(), exit: 0 };
    }
    const present = shells.get(terminal);
    if (present !== undefined) return await present.run(command);
    const shell = openShell({ cwd: premises.desk, env: await environmentOf(premises, terminal) });
    shells.set(terminal, shell);
    return await shell.run(command);
  };
}

/** A directory on the desk, where the page can look into it. */
function mirrorOf(directory: string | undefined, desk: string): Environment {
  return directory === undefined ? {} : { COUNTERSIGN_MIRROR: join(desk, directory) };
}

/** Who administers the server or the target has that machine's environment, everybody else a profile. */
async function environmentOf(premises: Premises, terminal: string): Promise<Environment> {
  const HOME = join(premises.homes, terminal);
  await mkdir(HOME, { mode: 0o700 });
  if (terminal === 'server') return { ...premises.serving, HOME };
  if (terminal === 'dba') return { ...premises.administering, HOME };
  const passphrase = join(HOME, 'passphrase');
  await writeFile(passphrase, `${PASSPHRASE}\n`, { mode: 0o600 });
  return {
    ...premises.common,
    HOME,
    COUNTERSIGN_SERVER: `http://localhost:${premises.port}`,
    COUNTERSIGN_HOME: join(HOME, '.config', 'countersign'),
    COUNTERSIGN_PASSPHRASE_FILE: passphrase,
  };
}

async function typed(step: Typed, type: Typing, learned: Map<string, string>): Promise<void> {
  const command = filledIn(step.command, learned);
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const { output, exit } = await type(step.terminal, command);
    const missing = firstMissing(step.shows, output, learned);
    const wide = OWN_WORDS.test(command) ? tooWide(output) : null;
    if (exit === step.exit && missing === null && wide === null) return;
    const mayPass = LOOKS.test(command) || output.includes(ASLEEP);
    if (mayPass && Date.now() < deadline) continue;
    throw new Error(
      [
        `line ${step.line}: ${step.terminal}$ ${command}`,
        `exit ${exit}, expected ${step.exit}`,
        ...(missing === null ? [] : [`not printed: ${missing}`]),
        ...(wide === null ? [] : [`wider than ${WIDTH} columns: ${wide}`]),
        output,
      ].join('\n'),
    );
  }
}

function tooWide(output: string): string | null {
  const lines = output.split('\n').filter((line) => !line.startsWith('next: '));
  return lines.find((line) => [...line].length > WIDTH) ?? null;
}

/** psql as installed; where there is none, the same words by another real client. */
async function withPsql(bin: string): Promise<void> {
  try {
    execFileSync('psql', ['--version'], { stdio: 'ignore' });
  } catch {
    await symlink(join(ROOT, 'test/support/psql.mjs'), join(bin, 'psql'));
  }
}
