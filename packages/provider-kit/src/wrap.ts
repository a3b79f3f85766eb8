/**
 * Cross-cutting concerns wrap the one Provider interface; this is the seam they share, so that a
 * new method of the contract cannot be forgotten by one of them.
 */
import type { Gateway } from './gateway.ts';
import type { Assessor, Issuer, Provider, Runner } from './provider.ts';

/** The calls of a provider that ask somebody else something. */
export type ProviderCall =
  | 'expand'
  | 'resolveConfig'
  | 'check'
  | 'sameTarget'
  | 'close'
  | 'issue'
  | 'revoke'
  | 'reap'
  | 'inUse'
  | 'dryRun'
  | 'run'
  | 'outcome'
  | 'classify'
  | 'resolve'
  | 'assess';

/** Runs one call of a provider; `work` starts it. */
export type AroundCall = <T>(call: ProviderCall, work: () => Promise<T>) => Promise<T>;

/** The same provider with `around` around each asynchronous call. The pure methods are untouched. */
export function wrapCalls(provider: Provider, around: AroundCall): Provider {
  const { issuer, runner, gateway, assessor } = provider;
  const wrapped: Omit<Provider, 'issuer' | 'runner' | 'gateway' | 'assessor'> = {
    name: provider.name,
    catalog: provider.catalog,
    canonicalResource: (operation, resource) => provider.canonicalResource(operation, resource),
    wholeOf: (resource) => provider.wholeOf(resource),
    covers: (operation, granted, requested) => provider.covers(operation, granted, requested),
    describeConfig: (config) => provider.describeConfig(config),
    environmentIds: (config, rights) => provider.environmentIds(config, rights),
    expand: (connection, operation, pattern) =>
      around('expand', () => provider.expand(connection, operation, pattern)),
    resolveConfig: (config, credential) =>
      around('resolveConfig', () => provider.resolveConfig(config, credential)),
    sameTarget: (a, b) => around('sameTarget', () => provider.sameTarget(a, b)),
    check: (connection) => around('check', () => provider.check(connection)),
    close: () => around('close', () => provider.close()),
  };
  return {
    ...wrapped,
    ...(issuer === undefined ? {} : { issuer: wrapIssuer(issuer, around) }),
    ...(runner === undefined ? {} : { runner: wrapRunner(runner, around) }),
    ...(gateway === undefined ? {} : { gateway: wrapGateway(gateway, around) }),
    ...(assessor === undefined ? {} : { assessor: wrapAssessor(assessor, around) }),
  };
}

function wrapIssuer(issuer: Issuer, around: AroundCall): Issuer {
  const { inUse } = issuer;
  return {
    revocation: issuer.revocation,
    shortestLifetime: issuer.shortestLifetime,
    longestLifetime: issuer.longestLifetime,
    issue: (connection, order) => around('issue', () => issuer.issue(connection, order)),
    revoke: (connection, leaseId) => around('revoke', () => issuer.revoke(connection, leaseId)),
    reap: (connection, live) => around('reap', () => issuer.reap(connection, live)),
    ...(inUse === undefined
      ? {}
      : { inUse: (connection) => around('inUse', () => inUse(connection)) }),
  };
}

function wrapRunner(runner: Runner, around: AroundCall): Runner {
  return {
    operations: runner.operations,
    longestRun: runner.longestRun,
    dryRun: (connection, order) => around('dryRun', () => runner.dryRun(connection, order)),
    run: (connection, order) => around('run', () => runner.run(connection, order)),
    outcome: (connection, mark) => around('outcome', () => runner.outcome(connection, mark)),
  };
}

/** What a request was classified as asks the provider too, and is wrapped like the call that made it. */
function wrapGateway(gateway: Gateway, around: AroundCall): Gateway {
  return {
    hosts: gateway.hosts,
    tokenHeaders: gateway.tokenHeaders,
    longestBody: gateway.longestBody,
    classify: async (connection, request) => {
      const classified = await around('classify', () => gateway.classify(connection, request));
      return {
        calls: classified.calls,
        resolve: (ask) => around('resolve', () => classified.resolve(ask)),
      };
    },
    inject: (connection) => gateway.inject(connection),
    refused: (status) => gateway.refused(status),
  };
}

function wrapAssessor(assessor: Assessor, around: AroundCall): Assessor {
  return {
    assesses: (deletion) => assessor.assesses(deletion),
    assess: (connection, deletion) => around('assess', () => assessor.assess(connection, deletion)),
  };
}
