import { describe, expect, it } from 'vitest';
import { describeConfig, isLoopback, parseConfig, parseDraft } from '../src/config.ts';

const complete = {
  host: 'DB.Example.com',
  database: 'orders',
  username: 'broker',
  sslmode: 'verify-full',
  system_identifier: '7710236868112533323',
};

describe('a complete configuration', () => {
  it.each([
    [{}, 'db.example.com:5432/orders'],
    [{ port: 6432 }, 'db.example.com:6432/orders'],
    [{ host: '10.0.0.1' }, '10.0.0.1:5432/orders'],
    [{ host: '2001:DB8::0:1' }, '[2001:db8::1]:5432/orders'],
    [{ host: 'localhost', sslmode: 'disable' }, 'localhost:5432/orders'],
    [{ host: '127.0.0.2', sslmode: 'disable' }, '127.0.0.2:5432/orders'],
    [{ host: '::1', sslmode: 'disable' }, '[::1]:5432/orders'],
    [{ database: 'a/b c' }, 'db.example.com:5432/a/b c'],
  ])('%j has the endpoint %s', (change, endpoint) => {
    const described = describeConfig(parseConfig({ ...complete, ...change }));
    expect(described).toMatchObject({ endpoint, account: 'broker', ids: [endpoint] });
    expect(describeConfig(parseConfig(described.config))).toEqual(described);
  });
});

describe('is refused as misconfigured', () => {
  it.each([
    [{ host: undefined }],
    [{ host: '' }],
    [{ host: 'a b' }],
    [{ host: 'a/b' }],
    [{ host: 'a:5432' }],
    [{ host: 'a,b' }],
    [{ host: '/var/run/postgresql' }],
    [{ host: 'fe80::1%eth0' }],
    [{ port: 0 }],
    [{ port: 65536 }],
    [{ port: '5432' }],
    [{ database: '' }],
    [{ database: 'a\0b' }],
    [{ username: 'x'.repeat(64) }],
    [{ sslmode: 'require' }],
    [{ sslmode: 'prefer' }],
    [{ sslmode: undefined }],
    [{ sslmode: 'disable' }],
    [{ host: '10.0.0.1', sslmode: 'disable' }],
    [{ host: '127.1', sslmode: 'disable' }],
    [{ host: 'localhost.example.com', sslmode: 'disable' }],
    [{ ca: 'not a certificate' }],
    [{ system_identifier: undefined }],
    [{ system_identifier: 7710236868112533 }],
    [{ system_identifier: '' }],
    [{ password: 'x' }],
    [{ options: '-c log_statement=none' }],
  ])('%j', (change) => {
    const refused = expect(() => parseConfig({ ...complete, ...change }));
    refused.toThrow(expect.objectContaining({ name: 'ProviderError', kind: 'misconfigured' }));
  });
});

it('says what to do about a server elsewhere without TLS', () => {
  expect(() => parseDraft({ ...complete, sslmode: 'disable' })).toThrow(/use "verify-full"/);
});

it.each([
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['localhost', true],
  ['128.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['0.0.0.0', false],
  ['::', false],
  ['127.evil.example', false],
])('%s is on this machine: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
