/** `client_secret_basic` has one spelling; whatever else a header says is no client. */
import { describe, expect, test } from 'vitest';
import { readClientAuthorization } from '../src/basic-client.ts';

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');
const read = (authorization: string) => {
  const client = readClientAuthorization(new Headers({ authorization }));
  return client === null ? null : [client.clientId, client.clientSecret.reveal()];
};

test('no header is no client', () => {
  expect(readClientAuthorization(new Headers())).toBeNull();
});

test.each<[string, string, [string, string]]>([
  ['as curl sends it', `Basic ${base64('cursor:s3cret_-x')}`, ['cursor', 's3cret_-x']],
  ['in any letter case', `bASIC ${base64('a:b')}`, ['a', 'b']],
  // RFC 6749 section 2.3.1 with its appendix B: reserved and other characters are percent-encoded.
  ['form-urlencoded', `Basic ${base64('a%3Ab:c%25d%2Be')}`, ['a:b', 'c%d+e']],
  ['with a plus for a blank', `Basic ${base64('a+b:c')}`, ['a b', 'c']],
  ['beyond ASCII, encoded', `Basic ${base64('caf%C3%A9:%E2%82%AC')}`, ['café', '€']],
])('%s', (_, header, expected) => {
  expect(read(header)).toEqual(expected);
});

describe('refused', () => {
  test.each([
    ['another scheme', 'Bearer abc'],
    ['DPoP', 'DPoP a.b.c'],
    ['no credentials', 'Basic'],
    ['empty credentials', 'Basic '],
    ['two blanks', `Basic  ${base64('a:b')}`],
    ['what is no base64', 'Basic a:b'],
    ['base64url', `Basic ${base64('~~~:???').replaceAll('/', '_').replaceAll('+', '-')}`],
    ['base64 without its padding', `Basic ${base64('a:bc').replace('=', '')}`],
    ['base64 with a bit too many', 'Basic YTpjZH=='],
    ['a parameter after it', `Basic ${base64('a:b')}, realm="x"`],
    ['two headers joined', `Basic ${base64('a:b')}, Basic ${base64('a:b')}`],
    ['no colon', `Basic ${base64('ab')}`],
    ['two colons', `Basic ${base64('a:b:c')}`],
    ['no id', `Basic ${base64(':b')}`],
    ['no secret', `Basic ${base64('a:')}`],
    ['a bad escape', `Basic ${base64('a:%zz')}`],
    ['half an escape', `Basic ${base64('a:%4')}`],
    ['an overlong form of a slash', `Basic ${base64('a:%C0%AF')}`],
    ['an encoded NUL', `Basic ${base64('a:b%00')}`],
    ['a raw line break', `Basic ${base64('a:b\n')}`],
    ['raw UTF-8', `Basic ${base64('é:b')}`],
    ['raw Latin-1', `Basic ${base64(Buffer.from('é:b', 'latin1'))}`],
    ['3 KB', `Basic ${base64(`a:${'b'.repeat(3_000)}`)}`],
  ])('%s', (_, header) => {
    expect(() => read(header)).toThrow(
      expect.objectContaining({ oauthError: 'invalid_client', code: 'unauthenticated' }),
    );
  });
});

test('a refusal never repeats what the header said', () => {
  const said = expect.not.stringMatching(/the-secret|dGhl/);
  expect(() => read(`Basic ${base64('cursor:the-secret:')}`)).toThrow(
    expect.objectContaining({ message: said }),
  );
});
