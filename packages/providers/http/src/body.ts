/** Bodies of the declared type, with one reading, and as they are sent: made from what was read (Law 3). */
import { parseJsonText } from '@countersign/core';
import type { InboundRequest } from '@countersign/provider-kit';
import type { BodyDescription } from './description/shape.ts';
import { isMethodOverride, readFields, renderFields, requireKnown } from './query.ts';
import { ambiguous, unreadable } from './refuse.ts';

/** Bytes where the description sets no limit. */
export const LONGEST_BODY = 262_144;

export interface ReadBody {
  /** What conditions and patterns look into; undefined where there is nothing. */
  readonly document: unknown;
  readonly contentType: string | null;
  readonly bytes: Uint8Array | null;
}

const NOTHING: ReadBody = { document: undefined, contentType: null, bytes: null };

/**
 * The body as described, and as it is sent; of none nothing, whatever was declared.
 *
 * @param described undefined: the operation has no body
 * @param operation its name, for the refusal
 * @throws RequestRefusal `unparseable_request`, `ambiguous_request`, `unknown_operation`
 */
export function readBody(
  request: Pick<InboundRequest, 'headers' | 'body'>,
  described: BodyDescription | undefined,
  operation: string,
): ReadBody {
  const { headers, body } = request;
  if (body.length === 0) return NOTHING;
  if (described === undefined) throw unreadable(`${operation} has no body.`);
  const type = typeOf(headers.get('content-type') ?? '');
  switch (described.type) {
    case 'json':
      return readJson(body, type, described, operation);
    case 'form':
      return readForm(body, type, described, operation);
    case 'bytes': {
      if (!described.content.includes(type.essence) || type.parameters !== '') {
        throw unreadable(`${operation} takes ${described.content.join(' or ')}.`);
      }
      return { document: undefined, contentType: type.essence, bytes: body };
    }
  }
}

type Described = Extract<BodyDescription, { keys: unknown }>;

function readJson(
  body: Uint8Array,
  type: ContentType,
  described: Described,
  operation: string,
): ReadBody {
  if (!isUtf8(type) || !/^application\/(?:[a-z0-9.-]+\+)?json$/.test(type.essence)) {
    throw unreadable(`${operation} takes application/json in UTF-8.`);
  }
  let document: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    document = parseJsonText(text, 'The body');
  } catch {
    throw unreadable('The body has to be JSON in UTF-8 with one reading: no name twice, no mark.');
  }
  const objects = described.list === true && Array.isArray(document) ? document : [document];
  for (const each of objects) {
    if (typeof each !== 'object' || each === null || Array.isArray(each)) {
      throw unreadable(`${operation} takes an object.`);
    }
    requireNoOverride(Object.keys(each));
    requireKnown(Object.keys(each), described.keys, operation);
  }
  return {
    document,
    contentType: 'application/json',
    bytes: new TextEncoder().encode(JSON.stringify(document)),
  };
}

function readForm(
  body: Uint8Array,
  type: ContentType,
  described: Described,
  operation: string,
): ReadBody {
  if (!isUtf8(type) || type.essence !== 'application/x-www-form-urlencoded') {
    throw unreadable(`${operation} takes application/x-www-form-urlencoded in UTF-8.`);
  }
  const fields = readFields(Buffer.from(body).toString('latin1'), 'The body', body.length);
  requireKnown(fields.keys(), described.keys, operation);
  return {
    document: documentOf(fields),
    contentType: type.essence,
    bytes: new TextEncoder().encode(renderFields(fields)),
  };
}

/** What a form says at its top: each field, and what is nested in it, under its first name. */
function documentOf(fields: ReturnType<typeof readFields>): Readonly<Record<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const [name, values] of fields) {
    const root = name.replace(/\[.*$/s, '');
    if (root === name) found.set(name, values[0] ?? '');
    else found.set(root, [...((found.get(root) as unknown[] | undefined) ?? []), ...values]);
  }
  return Object.fromEntries(found);
}

function requireNoOverride(names: readonly string[]): void {
  if (names.some(isMethodOverride)) throw ambiguous('The body could be taken for another method.');
}

interface ContentType {
  /** Lower case. */
  readonly essence: string;
  /** Without spaces, lower case. */
  readonly parameters: string;
}

function typeOf(text: string): ContentType {
  const [essence = '', ...parameters] = text.split(';');
  return {
    essence: essence.trim().toLowerCase(),
    parameters: parameters.join(';').replaceAll(/[\s"]/g, '').toLowerCase(),
  };
}

function isUtf8({ parameters }: ContentType): boolean {
  return parameters === '' || parameters === 'charset=utf-8';
}
