/** What nobody can grant: the agent reads which operation it was, and why there is no use in asking for it. */
import { RequestRefusal } from '@countersign/provider-kit';
import { describe, expect, test } from 'vitest';
import { NEVER } from '../src/rows/row.ts';
import { inbound, openGate } from './support/gateway.ts';

describe('what is never forwarded', () => {
  const gated = openGate();
  const why = async (query: string): Promise<string> => {
    const refused = await gated.gateway
      .classify(gated.connection, inbound({ query }))
      .catch((error: unknown) => error);
    if (!(refused instanceof RequestRefusal)) throw new Error('it was forwarded');
    return `${refused.calls.map(({ operation }) => operation).join()}: ${refused.message}`;
  };

  test.each([
    ['mutation { twoFactorInfoDelete }', 'railway:twoFactorInfoDelete', NEVER.person],
    [
      'mutation { workspaceUserRemove(workspaceId: "x", input: { userId: "x" }) }',
      'railway:workspaceUserRemove',
      NEVER.workspace,
    ],
    ['mutation { inviteCodeUse(code: "x") { id } }', 'railway:inviteCodeUse', NEVER.account],
    ['mutation { integrationDelete(id: "x") }', 'railway:integrationDelete', NEVER.unplaced],
    [
      'mutation { dockerComposeImport(environmentId: "x", projectId: "x", yaml: "x") { errors } }',
      'railway:dockerComposeImport',
      NEVER.content,
    ],
    ['mutation { pluginDelete(id: "x") }', 'railway:pluginDelete', NEVER.retired],
    [
      '{ adminVolumeInstancesForVolume(volumeId: "x") { id } }',
      'railway:adminVolumeInstancesForVolume',
      NEVER.staff,
    ],
  ])('%s is known, with the reason', async (query, operation, [, message]) => {
    expect(await why(query)).toBe(`${operation}: ${message}`);
  });

  test.each([
    [
      'subscription { deploymentLogs(deploymentId: "x") { message } }',
      ' Ask again and again by a query: deploymentLogs.',
    ],
    [
      'subscription { environmentStagedPatch(environmentId: "x") { id } }',
      ' Ask again and again by a query: environmentStagedChanges.',
    ],
    ['subscription { notificationDeliveryUpdated { __typename } }', ''],
    ['subscription { nothing }', ''],
    ['query A { me { id } } subscription B { nothing }', ''],
  ])('%s is answered with the query that shows the same', async (query, hint) => {
    expect(await why(query)).toBe(`: Subscriptions are not forwarded.${hint}`);
  });
});
