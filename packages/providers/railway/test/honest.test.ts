/** What agents do all day in staging: it is understood, it is in staging alone, and needs no second human. */
import { getIntrospectionQuery } from 'graphql';
import { describe, expect, test } from 'vitest';
import { inbound, judge, openGate } from './support/gateway.ts';
import { expectLawful, isHarmless } from './support/law.ts';
import type { Railway } from './support/railway.ts';

interface Ids {
  readonly project: string;
  readonly environment: string;
  readonly api: string;
  readonly web: string;
  readonly disk: string;
  readonly deployment: string;
  readonly backup: string;
}

function idsOf({ rental, simulator }: Railway): Ids {
  const inStaging = (each: { environmentId: string }): boolean =>
    each.environmentId === rental.staging.id;
  const disk = rental.disks.bookings.staging.id;
  return {
    project: rental.projectId,
    environment: rental.staging.id,
    api: rental.services.api,
    web: rental.services.web,
    disk,
    deployment: simulator.world.find('deployment', inStaging)?.id ?? '',
    backup: simulator.world.find('backup', (each) => each.volumeInstanceId === disk)?.id ?? '',
  };
}

const ENVIRONMENT = '($environment: String!)';
const PLACE = '($environment: String!, $api: String!)';
const ALL = '($project: String!, $environment: String!, $api: String!)';
const AT = 'environmentId: $environment, serviceId: $api';

/** Documents with the rental's ids as variables. */
const READS: readonly string[] = [
  getIntrospectionQuery(),
  '{ __typename }',
  '{ __schema { queryType { name } } }',
  '{ __type(name: "Volume") { fields(includeDeprecated: true) { name } } }',
  '{ me { id name email } }',
  '{ me { workspaces { id name plan } } }',
  '{ apiToken { workspaces { id name } } }',
  '{ projects { edges { node { id name } } } }',
  '{ projects(first: 5) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }',
  'query($project: String!) { project(id: $project) { id name description createdAt } }',
  'query($project: String!) { project(id: $project) { services { edges { node { id name } } } } }',
  'query($project: String!) { project(id: $project) { volumes { edges { node { id name } } } } }',
  'query($project: String!) { project(id: $project) { workspace { name } prDeploys } }',
  'query($project: String!) { projectsByIds(ids: [$project]) { id name } }',
  'query($api: String!) { service(id: $api) { id name icon project { name } } }',
  `query${ENVIRONMENT} { environment(id: $environment) { id name isEphemeral createdAt } }`,
  `query${ENVIRONMENT} { environment(id: $environment) { canAccess configEtag } }`,
  `query${ENVIRONMENT} { environment(id: $environment) { config } }`,
  `query${ENVIRONMENT} { environment(id: $environment) { config(decryptVariables: false) } }`,
  `query${ENVIRONMENT} { environment(id: $environment) { serviceInstances { edges { node { id serviceName startCommand numReplicas } } } } }`,
  `query${ENVIRONMENT} { environment(id: $environment) { volumeInstances { edges { node { id mountPath sizeMB currentSizeMB volume { name } } } } } }`,
  `query${ENVIRONMENT} { environment(id: $environment) { deployments(first: 3) { edges { node { id status createdAt meta service { name } } } } } }`,
  `query${ENVIRONMENT} { environment(id: $environment) { deploymentTriggers { edges { node { branch repository } } } } }`,
  'query($project: String!, $environment: String!) { environment(id: $environment, projectId: $project) { name } }',
  `query${ENVIRONMENT} { environmentStagedChanges(environmentId: $environment) { id status patch } }`,
  `query${ENVIRONMENT} { environmentPatches(environmentId: $environment) { edges { node { id status message } } } }`,
  `query${PLACE} { serviceInstance(${AT}) { id startCommand source { image repo } latestDeployment { id status } } }`,
  `query${PLACE} { serviceInstance(${AT}) { domains { customDomains { domain } serviceDomains { domain } } } }`,
  `query${PLACE} { serviceInstance(${AT}) { activeDeployments { id instances { status } } } }`,
  `query${ALL} { domains(projectId: $project, ${AT}) { serviceDomains { domain targetPort } } }`,
  `query${PLACE} { tcpProxies(${AT}) { domain proxyPort } }`,
  `query${PLACE} { egressGateways(${AT}) { ipv4 region } }`,
  `query${ALL} { deploymentTriggers(projectId: $project, ${AT}) { edges { node { branch } } } }`,
  `query${ALL} { deployments(first: 10, input: { projectId: $project, ${AT}, status: { in: [SUCCESS] } }) { edges { node { id status } } } }`,
  `query${ENVIRONMENT} { deployments(input: { environmentId: $environment }) { edges { node { id } } } }`,
  'query($deployment: String!) { deployment(id: $deployment) { status url creator { name } environment { name } } }',
  'query($disk: String!) { volumeInstance(id: $disk) { mountPath state environment { name } } }',
  'query($disk: String!) { volumeInstanceBackupList(volumeInstanceId: $disk) { id name createdAt } }',
  'query($disk: String!) { volumeInstanceBackupScheduleList(volumeInstanceId: $disk) { kind cron } }',
  `query${ENVIRONMENT} { observabilityDashboards(environmentId: $environment) { edges { node { id items { id } } } } }`,
  `query${ENVIRONMENT} { sandboxes(environmentId: $environment) { edges { node { id status } } } }`,
  `query${ENVIRONMENT} { sandboxCheckpoints(environmentId: $environment) { id key } }`,
  'query($environment: ID!) { cloudAgents(environmentId: $environment) { name status } }',
  `query${ENVIRONMENT} { privateNetworks(environmentId: $environment) { publicId name } }`,
  '{ workflowStatus(workflowId: "workflow/1") { status } }',
  `query Both${PLACE} { here: environment(id: $environment) { ...E } there: serviceInstance(${AT}) { ...I } } fragment E on Environment { id name } fragment I on ServiceInstance { id region }`,
  `query Maybe($environment: String!, $more: Boolean = false) { environment(id: $environment) { name ... on Environment @include(if: $more) { createdAt } } }`,
];

const INPUT = `environmentId: $environment, serviceId: $api`;

const WRITES: readonly string[] = [
  `mutation${ALL} { variableUpsert(input: { projectId: $project, ${INPUT}, name: "LOG_LEVEL", value: "debug" }) }`,
  'mutation($project: String!, $environment: String!) { variableUpsert(input: { projectId: $project, environmentId: $environment, name: "SHARED", value: "1", skipDeploys: true }) }',
  `mutation${ALL} { variableCollectionUpsert(input: { projectId: $project, ${INPUT}, variables: { A: "1", B: "2" } }) }`,
  `mutation${ALL} { variableCollectionUpsert(input: { projectId: $project, ${INPUT}, variables: { A: "1" }, replace: false }) }`,
  `mutation${PLACE} { serviceInstanceDeploy(${AT}) }`,
  `mutation${PLACE} { serviceInstanceDeploy(${AT}, latestCommit: true) }`,
  `mutation${PLACE} { serviceInstanceDeployV2(${AT}) }`,
  `mutation${PLACE} { serviceInstanceRedeploy(${AT}) }`,
  'mutation($deployment: String!) { deploymentRestart(id: $deployment) }',
  'mutation($deployment: String!) { deploymentRedeploy(id: $deployment) { id status } }',
  'mutation($disk: String!) { volumeInstanceBackupCreate(volumeInstanceId: $disk, name: "before") { workflowId } }',
  'mutation($disk: String!, $backup: String!) { volumeInstanceBackupLock(volumeInstanceId: $disk, volumeInstanceBackupId: $backup) }',
  `mutation${PLACE} { serviceDomainCreate(input: { ${INPUT} }) { domain } }`,
  `mutation${ALL} { customDomainCreate(input: { projectId: $project, ${INPUT}, domain: "staging.rental.example" }) { id } }`,
  `mutation${PLACE} { egressGatewayAssociationCreate(input: { ${INPUT} }) { ipv4 } }`,
  'mutation($project: String!, $environment: String!) { volumeCreate(input: { projectId: $project, environmentId: $environment, mountPath: "/cache" }) { id } }',
  'mutation($project: String!) { environmentCreate(input: { projectId: $project, name: "try" }) { id } }',
  `mutation${ENVIRONMENT} { environmentPatchCommit(environmentId: $environment, patch: { sharedVariables: { FLAG: { value: "on" } } }) }`,
  `mutation${ENVIRONMENT} { environmentStageChanges(environmentId: $environment, input: { sharedVariables: { FLAG: { value: "on" } } }) { id } }`,
  'mutation($environment: String!, $patch: EnvironmentConfig!) { environmentPatchCommit(environmentId: $environment, patch: $patch, commitMessage: "scale") }',
  `mutation${ALL} { environmentTriggersDeploy(input: { projectId: $project, ${INPUT} }) }`,
  `mutation${ENVIRONMENT} { observabilityDashboardCreate(input: { environmentId: $environment, items: [] }) }`,
  'mutation($project: String!, $environment: String!) { privateNetworkCreateOrGet(input: { projectId: $project, environmentId: $environment, name: "n", tags: [] }) { publicId } }',
  `mutation${PLACE} { enableServiceCdn(input: { ${INPUT} }) { enabled } }`,
  `mutation${ENVIRONMENT} { environmentPatchCommitStaged(environmentId: $environment) }`,
];

const SINCE = 'startDate: "2026-04-24T00:00:00Z"';

/** What the simulated world has nothing of. */
const BEYOND: readonly string[] = [
  `query${PLACE} { metrics(${AT}, measurements: [CPU_USAGE, MEMORY_USAGE_GB], ${SINCE}) { measurement values { ts value } } }`,
  `query${ALL} { metrics(projectId: $project, ${AT}, measurements: [DISK_USAGE_GB], ${SINCE}, groupBy: [REGION]) { tags { region } } }`,
  `query${PLACE} { httpMetricsGroupedByStatus(${AT}, ${SINCE}, endDate: "2026-04-25T00:00:00Z") { statusCode } }`,
  `query${PLACE} { httpDurationMetrics(${AT}, ${SINCE}, endDate: "2026-04-25T00:00:00Z") { samples { p99 } } }`,
  'query($project: String!, $environment: String!) { events(projectId: $project, environmentId: $environment, first: 20) { edges { node { action object severity } } } }',
  'query($deployment: String!) { deploymentEvents(id: $deployment) { edges { node { step completedAt } } } }',
  `query${PLACE} { deploymentInstanceExecutions(input: { ${AT} }) { edges { node { status } } } }`,
  `query${ENVIRONMENT} { dnsQueryLogs(environmentId: $environment, beforeLimit: 10) { qname rcode } }`,
  `query${PLACE} { networkFlowLogs(${AT}) { dstAddr dstPort dropCause } }`,
  `query${PLACE} { serviceInstanceLimits(${AT}) }`,
  `query${ALL} { serviceInstanceAutoDeployStatus(projectId: $project, ${AT}) { enabled reason } }`,
  'query($project: String!) { regions(projectId: $project) { name location } }',
  'query($project: String!) { projectMembers(projectId: $project) { name role } }',
  '{ platformStatus { isStable incident { message status } } }',
  '{ templateSearch(query: "postgres") { edges { node { code name } } } }',
  '{ customDomainAvailable(domain: "staging.rental.example") { available } }',
  '{ githubRepoBranches(owner: "rental", repo: "web") { name } }',
  `mutation${ALL} { serviceInstanceAutoDeployUpdate(input: { projectId: $project, ${INPUT}, enabled: true }) { enabled } }`,
  `mutation${PLACE} { updateServiceEdgeConfig(input: { ${INPUT}, config: { caching: { defaultTtlSeconds: 60 } } }) { enabled } }`,
  'mutation { cliEventTrack(input: { arch: "x64", cliVersion: "5", command: "up", durationMs: 1, isCi: true, os: "linux", success: true }) }',
];

/** For `$patch`. */
const patchFor = (api: string) => ({
  services: {
    [api]: {
      deploy: { numReplicas: 2, healthcheckPath: '/health', restartPolicyType: 'ALWAYS' },
      variables: { WORKERS: { value: '4' } },
      networking: { serviceDomains: { 'api-staging.up.railway.app': { port: 3000 } } },
    },
  },
});

function variablesFor(document: string, ids: Ids): Readonly<Record<string, unknown>> {
  const all = { ...ids, patch: patchFor(ids.api), more: true };
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => new RegExp(`\\$${name}:`).test(document)),
  );
}

describe('an agent at work in staging', () => {
  test.each(BEYOND)('%s', async (query) => {
    const gated = openGate();
    const request = inbound({ query, variables: variablesFor(query, idsOf(gated)) });
    const outcome = await judge(gated, request);
    expect(outcome.refused).toBeNull();
    if (outcome.refused !== null) return;
    expect(isHarmless(outcome.calls), JSON.stringify(outcome.calls)).toBe(true);
    expect([[], [gated.rental.staging.id]]).toContainEqual(outcome.resolved.environments);
  });

  test.each([...READS, ...WRITES])('%s', async (query) => {
    const gated = openGate();
    const request = inbound({ query, variables: variablesFor(query, idsOf(gated)) });
    const outcome = await judge(gated, request);
    expect(outcome.refused).toBeNull();
    if (outcome.refused !== null) return;
    expect(isHarmless(outcome.calls), JSON.stringify(outcome.calls)).toBe(true);
    expect([[], [gated.rental.staging.id]]).toContainEqual(outcome.resolved.environments);
    const { effects, answer } = await expectLawful(gated, outcome.resolved);
    expect(answer).not.toHaveProperty('errors');
    expect(effects.filter(({ effect }) => effect === 'revealed')).toEqual([]);
  });
});
