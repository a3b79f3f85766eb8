/**
 * How authority changes from this terminal: draft, hold the draft against what was asked, show what it
 * means, ask for the passphrase afresh, sign, propose.
 */
import { randomBytes } from 'node:crypto';
import {
  type AuthorityState,
  counted,
  describe,
  emptyState,
  encodeStatement,
  signStatement,
} from '@countersign/authority';
import type { Client } from '@countersign/client';
import type {
  CredentialBeside,
  DraftRequest,
  Envelope,
  Statement,
  StatementAnswer,
} from '@countersign/contract';
import { Secret, uuidv7 } from '@countersign/core';
import { consequenceLines } from './consequences.ts';
import type { Context } from './context.ts';
import { requireAsAsked, requireHashOf } from './drafted.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { openKey } from './key-file.ts';
import { ownAuthority } from './own-authority.ts';
import { askPassphrase } from './prompts.ts';
import type { Seat } from './session.ts';
import { clean, factLines, shortTime, WIDTH, wrap } from './text.ts';

export function newStatementId(): string {
  return uuidv7({ now: () => Date.now() }, { bytes: (length) => randomBytes(length) });
}

/** What a statement means, in lines for a terminal; `hidden` facts are left out. */
export function descriptionLines(
  context: Context,
  state: AuthorityState,
  statement: Statement,
  hidden: readonly string[] = [],
): string[] {
  const { headline, facts, warnings } = describe(state, statement);
  return [
    ...wrap(clean(headline), WIDTH).map((line) => context.out.bold(line)),
    ...factLines(
      facts
        .filter(({ label }) => !hidden.includes(label))
        .map(({ label, value }) => [label, label === 'sign by' ? shortTime(value) : value]),
    ),
    ...warnings.flatMap((warning) => wrap(`! ${clean(warning)}`, WIDTH, '  ')),
  ];
}

/** The device key, its passphrase asked for afresh: a session alone changes nothing (Law 1). */
export async function unlock(context: Context, purpose: string): Promise<Secret> {
  return await openKey(context.paths.key, await askPassphrase(context, purpose));
}

/** What a proposer adds to the bare request. */
export interface Beside {
  readonly credential?: CredentialBeside;
  readonly commitment?: string;
}

interface AskedDraft {
  readonly request: DraftRequest;
  readonly broker: string | null;
  readonly state?: AuthorityState;
  readonly self?: string | null;
  readonly commitment?: string | null;
}

/** A draft that is what was asked for. */
export async function draftAsAsked(
  context: Context,
  client: Client,
  asked: AskedDraft,
): Promise<Statement> {
  return (await draftWithSecret(context, client, asked)).statement;
}

/** The same, with the client secret whose hash the draft holds; null where it holds none. */
async function draftWithSecret(
  context: Context,
  client: Client,
  asked: AskedDraft,
): Promise<{ readonly statement: Statement; readonly clientSecret: Secret | null }> {
  const state = asked.state ?? emptyState();
  const {
    statement,
    notes,
    client_secret: text,
  } = await context.out.progress('drafting', client.call('draft', { body: asked.request }));
  requireAsAsked(
    {
      request: asked.request,
      broker: asked.broker,
      state,
      self: asked.self ?? null,
      commitment: asked.commitment ?? null,
    },
    statement,
  );
  const clientSecret = text === undefined ? null : new Secret('client secret', text);
  await requireHashOf(clientSecret, statement);
  for (const note of notes) context.out.note(`note: ${note}`);
  return { statement, clientSecret };
}

/** From a request to a proposed statement, with one signature by this profile's key. */
export async function proposeSigned(
  context: Context,
  seat: Seat,
  request: DraftRequest,
  beside: Beside & { readonly state?: AuthorityState } = {},
): Promise<StatementAnswer> {
  return (await proposeWithSecret(context, seat, request, beside)).answer;
}

/** The same, with the client secret that the draft brought; null where it brought none. */
export async function proposeWithSecret(
  context: Context,
  seat: Seat,
  request: DraftRequest,
  beside: Beside & { readonly state?: AuthorityState } = {},
): Promise<{ readonly answer: StatementAnswer; readonly clientSecret: Secret | null }> {
  const { client, profile } = seat;
  const state = beside.state ?? (await ownAuthority(context, seat));
  const whole = beside.credential === undefined ? request : { ...request, ...credentialOf(beside) };
  const { statement, clientSecret } = await draftWithSecret(context, client, {
    request: whole,
    broker: profile.broker,
    state,
    self: state.keys.get(profile.kid)?.human ?? null,
    commitment: beside.commitment ?? null,
  });
  context.out.show([
    ...descriptionLines(context, state, statement),
    ...(await consequenceLines(state, statement)),
  ]);
  const envelope = await envelopeOf(statement, [await unlock(context, 'to sign this')]);
  const answer = await context.out.progress(
    'proposing',
    client.call('propose', { body: { envelope, ...credentialOf(beside) } }),
  );
  return { answer, clientSecret };
}

function credentialOf({ credential }: Beside): { credential?: CredentialBeside } {
  return credential === undefined ? {} : { credential };
}

export async function envelopeOf(statement: Statement, keys: readonly Secret[]): Promise<Envelope> {
  const decoded = encodeStatement(statement);
  const signatures = await Promise.all(keys.map((key) => signStatement(decoded, key)));
  return { payload: decoded.payload, signatures, assertions: [] };
}

/** Where a statement stands, in lines. */
export function standingLines(answer: StatementAnswer): string[] {
  const lines: string[] = [];
  if (answer.status === 'pending') {
    lines.push(`waiting: ${answer.have} of ${answer.need} signatures`);
    for (const missing of answer.missing) lines.push(`  missing: ${clean(missing)}`);
    lines.push(`  another human runs: countersign sign ${answer.id}`);
    if (answer.effective_from !== null) {
      lines.push(
        `  or it takes effect by itself ${shortTime(answer.effective_from)}, unless somebody vetoes it`,
      );
    }
  } else if (answer.status === 'cooling_off') {
    const from = answer.effective_from;
    lines.push(
      `signed: ${answer.kind} ${answer.id}`,
      `  takes effect ${from === null ? 'when its signatures suffice again' : shortTime(from)}`,
      '  until then any human can veto it:',
      `    countersign reject ${answer.id} --reason TEXT`,
    );
  } else {
    lines.push(`${answer.status}: ${answer.kind} ${answer.id}`);
  }
  if (answer.leases_revoked > 0) {
    lines.push(`${counted(answer.leases_revoked, 'lease')} ended; their open sessions are cut.`);
  }
  if (answer.leases_pending > 0) {
    lines.push(
      `! ${counted(answer.leases_pending, 'lease')} could not be ended yet; the broker keeps trying.`,
    );
  }
  if (answer.mirrored === false && answer.kind !== 'restore.accept') {
    lines.push(
      '! It is written, but not in the mirror yet: until it is, a restored backup',
      '! could undo it.',
    );
  }
  return lines;
}

export function statusAfter(answer: StatementAnswer): ExitStatus {
  return answer.status === 'pending' ? EXIT.waiting : EXIT.done;
}

/** Prints the answer to a proposal or signature; what comes next only once there is something to go on with. */
export function settle(context: Context, answer: StatementAnswer, more: readonly string[] = []) {
  const isThere = answer.status === 'complete';
  const lines = more.filter((line) => isThere || !line.startsWith('next: '));
  context.out.result(answer, [...standingLines(answer), ...lines]);
  return statusAfter(answer);
}
