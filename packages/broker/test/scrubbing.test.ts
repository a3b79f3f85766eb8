/** The credential comes back in no answer, however the network cuts it and however it is written. */
import { Secret } from '@countersign/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scrubbed, scrubText, scrubWhole, writingsOf } from '../src/scrubbing.ts';

async function* chunksOf(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const cut of [...at, bytes.length]) {
    yield bytes.subarray(from, cut);
    from = cut;
  }
}

async function through(text: string, credential: string, cuts: readonly number[]): Promise<string> {
  const chunks: Uint8Array[] = [];
  const writings = writingsOf(new Secret('c', credential));
  for await (const chunk of scrubbed(chunksOf(Buffer.from(text), cuts), writings)) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function atOnce(text: string, credential: string): string {
  return scrubWhole(Buffer.from(text), writingsOf(new Secret('c', credential))).toString();
}

const CREDENTIAL = 'r00t-credential/of+"Räilway"&<co>';

describe('a body', () => {
  const credential = fc.string({
    unit: fc.constantFrom('a', 'b', 'c'),
    minLength: 3,
    maxLength: 9,
  });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), maxLength: 60 });
  const cuts = fc.array(fc.nat(120), { maxLength: 20 });

  test('law: of whatever is cut however, nothing of the credential is left, and nothing else is gone', async () => {
    await fc.assert(
      fc.asyncProperty(credential, text, text, cuts, async (secret, before, after, at) => {
        const whole = `${before}${secret}${after}`;
        const seen = await through(whole, secret, at);
        expect(seen).not.toContain(secret);
        expect(seen).toBe(whole.replaceAll(secret, '[redacted]'));
        expect(atOnce(whole, secret)).toBe(seen);
      }),
    );
  });

  test.each([
    ['as it is', CREDENTIAL],
    ['in a URL', encodeURIComponent(CREDENTIAL)],
    ['in JSON', JSON.stringify(CREDENTIAL)],
    ['in HTML', 'r00t-credential/of+&quot;Räilway&quot;&amp;&lt;co>'],
    ['in base64', Buffer.from(CREDENTIAL).toString('base64')],
    ['in base64url', Buffer.from(CREDENTIAL).toString('base64url')],
    ['in Basic, behind one byte', Buffer.from(`:${CREDENTIAL}`).toString('base64')],
    ['in Basic, behind two', Buffer.from(`a:${CREDENTIAL}`).toString('base64')],
    ['in Basic, before more', Buffer.from(`me:${CREDENTIAL}:more`).toString('base64')],
  ])('has it no more, written %s', async (_, written) => {
    const cuts = Array.from({ length: written.length + 1 }, (_each, cut) => 7 + cut);
    const text = `before ${written} after`;
    const streamed = await Promise.all(cuts.map((cut) => through(text, CREDENTIAL, [cut])));
    for (const seen of [atOnce(text, CREDENTIAL), ...streamed]) {
      expect(seen).toMatch(/^before .*\[redacted\].* after$/);
      // What is left of base64 are the characters that stand for bytes beside it too.
      expect(seen.length).toBeLessThan('before [redacted] after'.length + 16);
    }
  });

  test('is handed on as it comes where nothing in it looks like one', async () => {
    const writings = writingsOf(new Secret('c', 'r00t-credential'));
    const stream = scrubbed(chunksOf(Buffer.from('data: one\n\ndata: two\n\n'), [11]), writings);
    expect(Buffer.from((await stream.next()).value ?? []).toString()).toBe('data: one\n\n');
  });
});

test('a header has it no more', () => {
  const writings = writingsOf(new Secret('c', CREDENTIAL));
  expect(scrubText(`W/"${CREDENTIAL}"`, writings)).toBe('W/"[redacted]"');
});
