import { inspect } from 'node:util';
import { Secret } from '@countersign/core';
import { describe, expect, it } from 'vitest';
import {
  type Provider,
  type ProviderConnection,
  ProviderError,
  RequestRefusal,
  sanitizeErrors,
  withDeadline,
} from '../src/index.ts';
import { createKeyProvider } from './key-provider.ts';

const connection: ProviderConnection = {
  id: 'c1',
  brokerTag: 'aaaaaaaa',
  config: { host: 'here' },
  credential: new Secret('root', 'root-of-keys'),
};

/** The key provider with each asynchronous call replaced. */
function failing(call: () => Promise<never>): Provider {
  const { issuer, gateway, ...provider } = createKeyProvider();
  if (issuer === undefined || gateway === undefined) throw new Error('keys are issued');
  return {
    ...provider,
    expand: call,
    resolveConfig: call,
    check: call,
    close: call,
    issuer: { ...issuer, issue: call, revoke: call, reap: call },
    runner: { operations: [], longestRun: 1, dryRun: call, run: call, outcome: call },
    gateway: { ...gateway, classify: call },
    assessor: { assesses: () => true, assess: call },
  };
}

const SCRIPT = { script: 'x', resource: 'y', requireStart: () => undefined };

const REQUEST = {
  method: 'POST',
  path: '/door/front',
  query: null,
  headers: new Map<string, string>(),
  body: new Uint8Array(),
};

const CALLS = {
  expand: (provider: Provider) => provider.expand(connection, 'keys:open', 'door/a'),
  resolveConfig: (provider: Provider) => provider.resolveConfig({}, connection.credential),
  check: (provider: Provider) => provider.check(connection),
  close: (provider: Provider) => provider.close(),
  issue: (provider: Provider) =>
    provider.issuer?.issue(connection, {
      leaseId: 'l',
      rights: [],
      expiresAt: 0,
      maxConnections: 1,
      acceptedEscapes: [],
      requireStart: () => undefined,
    }),
  revoke: (provider: Provider) => provider.issuer?.revoke(connection, 'l'),
  reap: (provider: Provider) => provider.issuer?.reap(connection, async () => new Set()),
  dryRun: (provider: Provider) => provider.runner?.dryRun(connection, { id: 'd', ...SCRIPT }),
  run: (provider: Provider) =>
    provider.runner?.run(connection, {
      leaseId: 'l',
      expiresAt: 0,
      operations: [],
      signed: true,
      beforeCommit: async () => undefined,
      ...SCRIPT,
    }),
  outcome: (provider: Provider) => provider.runner?.outcome(connection, '1'),
  assess: (provider: Provider) =>
    provider.assessor?.assess(connection, { operation: 'keys:open', resource: 'door/a' }),
  classify: (provider: Provider) => provider.gateway?.classify(connection, REQUEST),
} as const;

const failure = (call: Promise<unknown> | undefined): Promise<unknown> =>
  Promise.resolve(call).then(
    () => 'no failure',
    (error: unknown) => error,
  );

describe.each(Object.entries(CALLS))('%s', (name, call) => {
  it('turns an exception nobody expected into unknown_outcome, without its text', async () => {
    const secret = 'p4ssw0rd-in-a-driver-error';
    const leaking = Object.assign(new Error(secret), { parameters: [secret], query: secret });
    const error = await failure(call(sanitizeErrors(failing(() => Promise.reject(leaking)))));
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({ kind: 'unknown_outcome' });
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(secret);
  });

  it('keeps kind and message of a ProviderError, and nothing that hangs on it', async () => {
    const cause = new Error('p4ssw0rd');
    const thrown = new ProviderError('refused', 'No such table.', { cause });
    const error = await failure(call(sanitizeErrors(failing(() => Promise.reject(thrown)))));
    expect(error).toMatchObject({ kind: 'refused', message: 'No such table.' });
    expect(error).not.toHaveProperty('cause');
  });

  it('ends in time when the provider never answers', async () => {
    const silent = withDeadline(
      failing(() => new Promise<never>(() => {})),
      { [name]: 1 },
    );
    const changes = ['issue', 'revoke', 'reap', 'run'].includes(name);
    expect(await failure(call(silent))).toMatchObject({
      kind: changes ? 'unknown_outcome' : 'unavailable',
    });
  });
});

it('has no issuer, runner, gateway and assessor where the provider has none', () => {
  const { issuer: _, gateway: __, ...provider } = createKeyProvider();
  expect('issuer' in sanitizeErrors(provider)).toBe(false);
  expect('runner' in sanitizeErrors(provider)).toBe(false);
  expect('gateway' in sanitizeErrors(provider)).toBe(false);
  expect('assessor' in sanitizeErrors(provider)).toBe(false);
});

describe('a request that is refused', () => {
  const calls = [{ operation: 'keys:open', resource: 'door/front' }];
  const refusing = failing(() =>
    Promise.reject(new RequestRefusal('ambiguous_request', 'Two doors.', calls)),
  );

  it('passes every decorator as what it is, with what it would have done', async () => {
    const wrapped = withDeadline(sanitizeErrors(refusing), { classify: 1000 });
    const error = await failure(wrapped.gateway?.classify(connection, REQUEST));
    expect(error).toBeInstanceOf(RequestRefusal);
    expect(error).toMatchObject({ code: 'ambiguous_request', message: 'Two doors.', calls });
  });
});

describe('what a request was classified as', () => {
  const ask = { fresh: true, spend: () => new AbortController().signal };
  const resolving = (resolve: () => Promise<never>): Provider => {
    const provider = createKeyProvider();
    if (provider.gateway === undefined) throw new Error('keys are forwarded');
    return {
      ...provider,
      gateway: { ...provider.gateway, classify: async () => ({ calls: [], resolve }) },
    };
  };

  it('asks the provider through the same decorators', async () => {
    const leaking = resolving(() => Promise.reject(new Error('p4ssw0rd')));
    const classified = await sanitizeErrors(leaking).gateway?.classify(connection, REQUEST);
    expect(await failure(classified?.resolve(ask))).toMatchObject({ kind: 'unknown_outcome' });
    const silent = withDeadline(
      resolving(() => new Promise<never>(() => {})),
      { resolve: 1 },
    );
    const waiting = await silent.gateway?.classify(connection, REQUEST);
    expect(await failure(waiting?.resolve(ask))).toMatchObject({ kind: 'unavailable' });
  });
});
