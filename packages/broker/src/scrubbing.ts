/**
 * No answer carries the credential back to an agent, wherever the provider repeats it: in a header, in a
 * body, cut in two by the network, or in the writing that a debug page gives it.
 */
import type { Secret } from '@countersign/core';

const MARK = Buffer.from('[redacted]');
/** Bytes: what is shorter is in every second answer, and no credential. */
const SHORTEST = 8;

/** Made once for each opened credential, and forgotten with it. */
const writingsBySecret = new WeakMap<Secret, readonly Buffer[]>();

/** The credential as it may be written. */
export function writingsOf(credential: Secret): readonly Buffer[] {
  const writings = writingsBySecret.get(credential) ?? makeWritings(credential);
  writingsBySecret.set(credential, writings);
  return writings;
}

function makeWritings(credential: Secret): readonly Buffer[] {
  const plain = credential.reveal();
  const texts = [
    plain,
    encodeURIComponent(plain),
    JSON.stringify(plain).slice(1, -1),
    plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
    ...base64Of(plain),
  ];
  const distinct = [...new Set(texts)].filter((text) => text === plain || text.length >= SHORTEST);
  return distinct.filter((text) => text !== '').map((text) => Buffer.from(text, 'utf8'));
}

/** What base64 makes of it after none, one or two other bytes, without what those bytes decide. */
function base64Of(plain: string): string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(plain, 'utf8')]);
    const from = before === 0 ? 0 : before + 1;
    const text = bytes.toString('base64').replace(/=+$/, '');
    const inner = text.slice(from, bytes.length % 3 === 0 ? undefined : -1);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

export function scrubText(text: string, writings: readonly Buffer[]): string {
  return writings.reduce(
    (scrubbed, writing) => scrubbed.replaceAll(writing.toString('utf8'), MARK.toString()),
    text,
  );
}

/** A whole answer without the credential. */
export function scrubWhole(
  bytes: Buffer<ArrayBuffer>,
  writings: readonly Buffer[],
): Buffer<ArrayBuffer> {
  const { parts, from } = redact(bytes, writings);
  return parts.length === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(from)]);
}

/** The same bytes without the credential. What may be its beginning waits for what follows. */
export async function* scrubbed(
  chunks: AsyncIterable<Uint8Array>,
  writings: readonly Buffer[],
): AsyncGenerator<Uint8Array> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const [done, rest] = scrub(Buffer.concat([held, chunk]), writings);
    held = rest;
    if (done.length > 0) yield done;
  }
  if (held.length > 0) yield held;
}

/** What may go on, and what may be the beginning of the credential. */
function scrub(bytes: Buffer, writings: readonly Buffer[]): [Buffer, Buffer] {
  const { parts, from } = redact(bytes, writings);
  const open = bytes.length - beginningAtEnd(bytes.subarray(from), writings);
  return [Buffer.concat([...parts, bytes.subarray(from, open)]), bytes.subarray(open)];
}

/**
 * All up to the last place where the credential stood, and where the rest begins. Each writing is looked for only
 * behind where it was found last, so that an answer full of one takes no longer than its length.
 */
function redact(
  bytes: Buffer,
  writings: readonly Buffer[],
): { readonly parts: readonly Buffer[]; readonly from: number } {
  const parts: Buffer[] = [];
  const found = writings.map((writing) => ({ at: bytes.indexOf(writing), writing }));
  let from = 0;
  for (;;) {
    let next: { readonly at: number; readonly length: number } | null = null;
    for (const each of found) {
      if (each.at >= 0 && each.at < from) each.at = bytes.indexOf(each.writing, from);
      const { at } = each;
      const { length } = each.writing;
      if (at < 0) continue;
      if (next === null || at < next.at || (at === next.at && length > next.length)) {
        next = { at, length };
      }
    }
    if (next === null) return { parts, from };
    parts.push(bytes.subarray(from, next.at), MARK);
    from = next.at + next.length;
  }
}

/** Bytes at the end with which one of them begins. */
function beginningAtEnd(bytes: Buffer, writings: readonly Buffer[]): number {
  const longest = Math.max(0, ...writings.map((writing) => writing.length - 1));
  for (let length = Math.min(longest, bytes.length); length > 0; length -= 1) {
    const end = bytes.subarray(bytes.length - length);
    if (writings.some((writing) => writing.subarray(0, length).equals(end))) return length;
  }
  return 0;
}
