/** Query strings and forms with one reading: no name twice, no `;`, every escape of text. */
import { ambiguous, unknown, unreadable } from './refuse.ts';

/** Bytes of a query string. */
const LONGEST = 8_192;

/** Names by which some servers take another method than the one they were sent. */
const OVERRIDE = /^_?(?:http_?)?method(?:_?override)?$/i;
const OVERRIDE_HEADER = /^x[-_](?:http[-_])?method(?:[-_]override)?$/i;

export type Fields = ReadonlyMap<string, readonly string[]>;

/** Whether a field of that name could be taken for another method. */
export function isMethodOverride(name: string): boolean {
  return (OVERRIDE.test(name) && name.toLowerCase() !== 'method') || OVERRIDE_HEADER.test(name);
}

/**
 * `application/x-www-form-urlencoded` (WHATWG URL section 5.1), as one reading: values by decoded name, in the order
 * they came. A name that ends in `[]` may come again.
 *
 * @param what it is, for the refusal, e.g. `The query`
 * @param longest in bytes
 * @throws RequestRefusal `unparseable_request`, `ambiguous_request`
 */
export function readFields(text: string, what: string, longest = LONGEST): Fields {
  const fields = new Map<string, string[]>();
  if (text === '') return fields;
  if (text.length > longest) throw unreadable(`${what} has at most ${longest} bytes.`);
  if (!/^[A-Za-z0-9._~!$&'()*+,=:@%/?[\]{}|"<>^`-]*$/.test(text)) {
    throw unreadable(`${what} has a character that has to be encoded, or a second separator.`);
  }
  for (const pair of text.split('&')) {
    const at = pair.indexOf('=');
    const name = decode(at < 0 ? pair : pair.slice(0, at), what);
    const value = at < 0 ? '' : decode(pair.slice(at + 1), what);
    if (name === '') throw unreadable(`${what} has a parameter without a name.`);
    const present = fields.get(name);
    if (present !== undefined && !name.endsWith('[]')) {
      throw ambiguous(`${what} has ${clip(name)} twice.`);
    }
    fields.set(name, [...(present ?? []), value]);
  }
  for (const name of fields.keys()) {
    if (isMethodOverride(name)) throw ambiguous(`${what} could be taken for another method.`);
    // `a[b]` and `a` are one thing to one server and two to another.
    const root = name.replace(/\[.*$/s, '');
    const isMixed =
      root !== name && (fields.has(root) || (fields.has(`${root}[]`) && name !== `${root}[]`));
    if (isMixed) throw ambiguous(`${what} has ${clip(root)} in two forms.`);
  }
  return fields;
}

function decode(text: string, what: string): string {
  try {
    const value = decodeURIComponent(text.replaceAll('+', ' '));
    if (!value.includes('\0')) return value;
  } catch {
    // Said below.
  }
  throw unreadable(`${what} has an escape that is no text.`);
}

/**
 * @param known of the operation; `common`: of all operations
 * @throws RequestRefusal `unknown_operation` for a name that is neither
 */
export function requireKnown(
  names: Iterable<string>,
  known: readonly string[] | 'any',
  operation: string,
  common: readonly string[] = [],
): void {
  if (known === 'any') return;
  for (const name of names) {
    // `created[gte]` is a part of created.
    const root = name.replace(/\[.*$/s, '');
    if ([name, root].some((each) => known.includes(each) || common.includes(each))) continue;
    const shown = [...known, ...common].slice(0, 12).join(', ');
    throw unknown(
      `What ${clip(name)} does to ${operation} is not known. Known: ${shown === '' ? 'nothing' : shown}.`,
    );
  }
}

/** As it is sent: made from what was read. */
export function renderFields(fields: Fields): string {
  return [...fields]
    .flatMap(([name, values]) =>
      values.map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`),
    )
    .join('&');
}

/** A name as it may be repeated to whoever sent it. */
function clip(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]/g, '?');
  return plain.length > 60 ? `${plain.slice(0, 60)}…` : plain;
}
