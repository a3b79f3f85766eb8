import { describe, expect, test } from 'vitest';
import { peekTokenKid } from '../src/index.ts';
import { accessClaims, broker, header } from './own-tokens.ts';
import { encode, forge } from './support.ts';

const genuine = forge(header, accessClaims, broker);

describe('the key that a token names', () => {
  test('is read before anything else of it is', () => {
    expect(peekTokenKid(genuine)).toBe(broker.kid);
    const [first] = genuine.split('.');
    expect(peekTokenKid(`${first}.nothing.AAAA`)).toBe(broker.kid);
  });

  test.each<[string, string]>([
    ['is nothing', ''],
    ['is no JWT', 'r00t-credential'],
    ['has a header that is no JSON', `${encode('{')}.e30.AAAA`],
    ['names none', forge({ alg: 'EdDSA', typ: 'at+jwt' }, accessClaims, broker)],
    ['names what is no thumbprint', forge({ ...header, kid: 'broker' }, accessClaims, broker)],
    ['says more than it may', forge({ ...header, jku: 'https://evil' }, accessClaims, broker)],
    [
      'names two',
      `${encode(JSON.stringify(header).replace('{', `{"kid":"${broker.kid}",`))}.e30.AAAA`,
    ],
    ['is longer than any', `${genuine}${'A'.repeat(16 * 1024)}`],
  ])('is none where a token %s', (_, token) => {
    expect(peekTokenKid(token)).toBeNull();
  });
});
