/**
 * One key-encryption key takes the place of another while every server runs. Each step leaves a state
 * from which running it again finishes: a key is in the file before anything is under it, and leaves the
 * file only when nothing is.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { CountersignError } from '@countersign/core';
import type { Keks } from '@countersign/store';
import { type KekBytes, newKek } from './kek.ts';

/** The file of key-encryption keys, oldest first. */
interface KekFile {
  read(): readonly KekBytes[];
  /** On the disk when it returns, whole or not at all. */
  replace(keys: readonly KekBytes[]): void;
}

export interface KekRotation {
  /** planned: nothing was changed. waiting: some server does not hold the next key; run it again. */
  readonly state: 'done' | 'waiting' | 'planned';
  /** Id of the key that goes; null when there is none yet to go to. */
  readonly from: string;
  readonly to: string | null;
  /** Rows that carry a mark of a key; made anew, once it is done. */
  readonly rows: number;
  /** Rows that no key in the file made: `table key`. They stay as they are. */
  readonly foreign: readonly string[];
  /** Servers without the next key while waiting; servers that still hold the previous one when done. */
  readonly servers: readonly string[];
}

export interface KekRotationOptions {
  readonly keks: Keks;
  readonly file: KekFile;
  readonly newId: () => string;
  readonly dryRun: boolean;
  /** Go on although some rows open under no key of the file. */
  readonly leaveForeign: boolean;
  /** Milliseconds to wait for servers, at each of the two places where they are waited for. */
  readonly patience: number;
  /** Progress, for the operator. */
  say(text: string): void;
}

/** Milliseconds between two looks at what the servers say. */
const LOOK = 250;

/** @throws CountersignError `conflict` with what to do, `broker_unavailable` */
export async function rotateKek(options: KekRotationOptions): Promise<KekRotation> {
  const rotation = await options.keks.exclusively(() => rotate(options));
  if (rotation === null) throw conflict('Another rotation is running; wait for it to end.');
  return rotation;
}

async function rotate(options: KekRotationOptions): Promise<KekRotation> {
  const { keks, file, dryRun } = options;
  await keks.hold(file.read());
  const { held, present, isEmpty } = await keks.state();
  if (isEmpty) {
    throw conflict('Nothing is under the key yet: the ledger begins with genesis.');
  }
  const at = held.indexOf(present);
  const older = held.slice(0, at);
  const [planned = null, ...more] = held.slice(at + 1);
  if (more.length > 0) {
    throw conflict(
      'The file holds more than one key after the present one. Remove the last lines but one, on every machine alike: nothing is under them.',
    );
  }
  const { under, foreign } = await keks.survey();
  const rows = [...under.values()].reduce((sum, count) => sum + count, 0);
  if (foreign.length > 0 && !options.leaveForeign && older.length === 0) {
    throw conflict(
      `No key in the file made these rows, edited by hand or from elsewhere: ${foreign.join(', ')}. Nothing was changed. Restore them, or leave them behind with --leave-foreign.`,
    );
  }
  const report = { rows, foreign };
  if (dryRun) {
    const from = older[0] ?? present;
    const to = older.length > 0 ? present : planned;
    return { state: 'planned', from, to, ...report, servers: await without(keks, to) };
  }
  if (older.length > 0) {
    options.say('an earlier rotation is finished first');
    return await finish(options, older, present, report);
  }
  const next = planned ?? (await addKey(options));
  const servers = await changeOver(options, present, next);
  if (servers.length > 0) return { state: 'waiting', from: present, to: next, ...report, servers };
  return await finish(options, [present], next, report);
}

/** Before anything is under it, the key is on the disk. @returns its id */
async function addKey({ keks, file, say }: KekRotationOptions): Promise<string> {
  file.replace([...file.read(), newKek()]);
  await keks.hold(file.read());
  const id = (await keks.state()).held.at(-1);
  if (id === undefined) throw conflict('The key file is empty.');
  say(`added key ${id} to the file`);
  return id;
}

/** @returns the servers in the way when patience ends; none: it is changed over */
async function changeOver(
  { keks, newId, patience, say }: KekRotationOptions,
  from: string,
  to: string,
): Promise<readonly string[]> {
  const entry = () => ({ id: newId(), type: 'keys.rotated', body: { key: 'kek', from, to } });
  const until = performance.now() + patience;
  let said = '';
  for (;;) {
    const inTheWay = (await keks.changeOver(to, entry())).map(({ name }) => name);
    if (inTheWay.length === 0) {
      say(`everything is written under ${to} from now on`);
      return [];
    }
    const words = inTheWay.join(', ');
    if (words !== said) say(`waiting for ${words} to hold ${to}`);
    said = words;
    if (performance.now() >= until) return inTheWay;
    await pause(LOOK);
  }
}

/** Nothing is written under the older keys any more: makes the rest anew, looks, and lets them go. */
async function finish(
  options: KekRotationOptions,
  older: readonly string[],
  present: string,
  report: Pick<KekRotation, 'rows' | 'foreign'>,
): Promise<KekRotation> {
  const { keks, file, say, patience } = options;
  const remade = await keks.remake((done) => {
    if (done % 1000 === 0) say(`${done} rows made anew`);
  });
  say(`${remade} rows made anew under ${present}`);
  const isUnder = (id: string | null) => id !== null && older.includes(id);
  const late = await whileAny(patience, async () =>
    (await keks.replicas()).filter(({ under }) => isUnder(under)),
  );
  const { under } = await keks.survey();
  if (late.length > 0 || [...under.keys()].some(isUnder)) {
    throw conflict('Something is still under the previous key. Run it again; the key is kept.');
  }
  const { held } = await keks.state();
  file.replace(file.read().slice(held.indexOf(present)));
  await keks.hold(file.read());
  say(`removed ${older.join(', ')} from the file`);
  const servers = await whileAny(patience, async () =>
    (await keks.replicas()).filter((server) => server.keks.some(isUnder)),
  );
  const [from = present] = older;
  return {
    state: 'done',
    from,
    to: present,
    ...report,
    servers: servers.map(({ name }) => name),
  };
}

async function without(keks: Keks, id: string | null): Promise<readonly string[]> {
  const servers = await keks.replicas();
  return servers
    .filter((server) => id === null || !server.keks.includes(id))
    .map(({ name }) => name);
}

/** What is left when there is none, or when patience ends. */
async function whileAny<T>(ms: number, look: () => Promise<readonly T[]>): Promise<readonly T[]> {
  const until = performance.now() + ms;
  for (;;) {
    const left = await look();
    if (left.length === 0 || performance.now() >= until) return left;
    await pause(LOOK);
  }
}

function conflict(message: string): CountersignError {
  return new CountersignError('conflict', message);
}
