/** C2SP signed-note: whose signatures count, and what is no note. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeVkey, type NoteSigner, openNote, parseVkey, signNote } from '../src/index.ts';

const TEXT = 'log.example\n1\nroot\n';

function newSigner(name: string): NoteSigner {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return {
    name,
    publicKey: Buffer.from(x, 'base64url'),
    sign: (bytes) => sign(null, bytes, privateKey),
  };
}

const known = ({ name, publicKey }: NoteSigner) => parseVkey(encodeVkey(name, publicKey));
const lineOf = (note: string): string => note.slice(note.lastIndexOf('—'));

const ours = newSigner('log.example');
const renewed = newSigner('log.example');
const witness = newSigner('witness.example');
let note: string;
/** By the key that this log has anew, and by somebody else's. */
let others: readonly string[];
beforeAll(async () => {
  note = await signNote(TEXT, ours);
  others = [lineOf(await signNote(TEXT, renewed)), lineOf(await signNote(TEXT, witness))];
});

describe('a signature', () => {
  test('of a key that is not known is no matter, though its name is', () => {
    const signed = `${note}${others.join('')}`;
    expect(openNote(signed, [known(ours)])).toBe(TEXT);
    expect(openNote(signed, [known(renewed)])).toBe(TEXT);
    expect(openNote(signed, [known(ours), known(witness)])).toBe(TEXT);
  });

  test('of a known key that does not verify refuses the note, whatever else it carries', () => {
    const other = note.replace('root', 'tree');
    expect(() => openNote(`${other}${others[1]}`, [known(ours), known(witness)])).toThrow(
      /known key does not verify/,
    );
    expect(() => openNote(`${other}${others[1]}`, [known(renewed)])).toThrow(/no known key/);
  });

  test('may stand beside ninety-nine others, and no more', () => {
    const [other = ''] = others;
    expect(openNote(`${note}${other.repeat(99)}`, [known(ours)])).toBe(TEXT);
    expect(() => openNote(`${note}${other.repeat(100)}`, [known(ours)])).toThrow(
      /too many signatures/,
    );
  });
});

describe('what is no note', () => {
  test.each<[string, (note: string) => string, RegExp]>([
    ['without a blank line', (text) => text.replace('\n\n', '\n'), /no blank line/],
    ['without text', (text) => text.slice(TEXT.length - 1), /does not end in a newline/],
    ['that is nothing', () => '', /no blank line/],
    ['whose last line is cut off', (text) => text.slice(0, -1), /cut off/],
    ['without a signature line', () => `${TEXT}\n`, /cut off/],
    ['with an empty signature line', (text) => `${text}\n`, /cut off/],
    ['with a word behind a signature', (text) => text.replace(/\n$/, ' x\n'), /malformed/],
    ['with a word before it', (text) => text.replace('\n—', '\nx —'), /malformed/],
    ['with a signature of no bytes', () => `${TEXT}\n— log.example AAAAAA==\n`, /malformed/],
    ['with a name that is none', () => `${TEXT}\n— log+example AAAAAAAA\n`, /malformed/],
    ['with a control character', (text) => `\u0007${text}`, /control character/],
    ['with a lone surrogate', (text) => `\ud800${text}`, /Unicode/],
    ['of 262,145 characters', (text) => `${'a'.repeat(262_145 - text.length)}${text}`, /too long/],
  ])('is refused: %s', (_, change, why) => {
    expect(() => openNote(change(note), [known(ours)])).toThrow(why);
  });
});

test('a note may have 262,144 characters', async () => {
  const length = 262_144 - (note.length - TEXT.length) - 1;
  const long = await signNote(`${'a'.repeat(length)}\n`, ours);
  expect(long).toHaveLength(262_144);
  expect(openNote(long, [known(ours)])).toHaveLength(length + 1);
});

describe('a verifier key', () => {
  test.each([
    ['of another form', 'log.example', /name\+id\+base64/],
    ['of another kind of key', `log.example+00000000+${'Ag'.padEnd(44, 'A')}`, /type 0x01/],
    [
      'with an id that is not its own',
      encodeVkey(ours.name, ours.publicKey).replace(/\+[0-9a-f]{8}\+/, '+00000000+'),
      /not that of its name and key/,
    ],
  ])('is refused: %s', (_, vkey, why) => {
    expect(() => parseVkey(vkey)).toThrow(why);
  });

  test.each([31, 33])('is refused with %d bytes', (bytes) => {
    expect(() => encodeVkey('log.example', Buffer.alloc(bytes))).toThrow(/32 bytes/);
  });
});
