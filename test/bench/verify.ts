/**
 * How long a ledger takes to verify offline: entries as servers write them, through the store's own commit
 * and the server's own export; then the command line on the file, in a process of its own.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { toInstant } from '@countersign/core';
import { type Deployment, deploy } from '../support/deployment.ts';
import {
  commit,
  type EntryDraft,
  newId,
  openStoreOf,
  type SeededAgent,
  seedAgents,
} from './seed.ts';
import { peakMemory } from './subjects/subject.ts';

export interface VerifyFigure {
  readonly entries: number;
  readonly statements: number;
  /** MiB of the export. */
  readonly size: number;
  /** Of the command, its start included; the median of the rounds. */
  readonly seconds: number;
  /** Seconds of processor time in the same round: what holds still on a busy machine. */
  readonly processor: number;
  /** MiB that it held at most. */
  readonly memory: number;
}

const CLI = fileURLToPath(new URL('../../apps/cli/src/start.mjs', import.meta.url));

export async function measureVerify(
  wanted: { readonly entries: number; readonly statements: number; readonly rounds: number },
  say: (line: string) => void,
): Promise<VerifyFigure> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-verify-'));
  const file = join(directory, 'ledger.jsonl');
  try {
    const deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
    try {
      say(`writing ${wanted.entries} entries, ${wanted.statements} of them statements`);
      await fill(deployment, wanted);
      const lines = deployment.alice.client.exportLines({ authority: false });
      await pipeline(Readable.from(ended(lines)), createWriteStream(file));
    } finally {
      await deployment.stop();
    }
    const runs: Run[] = [];
    for (let round = 0; round < wanted.rounds; round += 1) runs.push(await verifyOnce(file));
    const [median] = runs
      .toSorted((a, b) => a.seconds - b.seconds)
      .slice(Math.floor(runs.length / 2));
    if (median === undefined) throw new Error('there was no round');
    const { size } = await stat(file);
    return { ...median, size: size / 2 ** 20 };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function* ended(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) if (line !== '') yield `${line}\n`;
}

type Run = Omit<VerifyFigure, 'size'>;

async function verifyOnce(file: string): Promise<Run> {
  const child = spawn(process.execPath, [CLI, 'audit', 'verify', '--offline', file, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const started = performance.now();
  let [memory, processor] = [0, 0];
  // The kernel keeps the peak and the sum, so that the last look before the end is as good as any.
  const looking = setInterval(() => {
    const seen = peakMemory(child.pid ?? 0);
    if (!(seen > 0)) return;
    memory = seen;
    processor = processorTime(child.pid ?? 0);
  }, 20);
  const out = await textOf(child.stdout);
  clearInterval(looking);
  const seconds = (performance.now() - started) / 1000;
  const report: { ok: boolean; entries: number; statements: number; finding: unknown } =
    JSON.parse(out);
  if (!report.ok) throw new Error(`not verified: ${JSON.stringify(report.finding)}`);
  return { entries: report.entries, statements: report.statements, seconds, processor, memory };
}

/** Seconds, user and system, in the kernel's ticks of a hundredth. */
function processorTime(pid: number): number {
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const fields = rest.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return text;
}

/** Entries in one commit. */
const COMMITTED = 2_000;

/** Statements first, each agent with a grant of its own; then what agents do with those. */
async function fill(
  deployment: Deployment,
  { entries, statements }: { readonly entries: number; readonly statements: number },
): Promise<void> {
  const store = await openStoreOf(deployment);
  try {
    const agents = await seedAgents(deployment, store, Math.ceil(statements / 2));
    const { items } = await deployment.alice.client.call('connections', { query: {} });
    const connection = items.find(({ name }) => name === 'pg-staging')?.id ?? '';
    let { size } = await store.journal.head();
    for (let turn = 0; size < entries; ) {
      const batch: EntryDraft[] = [];
      while (batch.length < COMMITTED && size + batch.length < entries) {
        const agent = agents[turn % agents.length];
        if (agent === undefined) throw new Error('nobody was seeded');
        batch.push(...asked(connection, agent).slice(0, entries - size - batch.length));
        turn += 1;
      }
      await commit(store, batch, false);
      size += batch.length;
    }
  } finally {
    await store.close();
  }
}

/** A token, what it is exchanged for, that given back; and something else refused. */
function asked(connection: string, { id, grant }: SeededAgent): EntryDraft[] {
  const place = { connection: 'pg-staging', environment: 'staging' };
  const rights = { operations: ['postgres:select'], resources: ['public.bookings'] };
  const [jti, lease, decision] = [newId(), newId(), newId()];
  const soon = toInstant(Math.floor(Date.now() / 1000) * 1000 + 60_000);
  return [
    {
      id: newId(),
      type: 'decision',
      body: {
        verdict: 'allowed',
        stage: 'issue',
        agent: id,
        authorization_details: [{ type: 'countersign', ...place, ...rights }],
        grants: [grant],
        token: { jti, expires_at: soon, jkt: null },
      },
    },
    {
      id: decision,
      type: 'decision',
      body: {
        verdict: 'allowed',
        stage: 'exchange',
        agent: id,
        token: jti,
        jkt: null,
        ...place,
        rights: [{ grant, effect: 'read', ...rights }],
        grants: [grant],
        uses: [],
        lease: { id: lease, connection, expires_at: soon },
      },
    },
    {
      id: newId(),
      type: 'lease.revoked',
      body: { lease, agent: id, decision, reason: 'given back by its agent' },
    },
    {
      id: newId(),
      type: 'decision',
      body: {
        verdict: 'denied',
        stage: 'issue',
        agent: id,
        code: 'needs_signature',
        asked: {
          ...place,
          asks: [{ operations: ['postgres:delete'], resources: rights.resources }],
        },
        reason:
          'postgres:delete on public.bookings is delete: it needs a grant that two humans have signed.',
      },
    },
  ];
}
