/**
 * No answer carries the credential back to an agent, wherever the provider repeats it: in a header, in a
 * body, cut in two by the network, or in the writing that a debug page gives it.
 */
import type { Secret } from '@countersign/core';

const MARK = Buffer.from('[redacted]');
/** Bytes: what is shorter is in every second answer, and no credential. */
const SHORTEST = 8;

/** The credential as it may be written. */
export function writingsOf(credential: Secret): readonly Buffer[] {
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
  const parts: Buffer[] = [];
  let from = 0;
  for (;;) {
    const next = earliest(bytes, from, writings);
    if (next === null) break;
    parts.push(bytes.subarray(from, next.at), MARK);
    from = next.at + next.length;
  }
  const open = bytes.length - beginningAtEnd(bytes.subarray(from), writings);
  return [Buffer.concat([...parts, bytes.subarray(from, open)]), bytes.subarray(open)];
}

function earliest(
  bytes: Buffer,
  from: number,
  writings: readonly Buffer[],
): { readonly at: number; readonly length: number } | null {
  let found: { readonly at: number; readonly length: number } | null = null;
  for (const writing of writings) {
    const { length } = writing;
    const at = bytes.indexOf(writing, from);
    if (at < 0) continue;
    if (found === null || at < found.at || (at === found.at && length > found.length)) {
      found = { at, length };
    }
  }
  return found;
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
