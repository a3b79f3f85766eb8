/**
 * Leases: what a decision allowed at a provider, within grants, token, uses and time; and how each ended.
 * A lease is open once, ends once, and gives a use back only by the entry that says so (Laws 3 and 4).
 */
import type {
  ExchangeAllowedBody,
  LeaseFailedBody,
  LeaseRevokedBody,
  RunAllowedBody,
} from '@countersign/contract';
import { fromInstant, isDeleteCapable } from '@countersign/core';
import { agentProblem, firstProblem, formerKeyProblem, placeProblem } from './callers.ts';
import { isRecordedAs } from './effects.ts';
import type { Place } from './grants-then.ts';
import type { Entry, LedgerSoFar, OpenLease } from './ledger-so-far.ts';
import { exchangedProblem, noteGuardrails, traced, unboundProblem, usedProblem } from './tokens.ts';

export function judgeExchange(
  ledger: LedgerSoFar,
  body: ExchangeAllowedBody,
  entry: Entry,
): string | null {
  const { agent } = body;
  return (
    agentProblem(ledger, agent) ??
    exchangedProblem(ledger.tokenAt(body.token, entry.at), body) ??
    formerKeyProblem(ledger, body) ??
    judgeLease(ledger, body, entry, 'exchange')
  );
}

type LeaseBody = Omit<ExchangeAllowedBody, 'token'> & Pick<Partial<RunAllowedBody>, 'sql'>;

/** What is so of every lease, whoever holds its login. Opens it. */
export function judgeLease(
  ledger: LedgerSoFar,
  body: LeaseBody,
  entry: Entry,
  stage: 'exchange' | 'run',
): string | null {
  const { agent, jkt, grants, lease } = body;
  const place = ledger.grants.placeOf(body.connection, body.environment);
  if (typeof place === 'string') return place;
  const problem =
    placeProblem(ledger, place) ??
    unboundProblem(ledger, agent, place, jkt) ??
    firstProblem(grants, (grant) => usedProblem(ledger, grant, { agent, jkt, at: entry.at })) ??
    boundsProblem(ledger, body, place, entry) ??
    rightsProblem(ledger, body, place, stage);
  if (problem !== null) return problem;
  if (ledger.leases.has(lease.id)) return `lease ${lease.id} was open already`;
  noteGuardrails(ledger);
  const exhausted = ledger.use(body.uses);
  if (exhausted !== null) return exhausted;
  ledger.leasesMade += 1;
  ledger.leases.set(lease.id, {
    agent,
    decision: entry.id,
    expiresAt: fromInstant(lease.expires_at),
    connection: place.connection.id,
    environment: place.environment.id,
    grants,
    uses: body.uses,
    isRun: stage === 'run',
    committing: false,
    revoked: false,
  });
  noteDeleteCapable(ledger, entry, body.rights, { agent, place, stage, lease: lease.id });
  return null;
}

/** What could delete is listed, with the humans behind it. */
export function noteDeleteCapable(
  ledger: LedgerSoFar,
  entry: Entry,
  rights: LeaseBody['rights'],
  what: Parameters<typeof traced>[2],
): void {
  const carrying = new Map<string, Set<string>>();
  for (const { grant, effect, operations } of rights) {
    if (!isDeleteCapable(effect)) continue;
    carrying.set(grant, new Set([...(carrying.get(grant) ?? []), ...operations]));
  }
  if (carrying.size > 0) ledger.deleteCapable.push(traced(ledger, entry, what, carrying));
}

function boundsProblem(
  ledger: LedgerSoFar,
  { grants, rights, uses, lease }: LeaseBody,
  { connection }: Place,
  { at }: Entry,
): string | null {
  if (lease.connection !== connection.id) return 'its lease was on another connection';
  const drawn = drawnProblem(ledger, { grants, rights, uses });
  if (drawn !== null) return drawn;
  const bodies = grants.flatMap((id) => ledger.state.grants.get(id) ?? []);
  const ends = fromInstant(lease.expires_at);
  if (ends > at + Math.min(...bodies.map(({ body }) => body.ttl)) * 1000) {
    return 'its lease was longer than its grants allow';
  }
  return ends > Math.min(...bodies.map(({ until }) => until))
    ? 'its lease outlived its grants'
    : null;
}

/** Law 4: the grants are those of its rights, and of each that is limited one use is taken. */
export function drawnProblem(
  ledger: LedgerSoFar,
  { grants, rights, uses }: Pick<LeaseBody, 'grants' | 'rights' | 'uses'>,
): string | null {
  const covering = new Set(rights.map(({ grant }) => grant));
  if (!sameSet([...covering], grants)) return 'its grants are not those of its rights';
  const bodies = grants.flatMap((id) => ledger.state.grants.get(id) ?? []);
  const limited = bodies.filter(({ body }) => body.max_uses !== null).map(({ id }) => id);
  return sameSet(limited, uses) ? null : 'its uses are not one of each limited grant';
}

const NOT_FOR = {
  exchange: 'no credential is ever minted for',
  run: 'no script stands for',
  forward: 'no request is ever forwarded for',
} as const;

export function rightsProblem(
  ledger: LedgerSoFar,
  { rights }: Pick<LeaseBody, 'rights'>,
  place: Place,
  stage: keyof typeof NOT_FOR,
): string | null {
  for (const { grant, effect, operations, resources } of rights) {
    for (const operation of operations) {
      if (!isRecordedAs(ledger.state, operation, stage === 'exchange')) {
        return `${NOT_FOR[stage]} ${operation}`;
      }
      for (const resource of resources) {
        const then = ledger.grants.effectUnder(grant, place, operation, resource);
        if (then === null) return `grant ${grant} did not hold ${operation} on ${resource}`;
        if (then !== effect) {
          return `it took ${operation} on ${resource} for ${effect}, and it was ${then}`;
        }
      }
    }
  }
  return null;
}

/** The open lease that an entry speaks of; or what is wrong with what it says of it. */
export function leaseOf(
  ledger: LedgerSoFar,
  id: string,
  says: { readonly agent: string; readonly decision: string },
): OpenLease | string {
  const lease = ledger.leases.get(id);
  if (lease === undefined) return `no decision allowed lease ${id}, or it had ended`;
  return lease.agent === says.agent && lease.decision === says.decision
    ? lease
    : `lease ${id} is another decision's`;
}

export function judgeRevoked(
  ledger: LedgerSoFar,
  body: LeaseRevokedBody,
  entry: Entry,
): string | null {
  const noticed =
    ledger.leases.get(body.lease)?.revoked === true
      ? endedBefore(body.lease)
      : noticedOf(ledger, body.lease, body);
  if (noticed !== null) return endNoticed(ledger, body.lease, entry, noticed);
  const lease = leaseOf(ledger, body.lease, body);
  if (typeof lease === 'string') return lease;
  // Of a run, its outcome is yet to be said.
  if (lease.isRun) ledger.leases.set(body.lease, { ...lease, revoked: true });
  else ledger.leases.delete(body.lease);
  return null;
}

/**
 * Why the end of a lease is one to notice: its row was edited by hand, or it was there again. Whoever did it
 * gained nothing, since an end gives nobody anything, and the ledger is whole. Null: it is like any other.
 */
export function noticedOf(
  ledger: LedgerSoFar,
  id: string,
  { edited }: { readonly edited?: true },
): string | null {
  if (edited === true) return `The row of lease ${id} had been edited by hand.`;
  return ledger.leases.has(id) ? null : endedBefore(id);
}

function endedBefore(id: string): string {
  return `Lease ${id} was ended that no decision had allowed, or that had ended before.`;
}

export function endNoticed(
  ledger: LedgerSoFar,
  lease: string,
  { index, id }: Entry,
  text: string,
): null {
  ledger.remarks.push({ index, id, text });
  ledger.leases.delete(lease);
  return null;
}

export function judgeFailed(ledger: LedgerSoFar, body: LeaseFailedBody): string | null {
  const lease = leaseOf(ledger, body.lease, body);
  if (typeof lease === 'string') return lease;
  if (lease.isRun) return `lease ${body.lease} is of a run, which says its outcome`;
  const problem = givenBackProblem(lease, body.uses_returned);
  if (problem !== null) return problem;
  ledger.giveBack(body.uses_returned);
  ledger.leases.delete(body.lease);
  return null;
}

/** Law 3: a use comes back once, to the grant it was taken from. */
export function givenBackProblem(
  lease: Pick<OpenLease, 'uses'>,
  returned: readonly string[],
): string | null {
  return sameSet(lease.uses, returned) ? null : 'it gives back other uses than were taken';
}

/** Nothing is in `a` twice; so nothing is in `b`. */
function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each) => b.includes(each));
}
