/**
 * The process: database, store, use cases, listener, and their end in the reverse order. A start that
 * cannot be complete stops with one plain sentence; a stop drains what was begun.
 */
import { join } from 'node:path';
import { CountersignError, type Secret, VERSION } from '@countersign/core';
import { createApp } from '@countersign/http';
import { type CommittedBatch, openStore, type Store } from '@countersign/store';
import { type Config, ConfigError, readConfig } from './config.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded/postgres.ts';
import { offerGenesisCode } from './genesis-code.ts';
import { readKeks } from './kek.ts';
import { holdKeks } from './kek-watch.ts';
import { ledgerIsEmpty } from './ledger-is-empty.ts';
import { openListener } from './listener.ts';
import { createLogger, type Logger } from './logger.ts';
import { createMetricsAccess, type MetricsAccess } from './metrics/access.ts';
import { createInstruments, type Instruments } from './metrics/instruments.ts';
import { type App, measureBatch, measuredApp, measuredLog } from './metrics/measured.ts';
import { createScrape } from './metrics/scrape.ts';
import { readMetricsToken } from './metrics/token.ts';
import { openMirror } from './mirror/open.ts';
import { preflight } from './preflight.ts';
import { untilSignalled } from './signals.ts';
import { createStopping, pause, type Stopping } from './stopping.ts';
import { startTicking } from './ticking.ts';
import { systemClock, type Wired, wire } from './wire.ts';

/** Milliseconds from the end of the grace to the end of the process, whatever hangs. */
const LONGEST_STOP = 30_000;

export interface Running {
  readonly url: string;
  /** The code of this start; null once genesis exists. */
  readonly genesisCode: Secret | null;
  /**
   * Says at `/readyz` that it stops, waits `graceSeconds` for load balancers to notice, drains, stops
   * everything this process started, and resolves when it is gone.
   */
  stop(graceSeconds?: number): Promise<void>;
  /** Ends the waiting in a stop: whoever is connected is cut. */
  cut(): void;
}

/** @throws ConfigError, CountersignError `broker_unavailable` with words for the operator */
export async function start(config: Config, log: Logger): Promise<Running> {
  const undo: (() => Promise<void>)[] = [];
  const unwind = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) {
      await step().catch((error: unknown) => log.warn({ err: error }, 'a step of the stop failed'));
    }
  };
  const stopping = createStopping();
  const instruments = createInstruments();
  const metricsToken = readMetricsToken(config.metricsTokenFile);
  try {
    await preflight(config);
    const { store, embedded } = await openDatabase(config, log, measureBatch(instruments));
    if (embedded !== null) undo.push(() => embedded.stop());
    undo.push(() => store.close());
    undo.push(await holdKeks(config.kekFile, store.keks, log));
    const mirror = config.mirror === null ? null : openMirror(config.mirror, process.env);
    const wired = await wire(config, store, log, instruments, mirror);
    undo.push(() => wired.close());
    undo.push(await startTicking(wired, store, log, stopping.cutting));
    const genesisCode = await offerGenesisCode(wired.deps);
    const access = createMetricsAccess({
      token: metricsToken,
      behindProxy: config.trustedProxies !== null,
    });
    const app = measuredApp(
      openApp({ config, wired, instruments, access, stopping, log }),
      instruments,
    );
    const listener = await openListener({
      config,
      stopping,
      from: access.from,
      opens: access.opens,
      onStranger(peer) {
        instruments.strangers.inc();
        log.warn({ peer }, 'a peer that is no listed proxy was refused');
      },
      app,
    });
    undo.push(listener.close);
    return {
      url: `http://${config.host}:${listener.port}`,
      genesisCode,
      cut: stopping.cut,
      async stop(graceSeconds = 0) {
        stopping.begin();
        await pause(graceSeconds * 1000, stopping.cutting);
        stopping.close();
        await unwind();
      },
    };
  } catch (error) {
    await unwind();
    throw error;
  }
}

/** The use cases over HTTP, with what only the process knows: its stop, its metrics, its log. */
function openApp(from: {
  readonly config: Config;
  readonly wired: Wired;
  readonly instruments: Instruments;
  readonly access: MetricsAccess;
  readonly stopping: Stopping;
  readonly log: Logger;
}): App {
  const { config, wired, instruments, access, stopping, log } = from;
  const isReady = async () =>
    !stopping.begun.aborted && (await wired.useCases.readiness()) === 'ready';
  return createApp({
    useCases: wired.useCases,
    issuer: config.issuer,
    version: VERSION,
    clock: systemClock,
    stopping: stopping.begun,
    closing: stopping.closing,
    metrics: { admits: access.admits, read: createScrape(wired.deps, instruments, isReady) },
    log: measuredLog(
      {
        request: (fields) => log.info(fields, 'request'),
        error: (fields) => log.error(fields, 'request failed'),
      },
      instruments,
    ),
  });
}

/** Runs until told to stop. What `npm start` and `countersign serve` do. */
export async function serve(env: NodeJS.ProcessEnv): Promise<void> {
  let log: Logger | null = null;
  try {
    const config = readConfig(env);
    log = createLogger(config.logLevel);
    const running = await start(config, log);
    process.stdout.write(greeting(config, running));
    const stopLog = log;
    const signal = await untilSignalled(() => {
      stopLog.warn({}, 'another signal: whoever is connected is cut');
      running.cut();
    });
    // A person at a terminal waits for no load balancer.
    const graceSeconds = signal === 'SIGTERM' ? config.drainSeconds : 0;
    log.info(
      { graceSeconds },
      'stopping: no new requests after the grace, those begun are finished',
    );
    exitAfter(graceSeconds * 1000 + LONGEST_STOP, log);
    await running.stop(graceSeconds);
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof CountersignError)) {
      log?.fatal({ err: error }, 'the start failed');
      process.stderr.write(`Countersign could not start: ${unexpected(error)}\n`);
    } else {
      process.stderr.write(`Countersign could not start: ${error.message}\n`);
    }
    process.exitCode = 1;
  }
}

/** One write, so that whoever reads it line by line never sees half of it. */
function greeting(config: Config, running: Running): string {
  const lines = [`Countersign ${VERSION} on ${config.issuer}`];
  if (running.genesisCode !== null) {
    lines.push(
      `Genesis code: ${running.genesisCode.reveal()}`,
      'Begin with: npx countersign genesis --name YOU --code CODE   (good until the next start)',
    );
  }
  return `${lines.join('\n')}\n`;
}

function unexpected(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : 'unexpected error';
}

/** Whatever hangs then is left to another server: what was promised is durable. */
function exitAfter(ms: number, log: Logger): void {
  setTimeout(() => {
    log.fatal({}, 'the stop took too long and was cut');
    process.exit(1);
  }, ms).unref();
}

/** Also for operators' commands: the embedded PostgreSQL is shared with the server that runs. */
export async function openDatabase(
  config: Config,
  log: Logger,
  onBatch: (batch: CommittedBatch) => void = () => undefined,
): Promise<{ readonly store: Store; readonly embedded: EmbeddedPostgres | null }> {
  const told = {
    clock: systemClock,
    onBatch,
    // Law 1: nothing is gained by it, and somebody has tried.
    onEditedCounter(counter: object) {
      log.warn(counter, 'a use counter was set back in the database; the ledger counts');
    },
  };
  if (config.databaseUrl !== null) {
    const kek = readKeks(config.kekFile, false);
    const store = await openStore({ url: config.databaseUrl, kek, ...told });
    return { store, embedded: null };
  }
  const directory = join(config.dataDir, 'postgres');
  const embedded = await startEmbeddedPostgres({ directory, log });
  try {
    const firstStart = await ledgerIsEmpty(embedded.url());
    const kek = readKeks(config.kekFile, firstStart);
    const store = await openStore({ url: embedded.url(), kek, ...told });
    return { store, embedded };
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}
