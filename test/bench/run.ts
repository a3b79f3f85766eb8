/** `npm run bench`: what a token costs here, beside what it costs elsewhere on the same machine in the same run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { newPrivateJwk, signingKeyOf } from '@countersign/client';
import { createLogger, startEmbeddedPostgres } from '@countersign/server';
import { runTyped } from '../support/typed-command.ts';
import { assertionKey } from './assertions.ts';
import { type Contender, compare, type Figure, warmUp } from './compare.ts';
import { type GrowthPoint, measureGrowth } from './growth.ts';
import { type Options, readOptions, USAGE, type Work } from './options.ts';
import { measureRestart, type RestartFigure } from './restart.ts';
import { type ClientIdentity, startBareLimit, startOidcProvider } from './subjects/bare.ts';
import { startCountersign } from './subjects/countersign.ts';
import { startGateway } from './subjects/gateway.ts';
import { findOpenBao, startOpenBao } from './subjects/openbao.ts';
import { peakMemory, type Subject } from './subjects/subject.ts';
import { renderTable, round } from './table.ts';
import { measureVerify, type VerifyFigure } from './verify.ts';

const CLIENTS = [1, 8, 64] as const;
const VERIFIED = { entries: 100_000, statements: 1_000 } as const;

interface Row extends Figure {
  readonly work: Work;
  /** This figure's rate beside that of each yardstick for the same work and clients. */
  readonly beside: Readonly<Record<string, number>>;
  /** Milliseconds that the gateway adds to what a pass-through takes; null for other work. */
  readonly added: { readonly p50: number; readonly p99: number } | null;
}

interface Report {
  readonly machine: { readonly cpus: number; readonly model: string; readonly node: string };
  readonly seconds: number;
  readonly rows: readonly Row[];
  readonly growth: readonly GrowthPoint[];
  readonly restart: readonly RestartFigure[];
  /** MiB that a process held at most. */
  readonly peakMemory: Readonly<Record<string, number>>;
}

async function bench(options: Options): Promise<number> {
  const say = (line: string): boolean => process.stderr.write(`${line}\n`);
  if (options.verify) {
    const figure = await measureVerify({ ...VERIFIED, rounds: options.rounds }, say);
    process.stdout.write(`${options.json ? JSON.stringify(figure) : renderVerify(figure)}\n`);
    return 0;
  }
  const report = await measure(options, say);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${render(report)}\n`);
  return 0;
}

async function measure(options: Options, say: (line: string) => unknown): Promise<Report> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-bench-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const started = async <S extends Subject>(starting: Promise<S>): Promise<S> => {
    const subject = await starting;
    undo.push(() => subject.stop());
    return subject;
  };
  const turn = { rounds: options.rounds, turn: (options.seconds * 1000) / options.rounds };
  try {
    const database = await startEmbeddedPostgres({
      directory: join(directory, 'postgres'),
      log: createLogger('silent'),
    });
    undo.push(() => database.stop());
    const identity = await newIdentity();
    const signing = await newPrivateJwk('signing key');
    const ours = await started(startCountersign(1));
    const bare = await started(startBareLimit(identity, signing, database.url()));
    const yardsticks: Subject[] = [bare, await started(startOidcProvider(identity, signing))];
    const bao = findOpenBao();
    if (bao === null) say('no bao on PATH: OpenBao is left out');
    else yardsticks.push(await started(startOpenBao(bao, identity)));

    const gateway = await startGateway(ours, database.url());
    undo.push(() => gateway.stop());
    await gateway.refresh();

    const workOf = (work: Exclude<Work, 'forward'>) => ({
      name: ours.name,
      ports: ours.ports,
      ask: ours[work],
    });
    const issueOf = ({ name, ports, issue }: Subject) => ({ name, ports, ask: issue });
    say('warming up');
    await warmUp([
      ...[workOf('issue'), workOf('denied'), ...yardsticks.map(issueOf)],
      ...[gateway.ours, ...gateway.passThroughs],
    ]);
    const rows: Row[] = [];
    for (const clients of CLIENTS) {
      for (const work of options.works) {
        say(`${work}, ${clients} ${clients === 1 ? 'client' : 'clients'}`);
        if (work === 'forward') await gateway.refresh();
        // Nobody else makes a database login; what that takes is PostgreSQL's own.
        const contenders: readonly Contender[] = {
          issue: () => [workOf('issue'), ...yardsticks.map(issueOf)],
          denied: () => [workOf('denied'), issueOf(bare)],
          exchange: () => [workOf('exchange')],
          forward: () => [gateway.ours, ...gateway.passThroughs],
        }[work]();
        rows.push(...rowsOf(work, await compare(contenders, { clients, ...turn })));
      }
    }
    const memory = Object.fromEntries(
      [ours, ...yardsticks, ...gateway.passThroughs].map(({ name, pids }) => [
        name,
        Math.max(...pids.map(peakMemory)),
      ]),
    );
    const growth = options.growth ? await measureGrowth(bare, options, turn, say) : [];
    const restart = options.restart ? await measureRestart(options, say) : [];
    const [cpu] = cpus();
    return {
      machine: { cpus: cpus().length, model: cpu?.model ?? 'unknown', node: process.version },
      seconds: options.seconds,
      rows,
      growth,
      restart,
      peakMemory: memory,
    };
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

async function newIdentity(): Promise<ClientIdentity> {
  const privateJwk = await newPrivateJwk('client key');
  const { publicJwk, thumbprint } = await signingKeyOf(privateJwk);
  const published = { ...publicJwk, kid: thumbprint, alg: 'EdDSA', use: 'sig' };
  return { key: assertionKey(privateJwk, thumbprint), publicJwk: JSON.stringify(published) };
}

function rowsOf(work: Work, figures: readonly Figure[]): Row[] {
  const [ours, ...others] = figures;
  if (ours === undefined) return [];
  const beside = Object.fromEntries(others.map(({ name, rate }) => [name, ours.rate / rate]));
  // Yardsticks stand in the table once, beside the work that is like theirs.
  const shown = work === 'issue' || work === 'forward' ? others : [];
  const [other] = work === 'forward' ? others : [];
  const added =
    other === undefined ? null : { p50: ours.p50 - other.p50, p99: ours.p99 - other.p99 };
  return [
    { ...ours, work, beside, added },
    ...shown.map((each) => ({ ...each, work, beside: {}, added: null })),
  ];
}

function render({ machine, seconds, rows, growth, restart, peakMemory: memory }: Report): string {
  const table = [
    ['', 'clients', 'req/s', 'p50 ms', 'p99 ms', 'refused', 'ratio'],
    ...rows.map(({ name, work, clients, rate, p50, p99, refused, beside, added }) => [
      // Yardsticks stand indented below the work that is like theirs.
      isYardstick({ work, beside }) ? `  ${name}` : `${name}, ${work}`,
      String(clients),
      round(rate, 0),
      round(p50, 2),
      round(p99, 2),
      String(refused),
      [
        ...Object.entries(beside).map(([other, ratio]) => `${round(ratio, 2)} of ${other}`),
        ...(added === null ? [] : [`p50 + ${round(added.p50, 2)}, p99 + ${round(added.p99, 2)}`]),
      ].join(', '),
    ]),
  ];
  const parts = [
    `${machine.cpus} × ${machine.model}, Node ${machine.node}, ${seconds} s a figure`,
    renderTable(table),
    renderTable([
      ['resident memory at most', 'MiB'],
      ...Object.entries(memory).map(([name, mib]) => [name, round(mib, 0)]),
    ]),
  ];
  if (growth.length > 0) parts.push(renderGrowth(growth));
  if (restart.length > 0) parts.push(renderRestart(restart));
  return parts.join('\n\n');
}

function isYardstick({ work, beside }: Pick<Row, 'work' | 'beside'>): boolean {
  return (work === 'issue' || work === 'forward') && Object.keys(beside).length === 0;
}

function renderGrowth(growth: readonly GrowthPoint[]): string {
  const first = (point: GrowthPoint): number =>
    growth.find(({ of }) => of === point.of)?.ofBare ?? Number.NaN;
  return renderTable([
    ['growth, 8 clients', 'tokens/s', 'p50 ms', 'of bare', 'of the first'],
    ...growth.map((point) => [
      `${point.count} ${point.of}`,
      round(point.rate, 0),
      round(point.p50, 2),
      round(point.ofBare, 2),
      round(point.ofBare / first(point), 2),
    ]),
  ]);
}

function renderRestart(restart: readonly RestartFigure[]): string {
  return renderTable([
    ['from its start until it is ready', 'seconds', 'MiB'],
    ...restart.map(({ of, agents, ready, memory }) => [
      `${agents} agents, from ${of === 'snapshot' ? 'a snapshot' : 'all statements'}`,
      round(ready / 1000, 1),
      round(memory, 0),
    ]),
  ]);
}

function renderVerify(figure: VerifyFigure): string {
  const { entries, statements, size, seconds, processor, memory } = figure;
  return renderTable([
    ['verified offline', 'statements', 'export MiB', 'seconds', 'of processor', 'MiB at most'],
    [
      `${entries} entries`,
      String(statements),
      round(size, 0),
      round(seconds, 2),
      round(processor, 2),
      round(memory, 0),
    ],
  ]);
}

const command = { usage: USAGE, read: readOptions, run: bench };
process.exitCode = await runTyped(command, process.argv.slice(2));
