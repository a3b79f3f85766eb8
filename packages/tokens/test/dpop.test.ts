import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { verifyDpopProof } from '../src/index.ts';
import {
  encode,
  everyMutationIsRefused,
  expectRefusal,
  forge,
  forgeHmac,
  lastCharacterVariants,
  NOW,
  NOW_S,
  newHolder,
  privateJwkOf,
  withDuplicate,
} from './support.ts';

const { rfc9449 } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/rfc-jose.json', import.meta.url), 'utf8'),
);
const holder = await newHolder();
const ec = await newHolder('P-256');
const other = await newHolder();
const URL_ = 'https://broker.example/gateway/railway/graphql/v2';
const TOKEN = 'the.access.token';
const request = { method: 'POST', url: URL_, now: NOW };
const header = { typ: 'dpop+jwt', alg: 'EdDSA', jwk: holder.jwk };
const claims = { jti: 'proof-1', htm: 'POST', htu: URL_, iat: NOW_S };
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url');
const withAth = { ...claims, ath: sha256(TOKEN) };
const verify = (proof: string | string[] | undefined, over: object = {}) =>
  verifyDpopProof(proof, { ...request, ...over });

describe('the examples of RFC 9449', () => {
  test.each(['token_request', 'resource_request'])('%s', async (name) => {
    const { proof, method, url, iat, jti, access_token } = rfc9449[name];
    const verified = await verifyDpopProof(proof, {
      method,
      url,
      now: iat * 1000,
      jkt: rfc9449.jkt,
      ...(access_token === undefined ? {} : { accessToken: access_token }),
    });
    expect(verified).toMatchObject({ jkt: rfc9449.jkt, jti, iat });
  });
});

describe('accepted', () => {
  test.each<[string, object, object, object, typeof holder]>([
    ['EdDSA', header, claims, {}, holder],
    ['Ed25519', { ...header, alg: 'Ed25519' }, claims, {}, holder],
    ['ES256', { ...header, alg: 'ES256', jwk: ec.jwk }, claims, {}, ec],
    ['with the token it goes with', header, withAth, { accessToken: TOKEN }, holder],
    ['by the key the token is bound to', header, claims, { jkt: holder.kid }, holder],
    ['a nonce nobody asked for', header, { ...claims, nonce: 'n' }, {}, holder],
    ['metadata in the key', { ...header, jwk: { ...holder.jwk, use: 'sig' } }, claims, {}, holder],
    ['5 s ahead', header, { ...claims, iat: NOW_S + 5 }, {}, holder],
    ['59 s old', header, { ...claims, iat: NOW_S - 59 }, {}, holder],
    ['one header in an array', header, claims, {}, holder],
  ])('%s', async (_, head, body, over, key) => {
    expect(await verify([forge(head, body, key)], over)).toMatchObject({ jkt: key.kid });
  });

  test('made by jose', async () => {
    const proof = await new SignJWT({ jti: 'j', htm: 'POST', htu: URL_, ath: sha256(TOKEN) })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: ec.jwk })
      .setIssuedAt(NOW_S)
      .sign(ec.privateKey);
    expect(await verify(proof, { accessToken: TOKEN })).toMatchObject({ jkt: ec.kid, jti: 'j' });
  });
});

describe('a proof for one body', () => {
  const body = Buffer.from('{"query":"{ me { id } }"}');
  const bdh = createHash('sha256').update(body).digest('base64url');

  test.each<[string, object, Uint8Array]>([
    ['its own', { ...claims, bdh }, body],
    ['none at all', { ...claims, bdh: sha256('') }, new Uint8Array()],
  ])('is good for %s', async (_, said, sent) => {
    await expect(verify(forge(header, said, holder), { body: sent })).resolves.toBeDefined();
  });

  test.each<[string, object, Uint8Array]>([
    ['another body', { ...claims, bdh }, Buffer.from('{"query":"{ me { id  } }"}')],
    ['no body', { ...claims, bdh }, new Uint8Array()],
    ['a body that it does not name', claims, body],
    ['a body that it names in hexadecimal', { ...claims, bdh: body.toString('hex') }, body],
    ['a body that it names padded', { ...claims, bdh: `${bdh}=` }, body],
  ])('is not good for %s', async (_, said, sent) => {
    await expectRefusal(verify(forge(header, said, holder), { body: sent }), 'sender_mismatch');
  });

  test('says nothing where the URL says what is asked', async () => {
    await expect(verify(forge(header, { ...claims, bdh }, holder))).resolves.toBeDefined();
  });
});

describe('one URL, however it is spelled', () => {
  test.each([
    ['HTTPS://Broker.EXAMPLE/a/b', 'https://broker.example/a/b'],
    ['https://broker.example:443/a/b', 'https://broker.example/a/b'],
    ['http://broker.example:80/', 'http://broker.example'],
    ['https://broker.example/x/../a/./b', 'https://broker.example/a/b'],
    ['https://broker.example/a/b', 'https://broker.example/a/b?wait=30#f'],
    ['http://localhost:8420/v1/me', 'http://localhost:8420/v1/me?x=https://y.example/'],
  ])('%s = %s', async (htu, url) => {
    await expect(verify(forge(header, { ...claims, htu }, holder), { url })).resolves.toBeDefined();
  });

  test.each([
    ['https://broker.example/a/b?wait=30', 'https://broker.example/a/b?wait=30'],
    ['https://broker.example/a/b?', 'https://broker.example/a/b'],
    ['https://broker.example/a/b#', 'https://broker.example/a/b'],
    ['https://broker.example/a/b/', 'https://broker.example/a/b'],
    ['https://broker.example/a/B', 'https://broker.example/a/b'],
    ['https://broker.example/a%2Fb', 'https://broker.example/a/b'],
    ['https://broker.example/a//b', 'https://broker.example/a/b'],
    ['https://broker.example/a\\b', 'https://broker.example/a/b'],
    ['https://broker.example/a/\tb', 'https://broker.example/a/b'],
    [' https://broker.example/a/b', 'https://broker.example/a/b'],
    ['https://broker.example/a/%zz', 'https://broker.example/a/%zz'],
    ['http://broker.example/a/b', 'https://broker.example/a/b'],
    ['https://broker.example:8443/a/b', 'https://broker.example/a/b'],
    ['https://broker.example.evil/a/b', 'https://broker.example/a/b'],
    ['https://user@broker.example/a/b', 'https://broker.example/a/b'],
    ['https:broker.example/a/b', 'https://broker.example/a/b'],
    ['//broker.example/a/b', 'https://broker.example/a/b'],
    ['/a/b', 'https://broker.example/a/b'],
    ['https://brökér.example/', 'https://xn--brkr-bpa9a.example/'],
    ['', 'https://broker.example/'],
    ['https://broker.example/', 'not a URL'],
  ])('%s ≠ %s', async (htu, url) => {
    const attempt = verify(forge(header, { ...claims, htu }, holder), { url });
    await expectRefusal(attempt, 'invalid_token');
  });
});

describe('attacks', () => {
  const hs = { ...header, alg: 'HS256' };
  const proof = forge(header, claims, holder);
  const attacks: [string, string | string[] | undefined, RegExp][] = [
    ['no header', undefined, /missing/],
    ['no header in the list', [], /missing/],
    ['an empty header', '', /three parts/],
    ['two headers', [proof, proof], /more than one/],
    ['two headers joined', `${proof}, ${proof}`, /more than one/],
    ['two headers joined without a space', `${proof},${proof}`, /more than one/],
    ['alg none', `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`, /canonical/],
    ['HS256 with the public key', forgeHmac(hs, claims, holder.jwk.x), /alg/],
    ['private key in jwk', forge({ ...header, jwk: privateJwkOf(holder) }, claims, holder), /jwk/],
    ['no jwk', forge({ typ: 'dpop+jwt', alg: 'EdDSA' }, claims, holder), /jwk/],
    ['a symmetric jwk', forge({ ...header, jwk: { kty: 'oct', k: 'AA' } }, claims, holder), /jwk/],
    ['another key in jwk', forge({ ...header, jwk: other.jwk }, claims, holder), /verify/],
    ['alg of another key type', forge({ ...header, alg: 'ES256' }, claims, holder), /fit/],
    ['crit', forge({ ...header, crit: ['x'], x: 1 }, claims, holder), /not allowed/],
    ['jku', forge({ ...header, jku: 'https://e.example' }, claims, holder), /not allowed/],
    ['kid in the header', forge({ ...header, kid: '../key' }, claims, holder), /not allowed/],
    ['an access token', forge({ ...header, typ: 'at+jwt' }, claims, holder), /typ/],
    ['a client assertion', forge({ ...header, typ: 'JWT' }, claims, holder), /typ/],
    ['no typ', forge({ alg: 'EdDSA', jwk: holder.jwk }, claims, holder), /typ/],
    ['another method', forge(header, { ...claims, htm: 'GET' }, holder), /htm/],
    ['method in lower case', forge(header, { ...claims, htm: 'post' }, holder), /htm/],
    ['another URL', forge(header, { ...claims, htu: `${URL_}/x` }, holder), /htu/],
    ['no htm', forge(header, { ...claims, htm: undefined }, holder), /htm/],
    ['no htu', forge(header, { ...claims, htu: undefined }, holder), /htu/],
    ['no jti', forge(header, { ...claims, jti: undefined }, holder), /jti/],
    ['jti of 257', forge(header, { ...claims, jti: 'j'.repeat(257) }, holder), /jti/],
    ['no iat', forge(header, { ...claims, iat: undefined }, holder), /iat/],
    ['iat as a string', forge(header, { ...claims, iat: String(NOW_S) }, holder), /iat/],
    ['60 s old', forge(header, { ...claims, iat: NOW_S - 60 }, holder), /old/],
    ['6 s ahead', forge(header, { ...claims, iat: NOW_S + 6 }, holder), /ahead/],
    ['ath where no token was sent', forge(header, withAth, holder), /ath/],
    ['a duplicate claim', forge(header, withDuplicate(claims, 'htm', 'GET'), holder), /twice/],
    [
      'a duplicate in jwk',
      forge(JSON.stringify(header).replace('"x"', '"x":"","x"'), claims, holder),
      /twice/,
    ],
    ['1 MB', 'A'.repeat(1 << 20), /too long/],
  ];
  test.each(attacks)('%s', async (_, header_, why) => {
    await expectRefusal(verify(header_), 'invalid_token', why);
  });

  test.each<[string, object, object]>([
    ['without ath', claims, { accessToken: TOKEN }],
    ['with the ath of another token', { ...claims, ath: sha256('x') }, { accessToken: TOKEN }],
    ['with an empty ath', { ...claims, ath: '' }, { accessToken: TOKEN }],
    ['by another key than the token’s', withAth, { accessToken: TOKEN, jkt: other.kid }],
  ])('genuine but %s', async (_, body, over) => {
    await expectRefusal(verify(forge(header, body, holder), over), 'sender_mismatch');
  });

  test('an algorithm the caller does not allow', async () => {
    await expectRefusal(verify(proof, { algorithms: ['ES256'] }), 'invalid_token', /alg/);
  });

  test('a clock that is not a number', async () => {
    await expectRefusal(verify(proof, { now: Number.NaN }), 'invalid_token');
  });

  test('every single-character mutation', async () => {
    await everyMutationIsRefused(proof, verify);
    for (const variant of lastCharacterVariants(proof)) {
      await expectRefusal(verify(variant), 'invalid_token');
    }
  });
});

describe('replay', () => {
  test('one proof has one id, whatever the spelling of the request', async () => {
    const proof = forge(header, claims, holder);
    const { replayId } = await verify(proof);
    expect(replayId).toBe(sha256(`${holder.kid}\0proof-1${URL_}`));
    expect((await verify(proof, { url: `${URL_}?again=1` })).replayId).toBe(replayId);
  });

  test('another key, jti or URL has another', async () => {
    const { replayId } = await verify(forge(header, claims, holder));
    const others = [
      await verify(forge({ ...header, jwk: other.jwk }, claims, other)),
      await verify(forge(header, { ...claims, jti: 'proof-2' }, holder)),
      await verify(forge(header, { ...claims, htu: `${URL_}x` }, holder), { url: `${URL_}x` }),
    ];
    for (const it of others) expect(it.replayId).not.toBe(replayId);
  });

  test('the id outlives the proof on every replica', async () => {
    const proof = forge(header, claims, holder);
    const { expiresAt } = await verify(proof);
    expect(expiresAt).toBe(NOW + 60_000 + 10_000);
    await expectRefusal(verify(proof, { now: expiresAt - 10_000 }), 'invalid_token', /old/);
  });
});
