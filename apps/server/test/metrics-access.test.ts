/** Who may read the metrics: never whoever happens to reach the listener. */
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../src/config.ts';
import { createMetricsAccess } from '../src/metrics/access.ts';
import { readMetricsToken } from '../src/metrics/token.ts';

const TOKEN = 'a-token-of-more-than-32-characters-0123456789';

interface Knock {
  readonly token?: boolean;
  readonly behindProxy?: boolean;
  readonly peer: string;
  readonly authorization?: string;
  readonly host?: string;
}

function admits(knock: Knock): boolean {
  const { token = false, behindProxy = false, host = 'localhost', peer, authorization } = knock;
  const access = createMetricsAccess({
    token: token ? new Secret('metrics token', TOKEN) : null,
    behindProxy,
  });
  const headers = authorization === undefined ? {} : { authorization };
  const request = new Request(`http://${host}/metrics`, { headers });
  access.from(request, peer);
  return access.admits(request);
}

describe('without a token', () => {
  test.each<[boolean, string, Knock]>([
    [true, 'a peer on this machine', { peer: '127.0.0.1' }],
    [true, 'a peer on this machine, by IPv6', { peer: '::1' }],
    [true, 'by an address of it', { peer: '127.0.0.1', host: '127.0.0.1:8420' }],
    [true, 'by an IPv6 address of it', { peer: '::1', host: '[::1]:8420' }],
    [false, 'a page whose name leads here', { peer: '127.0.0.1', host: 'rebound.example:8420' }],
    [false, 'a peer elsewhere', { peer: '192.0.2.7' }],
    [false, 'a peer nobody knows', { peer: '' }],
    [false, 'whoever comes through a proxy on this machine', { behindProxy: true, peer: '::1' }],
  ])('%s: %s', (expected, _, knock) => {
    expect(admits(knock)).toBe(expected);
  });

  test('a request whose peer nobody noted is refused', () => {
    const access = createMetricsAccess({ token: null, behindProxy: false });
    expect(access.admits(new Request('http://localhost/metrics'))).toBe(false);
  });
});

describe('with a token', () => {
  const away = { token: true, behindProxy: true, peer: '192.0.2.7' };
  test.each<[boolean, string, Knock]>([
    [true, 'whoever shows it', { ...away, authorization: `Bearer ${TOKEN}` }],
    [false, 'whoever shows none', away],
    [false, 'a peer on this machine that shows none', { ...away, peer: '127.0.0.1' }],
    [false, 'another token', { ...away, authorization: `Bearer ${TOKEN}x` }],
    [false, 'another scheme', { ...away, authorization: `Basic ${TOKEN}` }],
    [false, 'an empty one', { ...away, authorization: 'Bearer ' }],
    [false, 'two of them', { ...away, authorization: `Bearer ${TOKEN} ${TOKEN}` }],
  ])('%s: %s', (expected, _, knock) => {
    expect(admits(knock)).toBe(expected);
  });
});

describe('past the proxies', () => {
  const access = createMetricsAccess({ token: new Secret('t', TOKEN), behindProxy: true });
  const headers = { authorization: `Bearer ${TOKEN}` };
  test.each([
    [true, '/metrics', headers],
    [true, '/metrics?', headers],
    [false, '/metrics', {}],
    [false, '/metrics/', headers],
    [false, '/%6detrics', headers],
    [false, '/v1/broker', headers],
    [false, '/v1/broker?/metrics', headers],
  ])('%s: %s', (expected, path, shown) => {
    expect(access.opens(new Request(`http://x${path}`, { headers: shown }))).toBe(expected);
  });
});

describe('the file with the token', () => {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-metrics-'));
  function file(text: string, mode: number): string {
    const path = join(directory, `token-${mode}-${text.length}`);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  test('may be left out', () => {
    expect(readMetricsToken(null)).toBeNull();
  });

  test('is read without the end of its line', () => {
    expect(readMetricsToken(file(`${TOKEN}\n`, 0o640))?.reveal()).toBe(TOKEN);
  });

  test.each([
    ['that is not there', () => join(directory, 'nowhere'), /cannot be read/],
    ['that everybody can read', () => file(TOKEN, 0o644), /everybody can read/],
    ['that is empty', () => file('', 0o600), /32 characters or more/],
    ['with a short one', () => file('short', 0o600), /32 characters or more/],
    ['with two lines', () => file(`${TOKEN}\n${TOKEN}`, 0o600), /32 characters or more/],
  ])('stops the start: one %s', (_, path, words) => {
    expect(() => readMetricsToken(path())).toThrow(ConfigError);
    expect(() => readMetricsToken(path())).toThrow(words);
  });
});
