/**
 * The provider contract as a suite: what the broker relies on, asked of every provider in the same
 * words. An adapter's test is a few lines that say how to reach it (style: one suite, many adapters).
 */
import { effectOf, isOperation, providerOf, Secret } from '@countersign/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProviderError } from './error.ts';
import { type Gateway, type InboundRequest, RequestRefusal, type ResolveAsk } from './gateway.ts';
import type {
  IssuedCredential,
  Issuer,
  LeaseOrder,
  Provider,
  ProviderConnection,
} from './provider.ts';

/** Resources of one operation, for the laws of `canonicalResource` and `covers`. */
export interface ResourceSamples {
  readonly operation: string;
  /** Spellings that have a canonical form. */
  readonly valid: readonly string[];
  /** Spellings that have none: patterns, the wrong kind, unparseable. */
  readonly invalid: readonly string[];
}

/** What the suite needs to know about one provider. */
export interface ContractSubject {
  readonly provider: Provider;
  readonly connection: ProviderConnection;
  /** A connection that nothing answers; every call on it must fail with a ProviderError. */
  readonly unreachable: ProviderConnection;
  readonly samples: readonly ResourceSamples[];
  /** For a provider with an issuer. */
  readonly leases?: LeaseSubject;
  /** For a provider with a gateway. */
  readonly gateway?: GatewaySubject;
  /** Ends what the set-up began, after `provider.close()`. */
  end(): Promise<void>;
}

export interface LeaseSubject {
  /** A fresh lease id. */
  leaseId(): string;
  order(leaseId: string): LeaseOrder;
  /** True when the provider accepts this credential now. Asks the provider itself. */
  works(issued: IssuedCredential): Promise<boolean>;
}

export interface GatewaySubject {
  /** Requests it understands, whose target is proven. */
  readonly understood: readonly InboundRequest[];
  /** Requests that can be read in no way, or in two. */
  readonly strange: readonly InboundRequest[];
}

/** Declares the suite. `setup` runs once, in `beforeAll`. */
export function describeProviderContract(
  name: string,
  setup: () => Promise<ContractSubject>,
): void {
  describe(`provider contract: ${name}`, () => {
    let begun: ContractSubject | undefined;
    const subject = (): ContractSubject => {
      if (begun === undefined) throw new Error('the provider was not set up');
      return begun;
    };
    beforeAll(async () => {
      begun = await setup();
    });
    afterAll(async () => {
      await begun?.provider.close();
      await begun?.end();
    });
    describeCatalog(subject);
    describeResources(subject);
    describeFailures(subject);
    describeLeases(subject);
    describeGateway(subject);
  });
}

function describeCatalog(subject: () => ContractSubject): void {
  it('names each operation once, after the provider, with an effect in every class', () => {
    const { provider } = subject();
    const { operations } = provider.catalog;
    expect(provider.catalog.provider).toBe(provider.name);
    expect(operations.length).toBeGreaterThan(0);
    expect(new Set(operations.map((operation) => operation.name)).size).toBe(operations.length);
    for (const { name, summary, effects } of operations) {
      expect(isOperation(name), name).toBe(true);
      expect(providerOf(name), name).toBe(provider.name);
      expect(summary.trim(), name).not.toBe('');
      for (const environmentClass of ['production', 'development', null]) {
        for (const resource of ['whole', 'whole(part)']) {
          expect(effectOf(effects, { resource, environmentClass }), name).not.toBeNull();
        }
      }
    }
  });

  it('runs scripts only for known operations that no credential is minted for', () => {
    const { provider } = subject();
    for (const name of provider.runner?.operations ?? []) {
      const known = provider.catalog.operations.find((operation) => operation.name === name);
      expect(known, name).toMatchObject({ exchangeable: false });
    }
    expect(provider.runner?.longestRun ?? 1).toBeGreaterThan(0);
  });

  it('gives samples for known operations only', () => {
    const known = new Set(subject().provider.catalog.operations.map(({ name }) => name));
    for (const { operation } of subject().samples) expect(known.has(operation)).toBe(true);
  });
}

function describeResources(subject: () => ContractSubject): void {
  it('canonicalResource is idempotent, and null for what is no resource', () => {
    const { provider, samples } = subject();
    for (const { operation, valid, invalid } of samples) {
      for (const spelling of valid) {
        const canonical = provider.canonicalResource(operation, spelling);
        expect(canonical, spelling).not.toBeNull();
        if (canonical === null) continue;
        expect(provider.canonicalResource(operation, canonical)).toBe(canonical);
      }
      for (const spelling of invalid) {
        expect(provider.canonicalResource(operation, spelling), spelling).toBeNull();
      }
    }
  });

  it('knows no resource of an operation it does not know', () => {
    const { provider, samples } = subject();
    for (const spelling of samples.flatMap(({ valid }) => valid)) {
      expect(provider.canonicalResource(`${provider.name}:noSuchOperation`, spelling)).toBeNull();
      expect(provider.covers(`${provider.name}:noSuchOperation`, spelling, spelling)).toBe(false);
    }
  });

  it('covers is reflexive and transitive, and mutual only between equals', () => {
    const { provider, samples } = subject();
    for (const { operation, valid } of samples) {
      const canonical = valid.flatMap(
        (spelling) => provider.canonicalResource(operation, spelling) ?? [],
      );
      for (const a of canonical) {
        expect(provider.covers(operation, a, a), a).toBe(true);
        for (const b of canonical) {
          if (!provider.covers(operation, a, b)) continue;
          if (provider.covers(operation, b, a)) expect(a).toBe(b);
          for (const c of canonical) {
            if (provider.covers(operation, b, c)) {
              expect(provider.covers(operation, a, c), `${a} ${b} ${c}`).toBe(true);
            }
          }
        }
      }
    }
  });

  it('a plain resource expands to itself', async () => {
    const { provider, connection, samples } = subject();
    for (const { operation, valid } of samples) {
      for (const spelling of valid) {
        expect(await provider.expand(connection, operation, spelling)).toEqual([
          provider.canonicalResource(operation, spelling),
        ]);
      }
    }
  });

  it('describes a complete configuration without asking, the same each time', () => {
    const { provider, connection } = subject();
    const described = provider.describeConfig(connection.config);
    expect(provider.describeConfig(described.config)).toEqual(described);
    expect(described.endpoint).not.toBe('');
    expect(described.account).not.toBe('');
    const touched = provider.environmentIds(connection.config, []);
    for (const id of touched) expect(described.ids).toContain(id);
  });
}

function describeFailures(subject: () => ContractSubject): void {
  it('a configuration it does not understand is misconfigured', async () => {
    const { provider, connection } = subject();
    const odd = { ...connection.config, noSuchSetting: true };
    expect(() => provider.describeConfig(odd)).toThrow(ProviderError);
    const failure = await failureOf(provider.resolveConfig(odd, new Secret('test', 'wrong')));
    expect(failure.kind).toBe('misconfigured');
  });

  it('an unreachable provider fails with a bare ProviderError, never a driver error', async () => {
    const { provider, unreachable, leases } = subject();
    const attempts: Promise<unknown>[] = [
      provider.resolveConfig(unreachable.config, unreachable.credential),
    ];
    const { issuer } = provider;
    if (issuer !== undefined && leases !== undefined) {
      attempts.push(
        issuer.issue(unreachable, leases.order(leases.leaseId())),
        issuer.revoke(unreachable, leases.leaseId()),
        issuer.reap(unreachable, async () => new Set()),
      );
    }
    if (provider.runner !== undefined) attempts.push(provider.runner.outcome(unreachable, '1'));
    for (const failure of await Promise.all(attempts.map(failureOf))) {
      expect(failure.kind).toBe('unavailable');
      expect(failure.cause).toBeUndefined();
      expect(Object.getOwnPropertyNames(failure).sort()).toEqual([
        'kind',
        'message',
        'name',
        'stack',
      ]);
      expect(`${failure.message}${failure.stack}`).not.toContain(unreachable.credential.reveal());
    }
    expect((await provider.check(unreachable)).ok).toBe(false);
  });
}

function describeLeases(subject: () => ContractSubject): void {
  const having = (): {
    issuer: Issuer;
    leases: LeaseSubject;
    connection: ProviderConnection;
  } | null => {
    const { provider, leases, connection } = subject();
    if (provider.issuer === undefined) {
      expect(leases, 'leases without an issuer').toBeUndefined();
      return null;
    }
    if (leases === undefined) throw new Error('an issuer needs a LeaseSubject');
    return { issuer: provider.issuer, leases, connection };
  };

  it('issues what works, revokes it for good, and revokes twice', async () => {
    const it = having();
    if (it === null) return;
    const leaseId = it.leases.leaseId();
    const issued = await it.issuer.issue(it.connection, it.leases.order(leaseId));
    expect(issued.primary).toBeInstanceOf(Secret);
    expect(JSON.stringify(issued)).not.toContain(issued.primary.reveal());
    expect(await it.leases.works(issued)).toBe(true);
    await it.issuer.revoke(it.connection, leaseId);
    if (it.issuer.revocation === 'immediate') expect(await it.leases.works(issued)).toBe(false);
    await it.issuer.revoke(it.connection, leaseId);
  });

  it('issue is idempotent per lease id: the latest credential is the only one', async () => {
    const it = having();
    if (it === null) return;
    const leaseId = it.leases.leaseId();
    const first = await it.issuer.issue(it.connection, it.leases.order(leaseId));
    const second = await it.issuer.issue(it.connection, it.leases.order(leaseId));
    expect(await it.leases.works(second)).toBe(true);
    if (it.issuer.revocation === 'immediate') expect(await it.leases.works(first)).toBe(false);
    await it.issuer.revoke(it.connection, leaseId);
    if (it.issuer.revocation === 'immediate') expect(await it.leases.works(second)).toBe(false);
  });

  it('revoking a lease it never saw succeeds', async () => {
    const it = having();
    if (it === null) return;
    await it.issuer.revoke(it.connection, it.leases.leaseId());
  });

  it('reaps what no live lease stands for, and keeps what one does', async () => {
    const it = having();
    if (it === null || it.issuer.revocation !== 'immediate') return;
    const [kept, lost] = [it.leases.leaseId(), it.leases.leaseId()];
    const keeps = await it.issuer.issue(it.connection, it.leases.order(kept));
    const loses = await it.issuer.issue(it.connection, it.leases.order(lost));
    const report = await it.issuer.reap(it.connection, async () => new Set([kept]));
    expect(report.revoked).toContain(lost);
    expect(report.revoked).not.toContain(kept);
    expect(report.failed ?? []).toEqual([]);
    expect(await it.leases.works(keeps)).toBe(true);
    expect(await it.leases.works(loses)).toBe(false);
    await it.issuer.revoke(it.connection, kept);
    expect((await it.issuer.reap(it.connection, async () => new Set())).revoked).toEqual([]);
  });

  it('refuses an order for an operation it never exchanges', async () => {
    const it = having();
    if (it === null) return;
    const order = it.leases.order(it.leases.leaseId());
    const closed = subject().provider.catalog.operations.filter(
      ({ exchangeable }) => !exchangeable,
    );
    for (const operation of [...closed.map(({ name }) => name), 'nobody:knows']) {
      const rights = order.rights.map((right) => ({ ...right, operation }));
      const failure = await failureOf(it.issuer.issue(it.connection, { ...order, rights }));
      expect(failure.kind, operation).toBe('refused');
    }
  });
}

/** Asks that may go on for ever; each question is counted. */
function asking(questions: { count: number } = { count: 0 }): ResolveAsk {
  return {
    fresh: true,
    spend: () => {
      questions.count += 1;
      return new AbortController().signal;
    },
  };
}

function describeGateway(subject: () => ContractSubject): void {
  const having = (): { gateway: Gateway; requests: GatewaySubject } | null => {
    const { provider, gateway: requests } = subject();
    if (provider.gateway === undefined) {
      expect(requests, 'requests without a gateway').toBeUndefined();
      return null;
    }
    if (requests === undefined) throw new Error('a gateway needs a GatewaySubject');
    return { gateway: provider.gateway, requests };
  };

  it('understands a request as calls of its catalog on canonical resources, and never as none', async () => {
    const it = having();
    const { provider, connection } = subject();
    const known = new Set(provider.catalog.operations.map(({ name }) => name));
    for (const request of it?.requests.understood ?? []) {
      const classified = await it?.gateway.classify(connection, request);
      const resolved = await classified?.resolve(asking());
      const calls = [...(classified?.calls ?? []), ...(resolved?.calls ?? [])];
      expect(classified?.calls.length).toBeGreaterThan(0);
      expect(resolved?.calls.length).toBeGreaterThan(0);
      for (const { operation, resource } of calls) {
        expect(known.has(operation), operation).toBe(true);
        expect(provider.canonicalResource(operation, resource), resource).toBe(resource);
      }
    }
  });

  it('sends only to its own endpoint, with the credential where inject says and nowhere else', async () => {
    const it = having();
    if (it === null) return;
    const { connection } = subject();
    const { name, value } = it.gateway.inject(connection);
    expect(name).toBe(name.toLowerCase());
    expect(value).toBeInstanceOf(Secret);
    expect(value.reveal()).toContain(connection.credential.reveal());
    for (const request of it.requests.understood) {
      const classified = await it.gateway.classify(connection, request);
      const { outbound, holds } = await classified.resolve(asking());
      expect(holds).toEqual([...new Set(holds)].sort());
      expect(['https:', 'http:']).toContain(outbound.url.protocol);
      for (const header of Object.keys(outbound.headers)) {
        expect(header).toBe(header.toLowerCase());
        expect(header).not.toBe(name);
      }
      const sent = `${outbound.url.href}${JSON.stringify(outbound.headers)}${Buffer.from(outbound.body ?? []).toString('latin1')}`;
      expect(sent).not.toContain(connection.credential.reveal());
    }
  });

  it('refuses what can be read in no way, or in two, and says so', async () => {
    const it = having();
    for (const request of it?.requests.strange ?? []) {
      const outcome = await it?.gateway.classify(subject().connection, request).then(
        ({ calls }) => calls,
        (error: unknown) => error,
      );
      expect(outcome).toBeInstanceOf(RequestRefusal);
    }
  });

  it('proves nothing where nobody answers', async () => {
    const it = having();
    const { unreachable } = subject();
    for (const request of it?.requests.understood ?? []) {
      const failure = await failureOf(
        (async () => {
          const classified = await it?.gateway.classify(unreachable, request);
          const resolved = await classified?.resolve(asking());
          // What concerns no environment asks nobody.
          if (resolved?.environments.length === 0) throw new ProviderError('unavailable', 'none');
        })(),
      );
      expect(failure.kind).toBe('unavailable');
    }
  });
}

/** The ProviderError that a call failed with; anything else fails the test. */
async function failureOf(call: Promise<unknown>): Promise<ProviderError> {
  const outcome = await call.then(
    () => 'no failure',
    (error: unknown) => error,
  );
  if (outcome instanceof ProviderError) return outcome;
  throw new Error(`expected a ProviderError, got: ${String(outcome)}`);
}
