/** Puts store, providers and use cases together: the only place that knows all of them. */
import { createPrivateKey, randomBytes, randomFillSync, sign as signBytes } from 'node:crypto';
import { standingGuardrails } from '@countersign/authority';
import {
  type Background,
  createAuthorityCache,
  createBackground,
  createChanges,
  createClientSecrets,
  createConnectionChecks,
  createDenialLog,
  createLiveProviders,
  createMirroring,
  createOpenedConnections,
  createPace,
  createPulse,
  createRevoker,
  createShares,
  createSnapshotKeeping,
  createTokenKeys,
  createUseCases,
  type Deps,
  type Mirror,
  originOf,
  recordCatalogs,
  type UseCases,
} from '@countersign/broker';
import { type Clock, CountersignError, type Random, type Secret, VERSION } from '@countersign/core';
import type { NoteSigner } from '@countersign/ledger';
import { createGuardrailEngine } from '@countersign/policy';
import type { Provider } from '@countersign/provider-kit';
import { openUpstream } from '@countersign/provider-kit/upstream';
import type { Store } from '@countersign/store';
import {
  clientSecretMac,
  generateSigningKey,
  hashArgon2id,
  parsePublicJwk,
  verifyArgon2id,
} from '@countersign/tokens';
import { loadCedar } from './cedar.ts';
import type { Config } from './config.ts';
import { examineHost } from './examine-host.ts';
import type { Logger } from './logger.ts';
import type { Instruments } from './metrics/instruments.ts';
import { measuredDenials, measuredJournal, measuredProvider } from './metrics/measured.ts';
import { builtInProviders, describedProviders } from './providers.ts';

export const systemClock: Clock = { now: () => Date.now() };
export const systemRandom = pooledRandom();

/** Ids take ten bytes each, several a request: asking the system for a page of them costs the same. */
function pooledRandom(): Random {
  const pool = new Uint8Array(4096);
  let used = pool.length;
  return {
    bytes(length) {
      if (length > 64) return new Uint8Array(randomBytes(length));
      if (used + length > pool.length) {
        randomFillSync(pool);
        used = 0;
      }
      const bytes = pool.slice(used, used + length);
      // What was handed out is not kept: it may become a key.
      pool.fill(0, used, used + length);
      used += length;
      return bytes;
    },
  };
}

/** What an agent may have saved up, in seconds of its rate, and decide at once. */
const SECONDS_SAVED = 10;
const AT_ONCE = 128;
/** Of the 64 connections to one provider, and milliseconds that what is beyond waits for its turn. */
const FORWARDED = { atOnce: 16, patience: 2_000 };
/** The same of the 16 sessions that hold objects still. */
const HELD = { atOnce: 4, patience: 2_000 };

export interface Wired {
  readonly useCases: UseCases;
  readonly background: Background;
  readonly deps: Deps;
  close(): Promise<void>;
}

export async function wire(
  config: Config,
  store: Store,
  log: Logger,
  instruments: Instruments,
  mirror: Mirror | null,
): Promise<Wired> {
  const clock = systemClock;
  const random = systemRandom;
  const { replayIds: replay } = store;
  const journal = measuredJournal(store.journal, instruments);
  const tokenKeys = await createTokenKeys({ rows: store.tokenKeys, clock, random, log });
  const ledgerKey = await store.sealedKeys.ensure('ledger', generateSigningKey);
  const secretKey = await store.sealedKeys.ensure('client-secret', generateSigningKey);
  const authority = createAuthorityCache(journal, log, store.snapshots);
  const upstream = openUpstream();
  // Connections of its own: what agents leave unread keeps the broker from proving nothing.
  const questions = openUpstream();
  const around = (provider: Provider) => measuredProvider(provider, instruments);
  const builtIn = builtInProviders({
    clock,
    random,
    brokerSystemIdentifier: () => store.systemIdentifier(),
    upstream: questions,
    around,
  });
  const descriptions = describedProviders({ clock, upstream: questions, builtIn, around });
  const { providers, rules } = createLiveProviders(builtIn, descriptions, authority, log);
  const ledgerSigner = noteSigner(originOf(config.issuer), ledgerKey.privateJwk);
  const mirroring =
    mirror === null
      ? null
      : createMirroring({
          mirror,
          journal: store.journal,
          restorer: store.restorer,
          authority,
          clock,
          random,
          log,
          origin: originOf(config.issuer),
          signer: ledgerSigner,
          onOpen: () => begin(deps),
        });
  const base: Omit<Deps, 'revoker'> = {
    issuer: config.issuer,
    version: VERSION,
    clock,
    random,
    log,
    journal,
    leases: store.leases,
    accessRequests: store.accessRequests,
    codes: store.codes,
    replay,
    uses: store.uses,
    usage: store.usage,
    sealed: store.sealedCredentials,
    tokenKeys,
    clientSecrets: createClientSecrets({
      mac: clientSecretMac(secretKey.privateJwk),
      hashing: { hash: hashArgon2id, verify: verifyArgon2id },
      random,
    }),
    ledgerSigner,
    ledgerKey: ed25519(ledgerKey.publicJwk),
    providers,
    rules,
    descriptions,
    guardrails: createGuardrailEngine({ load: loadCedar, elapsed: () => performance.now() }),
    authority,
    snapshots: createSnapshotKeeping({ journal, authority, snapshots: store.snapshots, log }),
    denials: measuredDenials(
      createDenialLog({ journal, clock, random, remember: (once) => replay.remember(once) }),
      instruments,
    ),
    pace: createPace(
      {
        perSecond: config.agentRate,
        saved: config.agentRate * SECONDS_SAVED,
        atOnce: AT_ONCE,
      },
      () => performance.now(),
    ),
    resolving: createPace(
      {
        perSecond: config.agentResolverRate,
        saved: config.agentResolverRate * SECONDS_SAVED,
        atOnce: Number.POSITIVE_INFINITY,
      },
      () => performance.now(),
    ),
    shares: createShares(FORWARDED),
    holding: createShares(HELD),
    holds: store.holds,
    upstream,
    opened: createOpenedConnections(),
    changes: createChanges(),
    pulse: createPulse(),
    checks: createConnectionChecks(),
    examineHost: () => examineHost(config),
    mirroring,
  };
  const deps: Deps = { ...base, revoker: createRevoker(base) };
  await authority.refresh();
  if (authority.state.ledgerKey !== null && authority.state.ledgerKey.x !== deps.ledgerKey.x) {
    throw new CountersignError(
      'broker_unavailable',
      'The sealed ledger key is not the one genesis names: this database was tampered with or mixed up. Restore it from a backup.',
    );
  }
  // Law 1: before anything is written, which would be held against the mirror too.
  if (mirroring === null) await begin(deps);
  else await mirroring.look();
  if (mirroring?.halt) await tokenKeys.maintain();
  return {
    useCases: createUseCases(deps),
    background: createBackground(deps),
    deps,
    async close() {
      // As `background.ts`: to a ledger that may be the wrong one nothing is added.
      if (!mirroring?.halt) await deps.denials.flush(true);
      if (mirroring?.halt === null) await mirroring.covers((await journal.head()).size, LAST_WORDS);
      await Promise.all([...providers.values()].map((provider) => provider.close()));
      await Promise.all([upstream.close(), questions.close()]);
    },
  };
}

/** Milliseconds that a stop waits for the mirror; the next start catches up with it. */
const LAST_WORDS = 3_000;

/** What a start makes sure of and records. */
async function begin(deps: Deps): Promise<void> {
  await deps.tokenKeys.maintain();
  await recordCatalogs(deps);
  deps.guardrails.prepare(standingGuardrails(deps.authority.state));
}

function ed25519(publicJwk: unknown): Deps['ledgerKey'] {
  const jwk = parsePublicJwk(publicJwk);
  if (jwk.kty !== 'OKP') {
    throw new CountersignError('broker_unavailable', 'The sealed ledger key is not Ed25519.');
  }
  return { kty: jwk.kty, crv: jwk.crv, x: jwk.x };
}

/** The ledger key as a C2SP note signer; the private half stays inside the closure. */
function noteSigner(name: string, privateJwk: Secret): NoteSigner {
  const jwk = JSON.parse(privateJwk.reveal());
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  return {
    name,
    publicKey: new Uint8Array(Buffer.from(String(jwk.x), 'base64url')),
    sign: (bytes) => new Uint8Array(signBytes(null, bytes, key)),
  };
}
