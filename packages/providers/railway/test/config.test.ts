/** A connection says where a credential goes, whose it is, and what it is used for; the rest is refused. */
import { Secret } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { describe, expect, test } from 'vitest';
import { type Gated, openGate } from './support/gateway.ts';

const LOCAL = 'http://127.0.0.1:8421';
const ID = '0b0b0b0b-0000-4000-8000-000000000000';

const resolve = ({ provider }: Gated, config: Readonly<Record<string, unknown>>, secret: string) =>
  provider.resolveConfig({ endpoint: LOCAL, ...config }, new Secret('railway', secret));

describe('a configuration', () => {
  test('is completed with what Railway knows, and then stays the same', async () => {
    const gated = openGate();
    const { rental, provider } = gated;
    const { account, workspace, staging } = rental.tokens;
    for (const [token, { secret }, whose] of [
      ['account', account, `user/${rental.userId}`],
      ['workspace', workspace, `workspace/${rental.workspaceId}`],
      ['project', staging, `project/${rental.projectId}`],
    ] as const) {
      const resolved = await resolve(gated, { token, projects: [rental.projectId] }, secret);
      expect(resolved).toMatchObject({ endpoint: LOCAL, account: whose });
      expect([...resolved.ids].sort()).toEqual([rental.staging.id, rental.production.id].sort());
      expect(provider.describeConfig(resolved.config)).toEqual(resolved);
      expect(await resolve(gated, resolved.config, secret)).toEqual(resolved);
    }
  });

  test('of a token of another kind, or of a project out of reach, is misconfigured', async () => {
    const gated = openGate();
    const { rental } = gated;
    const { account, workspace, staging } = rental.tokens;
    const projects = [rental.projectId];
    for (const [config, secret] of [
      [{ token: 'workspace', projects }, account.secret],
      [{ token: 'account', projects }, workspace.secret],
      [{ token: 'project', projects }, account.secret],
      [{ token: 'account', projects }, staging.secret],
      [{ token: 'account', projects: [ID] }, account.secret],
    ] as const) {
      await expect(resolve(gated, config, secret)).rejects.toMatchObject({ kind: 'misconfigured' });
    }
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['another host', { endpoint: 'https://backboard.railway.com.evil.example' }],
    ['Railway’s older host', { endpoint: 'https://backboard.railway.app' }],
    ['Railway in clear', { endpoint: 'http://backboard.railway.com' }],
    ['another port', { endpoint: 'https://backboard.railway.com:8443' }],
    ['a path', { endpoint: 'https://backboard.railway.com/graphql/v2' }],
    ['a user in it', { endpoint: 'https://a@backboard.railway.com' }],
    ['a machine in the network', { endpoint: 'http://10.0.0.1:8421' }],
    ['TLS on this machine', { endpoint: 'https://127.0.0.1:8421' }],
    ['no kind of token', { token: undefined }],
    ['an unknown kind of token', { token: 'team' }],
    ['no project', { projects: [] }],
    ['a project twice', { projects: [ID, ID] }],
    ['a project by its name', { projects: ['rental'] }],
    ['an id in upper case', { projects: [ID.toUpperCase()] }],
    ['something more', { header: 'x' }],
  ])('with %s is misconfigured', async (_what, changed) => {
    const gated = openGate();
    const config = { endpoint: LOCAL, token: 'account', projects: [ID], ...changed };
    const outcome = gated.provider.resolveConfig(config, new Secret('railway', 'x'));
    await expect(outcome).rejects.toMatchObject({ kind: 'misconfigured' });
  });

  test('that was never completed describes nothing', () => {
    const { provider } = openGate();
    expect(() => provider.describeConfig({ token: 'account', projects: [ID] })).toThrow(
      ProviderError,
    );
  });
});

describe('two connections', () => {
  test('are one target where they share a project', async () => {
    const { provider, connection } = openGate();
    expect(await provider.sameTarget(connection, { ...connection, id: 'other' })).toBe(true);
    const [project] = connection.config['projects'] as [object];
    const other = { ...connection.config, projects: [{ ...project, id: ID }] };
    expect(await provider.sameTarget(connection, { ...connection, config: other })).toBe(false);
  });
});

describe('a check', () => {
  test('says whose the token is, how far it reaches, and what is new there', async () => {
    const gated = openGate();
    const { provider, connection, rental, simulator } = gated;
    const good = await provider.check(connection);
    expect(good.ok).toBe(true);
    expect(good.findings.every(({ ok }) => ok)).toBe(true);
    simulator.world.put('environment', { ...rental.staging, id: ID, name: 'new' });
    const grown = await provider.check(connection);
    expect(grown.ok).toBe(true);
    expect(
      grown.findings
        .filter(({ ok }) => !ok)
        .map(({ text }) => text)
        .join(),
    ).toContain('new');
  });

  test('is not ok with another account’s token', async () => {
    const { provider, connection } = openGate();
    const config = { ...connection.config, account: `user/${ID}` };
    expect((await provider.check({ ...connection, config })).ok).toBe(false);
  });

  test('is not ok with a token that Railway does not know', async () => {
    const { provider, connection } = openGate();
    const credential = new Secret('railway', 'unknown');
    const { ok, findings } = await provider.check({ ...connection, credential });
    expect(ok).toBe(false);
    expect(JSON.stringify(findings)).not.toContain('"unknown"');
  });
});

describe('the credential', () => {
  test('goes into the header of its kind, and a use comes back only where nothing was done', () => {
    const { gateway, connection, rental } = openGate();
    const injected = gateway.inject(connection);
    expect(injected.name).toBe('authorization');
    expect(injected.value.reveal()).toBe(`Bearer ${rental.tokens.account.secret}`);
    const config = { ...connection.config, token: 'project' };
    expect(gateway.inject({ ...connection, config }).name).toBe('project-access-token');
    const refused = [200, 400, 401, 403, 404, 429, 500, 502].filter((status) =>
      gateway.refused(status),
    );
    expect(refused).toEqual([429]);
  });
});
