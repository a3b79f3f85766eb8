/**
 * Law 4 under load: clients on three replicas issue, exchange, revoke, grant anew, freeze and unfreeze at
 * random. What they were told must have an order that explains it, and the ledger must hold no decision
 * behind the statement that ended what it rests on. Open sessions are cut, and how fast is printed.
 */
import { type Agent, createAgent, createClient, ProblemError } from '@countersign/client';
import { ExportLine } from '@countersign/contract';
import type { Secret } from '@countersign/core';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { type Person, personAt } from '../support/people.ts';
import {
  type Asked,
  contradictions,
  type Held,
  lateDecisions,
  type Recorded,
  type Span,
  UNAVAILABLE,
  unrecorded,
} from './history.ts';

const IS_LONG = process.env['COUNTERSIGN_TEST_LONG'] === '1';
/** Milliseconds of load. */
const LOAD = IS_LONG ? 180_000 : 12_000;
const REPLICAS = 3;
const AGENTS = 4;
const WORKERS = 12;
/** Clients that hold a database session open until it is cut. */
const SITTERS = 4;
const OPERATIONS = ['postgres:select'];
const RESOURCES = ['public.bookings'];

let deployment: Deployment;

beforeAll(async () => {
  deployment = await deploy({
    replicas: REPLICAS,
    env: { COUNTERSIGN_LOG_LEVEL: 'warn', COUNTERSIGN_AGENT_RATE: '100000' },
  });
});
afterAll(async () => {
  await deployment.stop();
});

/** A grant or a freeze while it is being recorded. */
interface Register extends Held {
  ended: Span | null;
}

/** A database session that ended without its holder's doing. */
interface Session {
  readonly agent: string;
  readonly grants: readonly string[];
  readonly cut: number;
}

interface Cut {
  /** Milliseconds from the call, and from the answer, of what ended it until the session was gone. */
  readonly fromCall: number;
  readonly fromAnswer: number;
}

/** What happened, as the callers saw it, and a way to wait until more of it has. */
class Tape {
  readonly grants: Register[] = [];
  readonly freezes: Register[] = [];
  readonly asked: Asked[] = [];
  readonly sessions: Session[] = [];
  #isFinished = false;
  #waiting: { readonly count: number; readonly go: () => void }[] = [];

  answered(one: Asked): void {
    this.asked.push(one);
    const ready = this.#waiting.filter(({ count }) => count <= this.asked.length);
    this.#waiting = this.#waiting.filter((each) => !ready.includes(each));
    for (const { go } of ready) go();
  }

  /** Resolves when the workers got so many more answers, however fast this machine is. */
  async more(answers: number): Promise<void> {
    if (this.#isFinished) return;
    await new Promise<void>((go) => {
      this.#waiting.push({ count: this.asked.length + answers, go });
    });
  }

  /** Lets everybody go who still waits, or would. */
  finish(): void {
    this.#isFinished = true;
    for (const { go } of this.#waiting.splice(0)) go();
  }
}

/** One agent with a client at each replica, and the grant that stands for it now. */
interface Player {
  readonly id: string;
  readonly name: string;
  readonly at: readonly Agent[];
  grant: Register | null;
}

test('no answer contradicts what was acknowledged, and no decision stands behind its revocation', {
  timeout: LOAD * 2 + 120_000,
}, async () => {
  const tape = new Tape();
  const players = await Promise.all(Array.from({ length: AGENTS }, (_, n) => enter(n, tape)));
  const until = performance.now() + LOAD;
  // A busy machine goes on until enough has happened: a quiet run would prove nothing.
  const enough = (): boolean =>
    tape.grants.length + tape.freezes.length > AGENTS * 3 &&
    tape.sessions.length > 0 &&
    tape.asked.filter(({ code }) => code === null).length > 20;
  const goesOn = (): boolean => performance.now() < until || !enough();
  const working = Array.from({ length: WORKERS }, (_, n) => work(players, n, tape, goesOn));
  const governing = players.map((player, n) => govern(player, n, tape, goesOn));
  const sitting = Array.from({ length: SITTERS }, (_, n) => sit(players, n, tape, goesOn));
  await Promise.all(working);
  tape.finish();
  await Promise.all([...governing, ...sitting]);

  const entries = await ledger();
  expect(contradictions(tape), reasonsGiven()).toEqual([]);
  expect(lateDecisions(entries)).toEqual([]);
  expect(unrecorded(tape, entries)).toEqual([]);
  const cuts = cutsOf(tape);
  process.stderr.write(`${report(tape, cuts, entries.length)}\n`);
});

async function enter(n: number, tape: Tape): Promise<Player> {
  const { replicas, broker, alice } = deployment;
  const { id, name, key } = await deployment.registerAgent(`player-${n}`);
  const at = replicas.map(({ url }) =>
    createAgent(createClient({ server: url, issuer: broker.url }), { name, key }),
  );
  const player: Player = { id, name, at, grant: null };
  await grantAnew(player, alice, tape);
  return player;
}

async function timed<T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly span: Span }> {
  const called = performance.now();
  const value = await work();
  return { value, span: { called, answered: performance.now() } };
}

async function grantAnew(player: Player, by: Pick<Person, 'propose'>, tape: Tape): Promise<void> {
  const draft = grantDraft({
    agent: player.name,
    operations: OPERATIONS,
    resources: RESOURCES,
    ttl: 600,
  });
  const { value, span } = await timed(() => by.propose(draft));
  player.grant = { agent: player.id, id: value.id, begun: span, ended: null };
  tape.grants.push(player.grant);
}

/** One governor for each agent: revokes and grants anew, or freezes and unfreezes, at any replica. */
async function govern(player: Player, n: number, tape: Tape, goesOn: () => boolean): Promise<void> {
  const { replicas, broker, alice } = deployment;
  const governors = await Promise.all(
    replicas.map(({ url }) => personAt(url, broker.url, alice.name, alice)),
  );
  for (let turn = n; goesOn(); turn += 1) {
    await tape.more(WORKERS);
    const governor = governors[turn % governors.length] ?? alice;
    if (turn % 3 === 0) await stopAndGo(player, governor, tape);
    else await revokeAndGrant(player, governor, tape);
  }
}

async function revokeAndGrant(
  player: Player,
  by: Pick<Person, 'propose'>,
  tape: Tape,
): Promise<void> {
  const { grant } = player;
  if (grant === null) throw new Error('a player has a grant');
  const revoke = { grant: grant.id, reason: 'a test of order' };
  const called = performance.now();
  // Open from its call on: until it is answered nobody can know whether it has happened.
  grant.ended = { called, answered: Number.POSITIVE_INFINITY };
  await by.propose({ kind: 'grant.revoke', body: revoke });
  grant.ended = { called, answered: performance.now() };
  await grantAnew(player, by, tape);
}

async function stopAndGo(player: Player, by: Pick<Person, 'propose'>, tape: Tape): Promise<void> {
  const target = { kind: 'agent' as const, id: player.id };
  const { value, span } = await timed(() =>
    by.propose({ kind: 'freeze', body: { target, reason: 'a test of order' } }),
  );
  const freeze: Register = { agent: player.id, id: value.id, begun: span, ended: null };
  tape.freezes.push(freeze);
  await tape.more(WORKERS);
  const lifted = await timed(() =>
    by.propose({ kind: 'unfreeze', body: { freeze: freeze.id, reason: 'a test of order' } }),
  );
  freeze.ended = lifted.span;
}

/** Asks for tokens and exchanges them, new and old ones, as any agent at any replica. */
async function work(
  players: readonly Player[],
  n: number,
  tape: Tape,
  goesOn: () => boolean,
): Promise<void> {
  for (let turn = n; goesOn(); turn += 1) {
    const player = players[turn % players.length];
    const agent = player?.at[Math.floor(turn / players.length) % REPLICAS];
    const other = player?.at[(turn + 1) % REPLICAS];
    if (player === undefined || agent === undefined || other === undefined) continue;
    const token = await ask(tape, player, 'issue', null, () =>
      agent.token(details(OPERATIONS, RESOURCES)),
    );
    if (token === null) continue;
    // At another replica than it came from, and once more when the world has moved on.
    const grants = claimsOf(token.token).grants;
    for (const at of [other, agent]) {
      const credential = await ask(tape, player, 'exchange', grants, () =>
        at.exchange(token, null),
      );
      if (credential !== null) await at.giveBack(credential.leaseId).catch(ignoreRefusal);
    }
  }
}

async function ask<T extends { readonly token: Secret } | { readonly leaseId: string }>(
  tape: Tape,
  player: Player,
  what: Asked['what'],
  grants: Asked['grants'],
  work: () => Promise<T>,
): Promise<T | null> {
  const called = performance.now();
  const record = (code: string | null, made: string | null): void =>
    tape.answered({
      agent: player.id,
      what,
      grants,
      called,
      answered: performance.now(),
      code,
      made,
    });
  try {
    const value = await work();
    record(null, 'leaseId' in value ? value.leaseId : claimsOf(value.token).jti);
    return value;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    record(error.code, null);
    return null;
  }
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ProblemError)) throw error;
}

function claimsOf(token: Secret): { readonly jti: string; readonly grants: readonly string[] } {
  const [, claims = ''] = token.reveal().split('.');
  return JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'));
}

/** Holds a session open until it is cut, and notes how long that took. */
async function sit(
  players: readonly Player[],
  n: number,
  tape: Tape,
  goesOn: () => boolean,
): Promise<void> {
  const player = players[n % players.length];
  const agent = player?.at[n % REPLICAS];
  if (player === undefined || agent === undefined) return;
  while (goesOn()) {
    const token = await ask(tape, player, 'issue', null, () =>
      agent.token(details(OPERATIONS, RESOURCES)),
    );
    const grants = token === null ? [] : claimsOf(token.token).grants;
    const held =
      token === null
        ? null
        : await ask(tape, player, 'exchange', grants, () => agent.exchange(token, null));
    if (held === null) continue;
    const cut = await untilCut(held.reveal(), goesOn);
    if (cut === null) continue;
    tape.sessions.push({ agent: player.id, grants, cut });
  }
}

/** When the session ended by itself; null when the run ended first, or before it had begun. */
async function untilCut(
  credential: Readonly<Record<string, string | number | boolean>>,
  goesOn: () => boolean,
): Promise<number | null> {
  const { host, port, database, username, password } = credential;
  const client = new pg.Client({
    host: String(host),
    port: Number(port),
    database: String(database),
    user: String(username),
    password: String(password),
  });
  const gone = new Promise<number>((resolve) => {
    client.on('error', () => undefined);
    client.on('end', () => resolve(performance.now()));
  });
  try {
    await client.connect();
  } catch {
    // Revoked before it was used.
    return null;
  }
  const ended = new Promise<null>((resolve) => {
    const timer = setInterval(() => {
      if (goesOn()) return;
      clearInterval(timer);
      resolve(null);
    }, 250);
    timer.unref();
  });
  const cut = await Promise.race([gone, ended]);
  await client.end().catch(() => undefined);
  return cut;
}

/** Each cut session with what ended it: the latest revoke or freeze that was called before. */
function cutsOf(tape: Tape): Cut[] {
  return tape.sessions.map(({ agent, grants, cut }) => {
    const revokes = tape.grants.filter(({ id }) => grants.includes(id)).map(({ ended }) => ended);
    const freezes = tape.freezes.filter((freeze) => freeze.agent === agent);
    const ending = [...revokes, ...freezes.map(({ begun }) => begun)]
      .filter((span) => span !== null)
      .filter(({ called }) => called <= cut)
      .sort((a, b) => b.called - a.called)[0];
    if (ending === undefined) throw new Error('a session was cut, and nothing had ended');
    return { fromCall: cut - ending.called, fromAnswer: cut - ending.answered };
  });
}

async function ledger(): Promise<Recorded[]> {
  const entries: Recorded[] = [];
  for await (const line of deployment.alice.client.exportLines({ authority: false })) {
    const parsed = ExportLine.safeParse(JSON.parse(line));
    if (!parsed.success || !('entry' in parsed.data)) continue;
    const { index, entry } = parsed.data;
    // The export's shape leaves an entry open; the verifier of another test has checked it.
    entries.push({ index, ...(entry as Omit<Recorded, 'index'>) });
  }
  return entries;
}

/** Why servers refused what they did; a denial itself says it to no agent. */
function reasonsGiven(): string {
  const lines = deployment.replicas.flatMap((replica) => replica.output().split('\n'));
  return lines.filter((line) => line.includes('no lease was issued')).join('\n');
}

function report(tape: Tape, cuts: readonly Cut[], entries: number): string {
  const at = (share: number, pick: (cut: Cut) => number): string => {
    const sorted = cuts.map(pick).sort((a, b) => a - b);
    return (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(0);
  };
  const count = (which: (code: string | null) => boolean): number =>
    tape.asked.filter(({ code }) => which(code)).length;
  const allowed = count((code) => code === null);
  const unavailable = count((code) => code !== null && UNAVAILABLE.has(code));
  return [
    `${tape.asked.length} operations on ${REPLICAS} replicas: ${allowed} allowed, ${tape.asked.length - allowed - unavailable} denied, ${unavailable} without an answer`,
    `${tape.grants.length} grants, ${tape.freezes.length} freezes, ${entries} entries; decisions late: 0`,
    `${cuts.length} sessions cut; ms from the call p50 ${at(0.5, (cut) => cut.fromCall)}, p99 ${at(0.99, (cut) => cut.fromCall)}; from the answer p50 ${at(0.5, (cut) => cut.fromAnswer)}, p99 ${at(0.99, (cut) => cut.fromAnswer)}`,
  ].join('\n');
}
