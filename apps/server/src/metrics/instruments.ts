/**
 * Every metric there is, once: docs/reference/metrics.md names the same. Labels come from closed lists
 * (route templates, codes, stages, entry types, provider names), never from what anyone sends.
 */
import { VERSION } from '@countersign/core';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds. From a commit on a local database to the longest poll. */
const LATENCIES = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30];
/** Intents; a commit takes 256 at most. */
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

export type Instruments = ReturnType<typeof createInstruments>;

let nodesOwn: Registry | null = null;

/** Of the process, once for all its servers: their timer and their observer of garbage collections stay with it. */
function registryOfNode(): Registry {
  if (nodesOwn === null) {
    nodesOwn = new Registry();
    collectDefaultMetrics({ register: nodesOwn });
  }
  return nodesOwn;
}

/** Instruments of one server, with Node's own beside them. */
export function createInstruments() {
  const ofNode = registryOfNode();
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly L[],
  ) => new Histogram({ name, help, buckets: [...buckets], labelNames: [...labelNames], registers });

  new Gauge({
    name: 'countersign_build_info',
    help: 'Always 1; the label says which version runs.',
    labelNames: ['version'],
    registers,
  }).set({ version: VERSION }, 1);

  return {
    /** All there is now, as Prometheus text 0.0.4. */
    async read(): Promise<string> {
      return (await ofNode.metrics()) + (await registry.metrics());
    },
    requests: histogram(
      'countersign_http_request_duration_seconds',
      'Seconds until an answer began, by route template and status class.',
      LATENCIES,
      ['method', 'route', 'status'],
    ),
    inProgress: gauge(
      'countersign_http_requests_in_progress',
      'Requests whose answer has not begun: long polls, and this scrape.',
    ),
    refusals: counter(
      'countersign_http_refusals_total',
      'Answers that refused, by the code of the two closed lists.',
      ['code'],
    ),
    strangers: counter(
      'countersign_http_untrusted_peers_total',
      'Requests from peers that are no listed proxy.',
      [],
    ),
    decisions: counter('countersign_decisions_total', 'Decisions made by this server.', [
      'stage',
      'verdict',
      'code',
    ]),
    entries: counter('countersign_ledger_entries_total', 'Entries this server appended.', ['type']),
    outcomes: counter(
      'countersign_commit_intents_total',
      'Intents this server committed, or tried to.',
      ['outcome'],
    ),
    batches: histogram(
      'countersign_commit_batch_intents',
      'Intents that shared one commit.',
      BATCHES,
      [],
    ),
    commits: histogram(
      'countersign_commit_duration_seconds',
      'Seconds one commit took.',
      LATENCIES,
      [],
    ),
    calls: histogram(
      'countersign_provider_call_duration_seconds',
      'Seconds a provider took, by call and outcome.',
      LATENCIES,
      ['provider', 'call', 'outcome'],
    ),
    ledgerSize: gauge('countersign_ledger_size_entries', 'Entries in the ledger.'),
    headVersion: gauge(
      'countersign_authority_version',
      "The authority version of the ledger's head.",
    ),
    foldedVersion: gauge(
      'countersign_authority_folded_version',
      'The authority version this server decides on.',
    ),
    leases: new Gauge({
      name: 'countersign_leases',
      help: 'Live leases of the whole deployment, by state.',
      labelNames: ['state'],
      registers,
    }),
    leasesDue: gauge('countersign_leases_due', 'Live leases that should be gone.'),
    leasesTroubled: gauge(
      'countersign_leases_troubled',
      'Live leases whose last revocation failed.',
    ),
    oldestDue: gauge(
      'countersign_oldest_due_lease_seconds',
      'Seconds by which the oldest due lease is late; 0 when none is.',
    ),
    revocations: gauge(
      'countersign_revocations_queued',
      'Leases this server is taking back, or is about to.',
    ),
    clockSkew: gauge(
      'countersign_clock_skew_seconds',
      "Seconds by which this server's clock is ahead of its database's.",
    ),
    mirrorSize: gauge(
      'countersign_mirror_size_entries',
      'Entries that the checkpoint this server wrote last to the mirror counts.',
    ),
    mirrorBehind: gauge(
      'countersign_mirror_behind_seconds',
      'Seconds for which entries have been waiting to reach the mirror; 0 when none is.',
    ),
    mirrorDiffers: gauge(
      'countersign_mirror_differs',
      '1 when the mirror holds something else than this ledger, or nothing is decided for it.',
    ),
    databaseUp: gauge('countersign_database_up', '1 when the database answered this scrape.'),
    ready: gauge('countersign_ready', '1 when /readyz says so.'),
  };
}
