/** The ports with measuring around them, so that nothing inside knows that it is measured. */
import type { DenialLog, Journal } from '@countersign/broker';
import type { RequestLog } from '@countersign/http';
import { type Provider, ProviderError, RequestRefusal, wrapCalls } from '@countersign/provider-kit';
import type { CommittedBatch } from '@countersign/store';
import type { Instruments } from './instruments.ts';

/** Counts each request by what the request log says of it. */
export function measuredLog(log: RequestLog, instruments: Instruments): RequestLog {
  return {
    error: (fields) => log.error(fields),
    request(fields) {
      const { method, route, status, durationMs, code } = fields;
      instruments.requests.observe(
        { method, route: route ?? 'none', status: `${Math.floor(status / 100)}xx` },
        // The wall clock may have been set back meanwhile.
        Math.max(0, durationMs) / 1000,
      );
      if (code !== null) instruments.refusals.inc({ code });
      log.request(fields);
    },
  };
}

export interface App {
  fetch(request: Request, env: object): Response | Promise<Response>;
}

/** Counts requests from their arrival until their answer begins. */
export function measuredApp(app: App, instruments: Instruments): App {
  return {
    async fetch(request, env) {
      instruments.inProgress.inc();
      try {
        return await app.fetch(request, env);
      } finally {
        instruments.inProgress.dec();
      }
    },
  };
}

/** Counts what is committed: entries by type, and of decisions those that allow. */
export function measuredJournal(journal: Journal, instruments: Instruments): Journal {
  return {
    ...journal,
    async commit(intents) {
      try {
        const outcomes = await journal.commit(intents);
        for (const [at, { outcome }] of outcomes.entries()) {
          instruments.outcomes.inc({ outcome });
          if (outcome !== 'committed') continue;
          for (const { type, body } of intents[at]?.entries ?? []) {
            instruments.entries.inc({ type });
            if (type !== 'decision' || body['verdict'] !== 'allowed') continue;
            const stage = String(body['stage']);
            instruments.decisions.inc({ stage, verdict: 'allowed', code: 'none' });
          }
        }
        return outcomes;
      } catch (error) {
        instruments.outcomes.inc({ outcome: 'failed' }, intents.length);
        throw error;
      }
    },
  };
}

/** Counts every denial, the repeats too that the ledger sums up. */
export function measuredDenials(denials: DenialLog, instruments: Instruments): DenialLog {
  return {
    flush: (everything) => denials.flush(everything),
    unauthenticated(code) {
      instruments.decisions.inc({ stage: 'authenticate', verdict: 'denied', code });
      denials.unauthenticated(code);
    },
    async record(denied) {
      const entry = await denials.record(denied);
      // Null: its assertion was a replay, which is denied, and counted, as one.
      if (entry !== null) {
        const { stage, code } = denied;
        instruments.decisions.inc({ stage, verdict: 'denied', code });
      }
      return entry;
    },
  };
}

/** Times each call of a provider that asks somebody else. */
export function measuredProvider(provider: Provider, instruments: Instruments): Provider {
  return wrapCalls(provider, async (call, work) => {
    const end = instruments.calls.startTimer({ provider: provider.name, call });
    try {
      const result = await work();
      end({ outcome: 'ok' });
      return result;
    } catch (error) {
      end({ outcome: outcomeOf(error) });
      throw error;
    }
  });
}

/** From a closed list. `not_forwarded`: the provider understood a request, and it is one nobody forwards. */
function outcomeOf(error: unknown): string {
  if (error instanceof ProviderError) return error.kind;
  return error instanceof RequestRefusal ? 'not_forwarded' : 'error';
}

export function measureBatch(instruments: Instruments): (batch: CommittedBatch) => void {
  return ({ intents, milliseconds }) => {
    instruments.batches.observe(intents);
    instruments.commits.observe(milliseconds / 1000);
  };
}
