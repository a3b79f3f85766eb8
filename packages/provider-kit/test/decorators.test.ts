import { inspect } from 'node:util';
import { Secret } from '@countersign/core';
import { describe, expect, it } from 'vitest';
import {
  type Provider,
  type ProviderConnection,
  ProviderError,
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
  const { issuer, ...provider } = createKeyProvider();
  if (issuer === undefined) throw new Error('keys are issued');
  return {
    ...provider,
    expand: call,
    resolveConfig: call,
    check: call,
    close: call,
    issuer: { ...issuer, issue: call, revoke: call, reap: call },
    runner: { operations: [], longestRun: 1, dryRun: call, run: call, outcome: call },
  };
}

const SCRIPT = { script: 'x', resource: 'y', requireStart: () => undefined };

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

it('has no issuer and no runner where the provider has none', () => {
  const { issuer: _, ...provider } = createKeyProvider();
  expect('issuer' in sanitizeErrors(provider)).toBe(false);
  expect('runner' in sanitizeErrors(provider)).toBe(false);
});
