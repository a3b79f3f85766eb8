/**
 * Request bodies: which may come at all, of what type, and never more of one in memory than the limit.
 */
import type { Route } from '@countersign/contract';
import { inputError } from '@countersign/core';
import { parseForm } from './form-text.ts';
import { parseJson } from './json-text.ts';

/** Bytes. A statement is 32 KiB of canonical bytes at most, in base64url, with what goes beside it. */
const MAX_BODY_BYTES = 96 * 1024;

const CONTENT_TYPES = {
  json: /^application\/json(?:\s*;\s*charset=(?:utf-8|"utf-8"))?$/i,
  form: /^application\/x-www-form-urlencoded(?:\s*;\s*charset=(?:utf-8|"utf-8"))?$/i,
} as const;

/**
 * What the headers alone already say about the body, so that a refusal costs no reading.
 *
 * @throws CountersignError `unsupported_media_type`, `too_large`, `invalid_request`
 */
export function checkBodyHeaders(route: Route, headers: Headers): void {
  if (headers.has('content-encoding')) {
    throw inputError('unsupported_media_type', 'Content-Encoding is not accepted.');
  }
  const length = headers.get('content-length');
  if (length !== null && !/^\d{1,15}$/.test(length)) {
    throw inputError('invalid_request', 'Content-Length is not a number.');
  }
  if (Number(length) > longestOf(route)) throw tooLarge(route);
  if (route.body === undefined) {
    // A GET's body never reaches us, only its framing does.
    if (Number(length) > 0 || headers.has('transfer-encoding')) throw noBodyHere();
  } else if (!CONTENT_TYPES[route.body.type].test(headers.get('content-type') ?? '')) {
    const type =
      route.body.type === 'json' ? 'application/json' : 'application/x-www-form-urlencoded';
    throw inputError('unsupported_media_type', `The body must be ${type} in UTF-8.`);
  }
}

/**
 * Reads and parses the body a route takes; undefined for a route that takes none.
 *
 * @throws CountersignError `too_large`, `invalid_request`
 */
export async function readBody(route: Route, request: Request): Promise<unknown> {
  if (route.body === undefined) {
    if ((await readBytes(request, 0, noBodyHere)).length > 0) throw noBodyHere();
    return undefined;
  }
  const bytes = await readWhole(request, longestOf(route), () => tooLarge(route));
  if (route.body.type === 'json') return parseJson(bytes);
  return parseForm(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
}

/** A body of any type, whole. @param limit bytes @throws CountersignError `too_large`, `invalid_request` */
export async function readAtMost(request: Request, limit: number): Promise<Uint8Array> {
  const tooLong = (): Error =>
    inputError('too_large', `The body is larger than the ${limit} bytes that are read here.`);
  if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLong();
  return await readWhole(request, limit, tooLong);
}

/**
 * With a Content-Length, which was held against the limit before and at which HTTP ends the body, it needs no stream
 * around it.
 */
async function readWhole(
  request: Request,
  limit: number,
  refusal: () => Error,
): Promise<Uint8Array> {
  if (!request.headers.has('content-length')) return await readBytes(request, limit, refusal);
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await request.arrayBuffer());
  } catch {
    throw inputError('invalid_request', 'The body was cut short.');
  }
  if (bytes.length > limit) throw refusal();
  return bytes;
}

async function readBytes(
  request: Request,
  limit: number,
  refusal: () => Error,
): Promise<Uint8Array> {
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await read(reader);
      if (done) return Buffer.concat(chunks, length);
      length += value.length;
      // Counted as it comes: nothing has said how long it is.
      if (length > limit) throw refusal();
      chunks.push(value);
    }
  } finally {
    // Not cancelled: that would close the connection before the refusal is written.
    reader.releaseLock();
  }
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch {
    throw inputError('invalid_request', 'The body was cut short.');
  }
}

function longestOf({ body }: Route): number {
  return body?.longest ?? MAX_BODY_BYTES;
}

function tooLarge(route: Route): Error {
  return inputError('too_large', `The body is larger than ${longestOf(route) / 1024} KiB.`);
}

function noBodyHere(): Error {
  return inputError('invalid_request', 'This request takes no body.');
}
