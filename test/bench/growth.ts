/**
 * How the cost of a token grows with what a deployment has become. Each point is taken in turns with the
 * bare limit, so that what is compared is not the machine's mood of the minute.
 */
import { compare, type Turns, warmUp } from './compare.ts';
import type { Options } from './options.ts';
import { openStoreOf, type SeededAgent, seedAgents, seedEntries } from './seed.ts';
import { clientCredentials } from './subjects/bare.ts';
import { type CountersignSubject, startCountersign } from './subjects/countersign.ts';
import type { Subject } from './subjects/subject.ts';

export interface GrowthPoint {
  readonly of: 'agents' | 'entries' | 'replicas';
  readonly count: number;
  /** Tokens a second, and milliseconds, at 8 clients. */
  readonly rate: number;
  readonly p50: number;
  /** Rate beside the bare limit's in the same turns. */
  readonly ofBare: number;
}

const CLIENTS = 8;
const MOST_REPLICAS = 4;

type Turn = Pick<Turns, 'rounds' | 'turn'>;

export async function measureGrowth(
  bare: Subject,
  options: Options,
  turn: Turn,
  say: (line: string) => void,
): Promise<readonly GrowthPoint[]> {
  return [
    ...(await growAgents(bare, options.agents, turn, say)),
    ...(await growEntries(bare, options.entries, turn, say)),
    ...(await growReplicas(bare, turn, say)),
  ];
}

/** Ten-fold steps up to `most`, which is always the last. */
function steps(from: number, by: number, most: number): number[] {
  const counts: number[] = [];
  for (let count = from; count < most; count *= by) counts.push(count);
  return [...counts, most];
}

async function growAgents(
  bare: Subject,
  most: number,
  turn: Turn,
  say: (line: string) => void,
): Promise<GrowthPoint[]> {
  const subject = await startCountersign(1);
  const store = await openStoreOf(subject.deployment);
  const seeded: SeededAgent[] = [];
  const points: GrowthPoint[] = [];
  try {
    for (const count of steps(10, 100, most)) {
      say(`seeding ${count} agents, with a grant each`);
      seeded.push(...(await seedAgents(subject.deployment, store, count - seeded.length)));
      await untilFolded(subject, seeded);
      points.push(await point(bare, { of: 'agents', count }, anyOf(subject, seeded), turn));
    }
  } finally {
    await store.close();
    await subject.stop();
  }
  return points;
}

/** The newest agent gets its token: everything before it has been folded. */
async function untilFolded(subject: CountersignSubject, seeded: readonly SeededAgent[]) {
  const newest = seeded.at(-1);
  if (newest === undefined) return;
  const ask = asking(subject, newest);
  for (;;) {
    const answer = await fetch(`${subject.deployment.broker.url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: ask.next().toString('utf8').split('\r\n\r\n')[1] ?? '',
    });
    if (answer.ok) return;
    await answer.arrayBuffer();
  }
}

function asking({ deployment }: CountersignSubject, { name, key }: SeededAgent) {
  return clientCredentials({ key, publicJwk: '' }, deployment.broker.port, '/oauth/token', name);
}

function anyOf(subject: CountersignSubject, seeded: readonly SeededAgent[]): Subject {
  const asks = seeded.map((agent) => asking(subject, agent));
  const next = (): Buffer => {
    const ask = asks[Math.floor(Math.random() * asks.length)] ?? subject.issue;
    return ask.next();
  };
  return { ...subject, issue: { next, check: subject.issue.check } };
}

async function growEntries(
  bare: Subject,
  most: number,
  turn: Turn,
  say: (line: string) => void,
): Promise<GrowthPoint[]> {
  const subject = await startCountersign(1);
  const store = await openStoreOf(subject.deployment);
  const points: GrowthPoint[] = [];
  try {
    for (const count of steps(1_000, 100, most)) {
      say(`filling the ledger to ${count} entries`);
      await seedEntries(store, count);
      points.push(await point(bare, { of: 'entries', count }, subject, turn));
    }
  } finally {
    await store.close();
    await subject.stop();
  }
  return points;
}

async function growReplicas(
  bare: Subject,
  turn: Turn,
  say: (line: string) => void,
): Promise<GrowthPoint[]> {
  const subject = await startCountersign(MOST_REPLICAS);
  const points: GrowthPoint[] = [];
  try {
    for (const count of [1, 2, MOST_REPLICAS]) {
      say(`load on ${count} of ${MOST_REPLICAS} replicas`);
      const some = { ...subject, ports: subject.ports.slice(0, count) };
      points.push(await point(bare, { of: 'replicas', count }, some, turn));
    }
  } finally {
    await subject.stop();
  }
  return points;
}

async function point(
  bare: Subject,
  what: Pick<GrowthPoint, 'of' | 'count'>,
  subject: Subject,
  turn: Turn,
): Promise<GrowthPoint> {
  const contenders = [subject, bare].map(({ name, ports, issue }) => ({ name, ports, ask: issue }));
  await warmUp(contenders);
  const [ours, limit] = await compare(contenders, { clients: CLIENTS, ...turn });
  if (ours === undefined || limit === undefined) throw new Error('a point has two figures');
  return { ...what, rate: ours.rate, p50: ours.p50, ofBare: ours.rate / limit.rate };
}
