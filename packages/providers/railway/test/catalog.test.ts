/** Names say too little, but what is called a deletion is never less than one. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { canonicalResource, catalog, MUTATIONS, QUERIES } from '../src/catalog.ts';
import { knownSchema } from '../src/known-schema.ts';
import { NEVER, type Rows } from '../src/rows/row.ts';
import { SUBSCRIPTIONS } from '../src/rows/subscriptions.ts';

const REFERENCE = readFileSync(
  new URL('../../../../docs/reference/railway.md', import.meta.url),
  'utf8',
);

describe('the catalog', () => {
  const effects = new Map(
    catalog.operations.map(({ name, effects: [rule] }) => [name, rule?.effect]),
  );

  test('has a row only for what is in the schema, with arguments that are there', () => {
    const schema = knownSchema();
    for (const [rows, type] of [
      [QUERIES, schema.getQueryType()],
      [MUTATIONS, schema.getMutationType()],
    ] as const) {
      for (const [name, row] of Object.entries(rows)) {
        const field = type?.getFields()[name];
        expect(field, name).toBeDefined();
        const roots = [
          ...row.on.flatMap(([, ...paths]) => paths),
          ...(row.at ?? []).flatMap(([kind, ...paths]) => (kind === 'account' ? [] : paths)),
          ...(row.adds ?? []).map(({ when }) => when),
        ];
        for (const path of roots) {
          const first = path?.split('.')[0];
          const isThere = first === undefined || field?.args.some((arg) => arg.name === first);
          // Rows that share their places name some arguments that only one of them has.
          expect(isThere || first === 'projectId', `${name} ${path}`).toBe(true);
        }
      }
    }
  });

  test('calls whatever deletes, removes, stops or wipes by its name a deletion', () => {
    for (const name of Object.keys(MUTATIONS)) {
      if (/(?:Delete|DeleteForce|Remove|Stop|Cancel|Clear|Disconnect|Wipe)$/.test(name)) {
        const kept = name === 'projectScheduleDeleteCancel';
        expect(effects.get(`railway:${name}`), name).toBe(kept ? 'write' : 'delete');
      }
    }
  });

  test('calls whatever makes a token, a key, a code or an open port a way in', () => {
    for (const name of Object.keys(MUTATIONS)) {
      if (/(?:Token|Key|Proxy)Create$|ShellToken$|CredentialsReset$|Approve$/.test(name)) {
        expect(effects.get(`railway:${name}`), name).toBe('escalate');
      }
    }
  });

  test('lets no query that shows secrets be read alone', () => {
    for (const name of [
      'variables',
      'variablesForServiceDeployment',
      'bucketS3Credentials',
      'deploymentLogs',
      'buildLogs',
      'environmentLogs',
      'httpLogs',
      'pluginLogs',
      'deploymentSnapshot',
      'deploymentSessions',
      'sandboxSessions',
      'cloudAgentConsoleSessions',
      'auditLogs',
      'integrations',
      'integrationAuth',
      'inviteCode',
      'projectInvitation',
      'workspaceByCode',
      'notificationRules',
    ]) {
      expect(effects.get(`railway:${name}`), name).toBe('reveal');
    }
    expect(effects.get('railway:projectInviteCode')).toBe('escalate');
  });

  test('calls a deletion what destroys under another name', () => {
    for (const name of [
      'sandboxDestroy',
      'pluginReset',
      'egressGatewayAssociationsClear',
      'observabilityDashboardReset',
      'observabilityDashboardUpdate',
      'projectScheduleDelete',
      'projectScheduleDeleteForce',
      'purgeServiceCache',
      'serviceDisconnect',
      'signalReplace',
      'signalRollback',
      'templateRevert',
      'updateServiceEdgeRules',
      'cloudAgentSleep',
      'usageLimitSet',
      'serviceInstanceLimitsUpdate',
      'volumeInstanceBackupScheduleUpdate',
      'disablePitrForHaCluster',
    ]) {
      expect(effects.get(`railway:${name}`), name).toBe('delete');
    }
    for (const name of ['projectTransfer', 'projectTransferInitiate', 'projectClaim']) {
      expect(effects.get(`railway:${name}`), name).toBe('escalate');
    }
  });

  test('stands in the reference, operation by operation, with why it is never forwarded', () => {
    const rows: Rows = { ...QUERIES, ...MUTATIONS };
    const lines = REFERENCE.matchAll(/^\| `railway:(\w+)` +\| (\w+) +\| (.+?) +\| (.+?) +\|$/gm);
    const documented = [...lines].map(([, name = '', effect, on = '', summary]) => ({
      name: `railway:${name}`,
      effect,
      summary,
      never: on.startsWith('`') ? undefined : on,
    }));
    expect(documented.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
      catalog.operations.map(({ name, effects: [rule], summary }) => ({
        name,
        effect: rule?.effect,
        summary,
        never: rows[name.replace('railway:', '')]?.never,
      })),
    );
  });

  test('gives the reasons that stand in the reference', () => {
    const lines = REFERENCE.matchAll(/^\| (\w+) +\| `(\w+)` +\| (.+?) +\|$/gm);
    const documented = [...lines].map(([, why, ...reason]) => [why, reason]);
    expect(Object.fromEntries(documented)).toEqual(NEVER);
  });

  test('tells of each subscription the query that stands in the reference', () => {
    const lines = REFERENCE.matchAll(/^\| `subscription (\w+)` +\| `railway:(\w+)` +\|$/gm);
    const documented = [...lines].map(([, name, query]) => [name, query]);
    expect(Object.fromEntries(documented)).toEqual(SUBSCRIPTIONS);
  });

  test('does each thing to resources of its own kinds', () => {
    const id = '0b0b0b0b-0000-4000-8000-000000000000';
    expect(canonicalResource('railway:volumeDelete', `service/${id}`)).toBeNull();
    expect(canonicalResource('railway:volumeDelete', `volume/${id}`)).toBe(`volume/${id}`);
    expect(canonicalResource('postgres:select', `volume/${id}`)).toBeNull();
  });
});
