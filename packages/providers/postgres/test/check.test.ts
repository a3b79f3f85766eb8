/** What an admin is told about a target before it is trusted. */
import { randomUUID } from 'node:crypto';
import { Secret } from '@countersign/core';
import { describe, expect, it } from 'vitest';
import { codeOf, onEveryServer, orderOf, ROOT_PASSWORD, right } from './support/fixture.ts';

await onEveryServer('check', (fixture, server) => {
  const findings = async (): Promise<readonly string[]> => {
    const { findings } = await fixture().provider.check(fixture().connection);
    return findings.filter(({ ok }) => !ok).map(({ text }) => text);
  };
  /** Before PostgreSQL 16 there is always one. */
  const usual = server.includes(' 15') ? [expect.stringContaining('SET ROLE')] : [];

  it('finds nothing wrong where nothing is', async () => {
    const check = await fixture().provider.check(fixture().connection);
    expect(check).toMatchObject({ ok: true, escapes: [] });
    expect(check.findings[0]?.text).toMatch(/SCRAM-SHA-256; system identifier \d+/);
    expect(await findings()).toEqual(usual);
  });

  it.each([
    [
      'GRANT TEMPORARY ON DATABASE app TO PUBLIC',
      'REVOKE TEMPORARY ON DATABASE "app" FROM PUBLIC;',
    ],
    [
      'GRANT CONNECT ON DATABASE other TO PUBLIC',
      'REVOKE CONNECT ON DATABASE "other" FROM PUBLIC;',
    ],
    ['GRANT CREATE ON SCHEMA public TO PUBLIC', 'REVOKE CREATE ON SCHEMA "public" FROM PUBLIC;'],
    ['GRANT DELETE ON sales.booking TO PUBLIC', 'REVOKE ALL ON sales.booking FROM PUBLIC;'],
    ['GRANT SELECT (card) ON sales.booking TO PUBLIC', 'REVOKE ALL ON sales.booking FROM PUBLIC;'],
  ])('says how to close: %s', async (opened, remedy) => {
    const { admin } = fixture();
    await admin.unsafe(opened);
    expect(await findings()).toEqual([...usual, expect.stringContaining(remedy)]);
    await admin.unsafe(remedy);
    await admin.unsafe(
      remedy.replace('ALL ON', 'ALL (card) ON').replace(/^REVOKE (?!ALL).*/, 'SELECT'),
    );
    expect(await findings()).toEqual(usual);
  });

  describe('of another kind of account', () => {
    const as = async (username: string) => {
      const { provider, connection } = fixture();
      const credential = new Secret('root', ROOT_PASSWORD);
      const { system_identifier: _, ...draft } = connection.config;
      const { config } = await provider.resolveConfig({ ...draft, username }, credential);
      return { ...connection, id: randomUUID(), config, credential };
    };

    it('a superuser works and is reported as more than is needed', async () => {
      const { admin, provider, issuer } = fixture();
      await admin.unsafe(`CREATE ROLE almighty SUPERUSER LOGIN PASSWORD '${ROOT_PASSWORD}'`);
      const connection = await as('almighty');
      const check = await provider.check(connection);
      expect(check.ok).toBe(true);
      const advice = check.findings.find(({ ok, text }) => !ok && text.includes('superuser'));
      const script = advice?.text.slice(advice.text.indexOf('CREATE ROLE')) ?? '';
      expect(script).toContain('CREATE ROLE countersign_broker');
      await admin.unsafe(script.replace('…', ROOT_PASSWORD));
      const smallest = { ...(await as('countersign_broker')), brokerTag: 'small001' };
      const small = await provider.check(smallest);
      expect(small).toMatchObject({ ok: true, escapes: [] });
      const own = orderOf(randomUUID(), [right('insert', 'sales.booking')]);
      await issuer.issue(smallest, own);
      await issuer.revoke(smallest, own.leaseId);
      expect((await issuer.reap(smallest, async () => new Set())).failed ?? []).toEqual([]);
      const order = orderOf(randomUUID(), [
        right('insert', 'sales.booking'),
        right('delete', 'sales.room'),
      ]);
      const { credential } = await issuer.issue({ ...connection, brokerTag: 'super001' }, order);
      expect(credential['username']).toMatch(/^csl_super001_/);
      await issuer.revoke({ ...connection, brokerTag: 'super001' }, order.leaseId);
      await issuer.reap({ ...connection, brokerTag: 'super001' }, async () => new Set());
    });

    it('one that only may pass rights on works once it may pass on all of them', async () => {
      const { admin, issuer, session } = fixture();
      await admin.unsafe(`CREATE ROLE granter LOGIN CREATEROLE PASSWORD '${ROOT_PASSWORD}';
        GRANT CONNECT ON DATABASE app TO granter; GRANT SELECT ON sales.booking TO granter WITH GRANT OPTION;
        GRANT DELETE ON sales.room TO granter`);
      const connection = { ...(await as('granter')), brokerTag: 'grant001' };
      const order = orderOf(randomUUID(), [
        right('select', 'sales.booking'),
        right('delete', 'sales.room'),
      ]);
      const refusals = [
        'GRANT CONNECT ON DATABASE "app" TO <role> WITH GRANT OPTION',
        'GRANT USAGE ON SCHEMA "sales" TO <role> WITH GRANT OPTION',
        'GRANT DELETE ON TABLE "sales"."room" TO <role> WITH GRANT OPTION',
      ];
      for (const remedy of refusals) {
        await expect(issuer.issue(connection, order)).rejects.toMatchObject({
          kind: 'misconfigured',
          message: expect.stringMatching(/may not pass on all rights|lacks a right/),
        });
        await admin.unsafe(remedy.replace('<role>', 'granter'));
      }
      const issued = await issuer.issue(connection, order);
      const agent = session({
        username: String(issued.credential['username']),
        password: issued.primary.reveal(),
      });
      expect(await codeOf(agent`SELECT FROM sales.booking`)).toBe('ok');
      expect(await codeOf(agent`DELETE FROM sales.room WHERE id = 1`)).toBe('42501');
      expect(await codeOf(agent`DELETE FROM sales.room`)).toBe('ok');
      await issuer.revoke(connection, order.leaseId);
      expect((await issuer.reap(connection, async () => new Set())).revoked).toEqual([]);
    });
  });
});
