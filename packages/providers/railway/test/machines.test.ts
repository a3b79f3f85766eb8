/** Where sandboxes, agents, dashboards, jobs and networks are, by Railway's own account. */
import { describe, expect, test } from 'vitest';
import { inbound, judge, openGate } from './support/gateway.ts';
import { furnish } from './support/world.ts';

describe('what stands in one environment', () => {
  const gated = openGate();
  furnish(gated);
  const { rental, simulator } = gated;
  const { staging, production } = rental;
  type Standing =
    | 'sandbox'
    | 'checkpoint'
    | 'cloud-agent'
    | 'dashboard'
    | 'private-network'
    | 'service-instance';
  const at = (kind: Standing, environmentId: string): string =>
    simulator.world.find(kind, (each) => each.environmentId === environmentId)?.id ?? '';
  const outcome = async (query: string) => {
    const judged = await judge(gated, inbound({ query }));
    return judged.refused ?? judged.resolved.environments;
  };
  const inside = `environmentId: "${staging.id}"`;

  test.each<[Standing, (id: string) => string]>([
    ['cloud-agent', (id) => `mutation { cloudAgentDelete(id: "${id}") }`],
    ['dashboard', (id) => `mutation { observabilityDashboardReset(id: "${id}") }`],
    [
      'service-instance',
      (id) =>
        `mutation { deploymentInstanceExecutionCreate(input: { serviceInstanceId: "${id}" }) }`,
    ],
  ])('a %s is where it is found', async (kind, query) => {
    for (const { id } of [staging, production]) {
      expect(await outcome(query(at(kind, id)))).toEqual([id]);
    }
    expect(await outcome(query('0b0b0b0b-0000-4000-8000-000000000000'))).toBe(
      'environment_mismatch',
    );
  });

  test.each<[Standing, (id: string) => string]>([
    ['sandbox', (id) => `mutation { sandboxDestroy(${inside}, id: "${id}") { id } }`],
    [
      'sandbox',
      (id) => `mutation { sandboxCreate(input: { ${inside}, sourceSandboxId: "${id}" }) { id } }`,
    ],
    ['checkpoint', (id) => `mutation { sandboxCheckpointDelete(${inside}, id: "${id}") }`],
    [
      'private-network',
      (id) =>
        `mutation { privateNetworkEndpointCreateOrGet(input: { ${inside}, privateNetworkId: "${id}", serviceId: "${rental.services.api}", serviceName: "x", tags: [] }) { publicId } }`,
    ],
  ])('a %s has to be in the environment beside it', async (kind, query) => {
    expect(await outcome(query(at(kind, staging.id)))).toEqual([staging.id]);
    expect(await outcome(query(at(kind, production.id)))).toBe('environment_mismatch');
  });

  test('a cloud agent that is shown by another’s environment is in both', async () => {
    const query = `{ cloudAgent(${inside}, id: "${at('cloud-agent', production.id)}") { name } }`;
    expect(await outcome(query)).toEqual([staging.id, production.id].sort());
  });

  test.each([
    [
      'metrics of no environment',
      'metrics(measurements: [CPU_USAGE], startDate: "2026-04-24T00:00:00Z", projectId: "PROJECT") { measurement }',
    ],
    [
      'metrics of a workspace',
      'metrics(measurements: [CPU_USAGE], startDate: "2026-04-24T00:00:00Z", environmentId: "STAGING", workspaceId: "PROJECT") { measurement }',
    ],
    ['events of no environment', 'events(projectId: "PROJECT") { pageInfo { hasNextPage } }'],
    ['usage of a project', 'usage(measurements: [CPU_USAGE], projectId: "PROJECT") { value }'],
    ['usage of the account', 'usage(measurements: [CPU_USAGE]) { value }'],
  ])('%s are never staging’s alone', async (_what, field) => {
    const query = `{ ${field.replace('PROJECT', rental.projectId).replace('STAGING', staging.id)} }`;
    expect(await outcome(query)).not.toEqual([staging.id]);
  });

  test('metrics of an environment are its own', async () => {
    const query = `{ metrics(measurements: [CPU_USAGE], startDate: "2026-04-24T00:00:00Z", environmentId: "${staging.id}", serviceId: "${rental.services.api}") { values { value } } }`;
    expect(await outcome(query)).toEqual([staging.id]);
  });
});
