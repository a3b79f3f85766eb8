/** Ledger entries as lines of 80 columns. */
import { decodeStatement, signerOf } from '@countersign/authority';
import {
  type EntryView,
  RestoredBody,
  StatementProposedBody,
  StatementSignedBody,
} from '@countersign/contract';
import type { Context } from './context.ts';
import { recordOf } from './key-file.ts';
import { clean, clip, shortTime, WIDTH } from './text.ts';

/** Names of agents and humans by id, for entries that hold ids. */
export type Names = ReadonlyMap<string, string>;

/** Calls of one forwarded request that are named; more are counted. */
const MOST_CALLS = 3;

/** Index, time, type, and the little that fits. */
export function entryLine(entry: EntryView, names: Names): string {
  const head = `${String(entry.index).padStart(5)}  ${shortTime(entry.time)}  ${clean(entry.type).padEnd(20)}`;
  return clip(`${head}  ${clean(gist(entry, names))}`.trimEnd(), WIDTH);
}

/** The whole entry. */
export function entryLines(context: Context, entry: EntryView, names: Names): string[] {
  return [
    context.out.bold(entryLine(entry, names)),
    `id ${clean(entry.id)}`,
    ...JSON.stringify(entry.body, null, 2).split('\n').map(clean),
  ];
}

function gist({ type, body }: EntryView, names: Names): string {
  try {
    if (type === 'statement.proposed') {
      const { envelope } = StatementProposedBody.parse(body);
      const { statement } = decodeStatement(envelope.payload);
      return `${statement.kind} ${nameIn(statement.body)}`;
    }
    if (type === 'statement.signed') {
      const { statement, signatures } = StatementSignedBody.parse(body);
      return `${statement.slice(0, 13)} by ${signatures.map((each) => signerOf(each).slice(0, 8))}`;
    }
    if (type === 'restored') {
      const { database, lost, replayed } = RestoredBody.parse(body);
      const gap = lost === null ? '' : `, ${lost.first} to ${lost.last} lost`;
      return `from ${database.size} entries${gap}, ${replayed} statements replayed`;
    }
  } catch {
    return 'unreadable';
  }
  const { verdict, code, stage, agent, human } = body;
  const who = [agent, human].filter(isText).map((id) => names.get(id) ?? id.slice(0, 13));
  return [verdict, code, ...who, stage, nameIn(body)].filter(isText).join(' ');
}

/** Of a forwarded request what it did or would have done, a line each: its entry holds all of it. */
export function callLines({ body }: Pick<EntryView, 'body'>): string[] {
  if (body['stage'] !== 'forward') return [];
  const asked = recordOf(body['asked']);
  const calls = [body['rights'], asked?.['calls'], asked?.['asks']].flatMap((list) =>
    Array.isArray(list) ? list.flatMap(productOf) : [],
  );
  const more = calls.length - MOST_CALLS;
  return [...calls.slice(0, MOST_CALLS), ...(more > 0 ? [`and ${more} more`] : [])].map((call) =>
    clip(`       ${clean(call)}`, WIDTH),
  );
}

/** Operations times resources of a right, a call or what was asked, each as a line has it. */
function productOf(value: unknown): string[] {
  const record = recordOf(value);
  const named = (what: string): string[] =>
    [record?.[what], record?.[`${what}s`]].flat().filter(isText);
  const on = named('resource');
  return named('operation').flatMap((name) =>
    on.length === 0 ? [name] : on.map((each) => `${name} ${each}`),
  );
}

function nameIn(body: object): string {
  const name = recordOf(body)?.['name'];
  return typeof name === 'string' ? name : '';
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
