/**
 * What a linearizable broker may have answered. Each grant and each freeze is a register that goes up and
 * down; an operation happened at some instant between its call and its answer. Judged twice: by the
 * callers' clocks, and by the order of the ledger (Law 4).
 */

/** Milliseconds of one monotonic clock. */
export interface Span {
  readonly called: number;
  readonly answered: number;
}

/** Something that held from one change of authority until another; null: until the end. */
export interface Held {
  readonly agent: string;
  /** The statement that began it. */
  readonly id: string;
  readonly begun: Span;
  readonly ended: Span | null;
}

export interface Asked extends Span {
  readonly agent: string;
  readonly what: 'issue' | 'exchange';
  /** The grants that could have covered it: those its token names, or null for any of the agent's. */
  readonly grants: readonly string[] | null;
  /** Null: allowed. */
  readonly code: string | null;
  /** What it brought about: a token's `jti`, a lease's id; null when it was denied. */
  readonly made: string | null;
}

export interface History {
  readonly grants: readonly Held[];
  readonly freezes: readonly Held[];
  readonly asked: readonly Asked[];
}

/** Codes by which a broker says that nothing granted covers it (any more). */
const WITHOUT_GRANT: ReadonlySet<string> = new Set([
  'not_granted',
  'resource_not_granted',
  'token_revoked',
]);

/** They say nothing of authority. An overloaded machine may give them; they are counted, not judged. */
export const UNAVAILABLE: ReadonlySet<string> = new Set([
  'broker_unavailable',
  'provider_unavailable',
]);

/** One line for each answer that no order of the operations explains. */
export function contradictions({ grants, freezes, asked }: History): string[] {
  return asked.flatMap((one) => {
    const covering = grants.filter(
      ({ id, agent }) => agent === one.agent && (one.grants === null || one.grants.includes(id)),
    );
    const stops = freezes.filter(({ agent }) => agent === one.agent);
    const problem =
      one.code === null
        ? wronglyAllowed(one, covering, stops)
        : wronglyDenied(one, one.code, covering, stops);
    return problem === null ? [] : [`${one.what} ${one.made ?? ''}: ${problem}`];
  });
}

function wronglyAllowed(
  one: Asked,
  covering: readonly Held[],
  stops: readonly Held[],
): string | null {
  if (!covering.some((grant) => mayHaveHeld(grant, one))) {
    return 'allowed, and no grant can have stood while it was asked';
  }
  if (stops.some((stop) => heldThroughout(stop, one))) {
    return 'allowed, and a freeze stood all the while it was asked';
  }
  return null;
}

function wronglyDenied(
  one: Asked,
  code: string,
  covering: readonly Held[],
  stops: readonly Held[],
): string | null {
  if (code === 'frozen') {
    return stops.some((stop) => mayHaveHeld(stop, one))
      ? null
      : 'denied as frozen, and no freeze can have stood';
  }
  if (UNAVAILABLE.has(code)) return null;
  if (!WITHOUT_GRANT.has(code)) return `denied as ${code}`;
  // A freeze that came while a credential was being made takes it back as a revocation does.
  if (code === 'token_revoked' && stops.some((stop) => mayHaveHeld(stop, one))) return null;
  return covering.some((grant) => heldThroughout(grant, one))
    ? `denied as ${code}, and a grant stood all the while it was asked`
    : null;
}

/** There is an instant of the operation at which it can have held. */
function mayHaveHeld(held: Held, span: Span): boolean {
  return (
    held.begun.called <= span.answered &&
    (held.ended === null || span.called <= held.ended.answered)
  );
}

/** There is no instant of the operation at which it can not have held. */
function heldThroughout(held: Held, span: Span): boolean {
  return (
    held.begun.answered < span.called && (held.ended === null || span.answered < held.ended.called)
  );
}

/** What the callers hold and no allowed decision of the ledger accounts for. Must be none. */
export function unrecorded({ asked }: History, entries: readonly Recorded[]): string[] {
  const made = new Set(
    entries.flatMap(({ body }) => [memberOf(body['token'], 'jti'), memberOf(body['lease'], 'id')]),
  );
  return asked.flatMap((one) => (one.made === null || made.has(one.made) ? [] : [one.made]));
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

/** An entry as the ledger's export has it. */
export interface Recorded {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Allowed decisions that stand behind the statement that ended what they rest on. Must be none. */
export function lateDecisions(entries: readonly Recorded[]): string[] {
  const ended = new Map<string, number>();
  const standing = new Map<string, string>();
  const late: string[] = [];
  for (const { index, id, type, body } of entries) {
    if (type === 'statement.proposed') {
      applyStatement(statementIn(body), index, ended, standing);
    } else if (type === 'decision' && body['verdict'] === 'allowed') {
      const grants = Array.isArray(body['grants']) ? body['grants'] : [];
      for (const grant of grants) {
        const at = ended.get(String(grant));
        if (at !== undefined)
          late.push(`decision ${id} at ${index}: its grant was revoked at ${at}`);
      }
      if ([...standing.values()].includes(String(body['agent'])) && grants.length > 0) {
        late.push(`decision ${id} at ${index}: its agent was frozen`);
      }
    }
  }
  return late;
}

interface Stated {
  readonly id: string;
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>>;
}

function statementIn(body: Readonly<Record<string, unknown>>): Stated {
  const envelope: unknown = body['envelope'];
  const payload =
    typeof envelope === 'object' && envelope !== null && 'payload' in envelope
      ? String(envelope.payload)
      : '';
  return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
}

/** Only kinds that one signature completes: they take effect where they are proposed. */
function applyStatement(
  { id, kind, body }: Stated,
  index: number,
  ended: Map<string, number>,
  standing: Map<string, string>,
): void {
  if (kind === 'grant.revoke') ended.set(String(body['grant']), index);
  if (kind === 'unfreeze') standing.delete(String(body['freeze']));
  if (kind !== 'freeze') return;
  const target: unknown = body['target'];
  if (typeof target === 'object' && target !== null && 'id' in target) {
    standing.set(id, String(target.id));
  }
}
