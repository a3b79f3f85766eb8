/**
 * The process: database, store, use cases, listener, and their end in the reverse order. A start that
 * cannot be complete stops with one plain sentence; a stop drains what was begun.
 */
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CountersignError, type Secret, VERSION } from '@countersign/core';
import { createApp } from '@countersign/http';
import { openStore, type Store } from '@countersign/store';
import { type Http2Bindings, type HttpBindings, serve as listen } from '@hono/node-server';
import { type Config, ConfigError, readConfig } from './config.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded/postgres.ts';
import { offerGenesisCode } from './genesis-code.ts';
import { readKek } from './kek.ts';
import { ledgerIsEmpty } from './ledger-is-empty.ts';
import { createLogger, type Logger } from './logger.ts';
import { startTicking } from './ticking.ts';
import { systemClock, type Wired, wire } from './wire.ts';

/** Milliseconds that requests under way are given at a stop. */
const LONGEST_DRAIN = 10_000;

export interface Running {
  readonly url: string;
  /** The code of this start; null once genesis exists. */
  readonly genesisCode: Secret | null;
  /** Drains, stops everything this process started, and resolves when it is gone. */
  stop(): Promise<void>;
}

/** @throws ConfigError, CountersignError `broker_unavailable` with words for the operator */
export async function start(config: Config, log: Logger): Promise<Running> {
  const undo: (() => Promise<void>)[] = [];
  const unwind = async (): Promise<void> => {
    for (const step of undo.reverse()) {
      await step().catch((error: unknown) => log.warn({ err: error }, 'a step of the stop failed'));
    }
  };
  try {
    const { store, embedded } = await openDatabase(config, log);
    if (embedded !== null) undo.push(() => embedded.stop());
    undo.push(() => store.close());
    const wired = await wire(config, store, log);
    undo.push(() => wired.close());
    undo.push(await startTicking(wired, store, log));
    const genesisCode = await offerGenesisCode(wired.deps);
    const listener = await openListener(config, wired, log);
    undo.push(listener.close);
    return { url: `http://${config.host}:${listener.port}`, genesisCode, stop: unwind };
  } catch (error) {
    await unwind();
    throw error;
  }
}

/** Runs until told to stop. What `npm start` and `countersign serve` do. */
export async function serve(env: NodeJS.ProcessEnv): Promise<void> {
  let log: Logger | null = null;
  try {
    const config = readConfig(env);
    log = createLogger(config.logLevel);
    const running = await start(config, log);
    process.stdout.write(greeting(config, running));
    await untilSignalled();
    log.info({}, 'stopping: no new requests, those begun are finished');
    await running.stop();
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
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return 'the port is in use. Stop the other process, or set PORT to another one.';
  }
  return error instanceof Error ? (error.stack ?? error.message) : 'unexpected error';
}

async function untilSignalled(): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
      resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

async function openDatabase(
  config: Config,
  log: Logger,
): Promise<{ readonly store: Store; readonly embedded: EmbeddedPostgres | null }> {
  if (config.databaseUrl !== null) {
    const kek = readKek(config.kekFile, false);
    const store = await openStore({ url: config.databaseUrl, kek, clock: systemClock });
    return { store, embedded: null };
  }
  const directory = join(config.dataDir, 'postgres');
  const embedded = await startEmbeddedPostgres({ directory, log });
  try {
    const firstStart = await ledgerIsEmpty(embedded.url());
    const kek = readKek(config.kekFile, firstStart);
    const store = await openStore({ url: embedded.url(), kek, clock: systemClock });
    return { store, embedded };
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

/** Law 4's worth nothing if the wire is open: an https issuer is spoken to through its proxies only. */
async function openListener(
  config: Config,
  wired: Wired,
  log: Logger,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const app = createApp({
    useCases: wired.useCases,
    issuer: config.issuer,
    version: VERSION,
    clock: systemClock,
    log: {
      request: (fields) => log.info(fields, 'request'),
      error: (fields) => log.error(fields, 'request failed'),
    },
  });
  const { trustedProxies } = config;
  return await new Promise((resolve, reject) => {
    const server = listen(
      {
        fetch: (request: Request, bindings: HttpBindings | Http2Bindings) => {
          const peer = bindings.incoming.socket.remoteAddress ?? '';
          if (trustedProxies !== null && !isTrusted(trustedProxies, peer)) {
            log.warn({ peer }, 'a peer that is no listed proxy was refused');
            return untrustedPeer();
          }
          return app.fetch(request, bindings);
        },
        hostname: config.host,
        port: config.port,
        serverOptions: { maxHeaderSize: 32_768, requestTimeout: 60_000, headersTimeout: 15_000 },
      },
      (address: AddressInfo) => {
        resolve({
          port: address.port,
          close: () =>
            new Promise((closed) => {
              const cut = setTimeout(() => {
                if ('closeAllConnections' in server) server.closeAllConnections();
              }, LONGEST_DRAIN);
              server.close(() => {
                clearTimeout(cut);
                closed();
              });
              if ('closeIdleConnections' in server) server.closeIdleConnections();
            }),
        });
      },
    );
    server.once('error', reject);
  });
}

/** RFC 9457, as every refusal. */
function untrustedPeer(): Response {
  const problem = {
    type: 'urn:countersign:problem:forbidden',
    title: 'Forbidden',
    status: 403,
    detail: 'This broker is reached through its proxies only.',
    code: 'forbidden',
  };
  return new Response(JSON.stringify(problem), {
    status: 403,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  });
}

function isTrusted(list: NonNullable<Config['trustedProxies']>, peer: string): boolean {
  const address = peer.replace(/^::ffff:/, '');
  return list.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}
