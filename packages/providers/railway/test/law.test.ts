/**
 * Every row of the simulator's own table through the gateway: what happened is what the calls admit, where it was
 * proven to be, or the request is refused for the reason that stands here.
 */
import { describe, expect, test } from 'vitest';
import { ACCESS } from './rows/access.ts';
import { EDGES } from './rows/edges.ts';
import { MACHINES } from './rows/machines.ts';
import { PROJECTS } from './rows/projects.ts';
import { SERVICES } from './rows/services.ts';
import { SETTINGS } from './rows/settings.ts';
import { STORAGE } from './rows/storage.ts';
import { inbound, judge, openGate } from './support/gateway.ts';
import { expectLawful } from './support/law.ts';

const ROWS = [...STORAGE, ...SERVICES, ...PROJECTS, ...EDGES, ...ACCESS, ...MACHINES, ...SETTINGS];

/** What rows begin with → why they are not forwarded, whatever was granted. */
const REFUSED: Readonly<Record<string, string>> = {
  'volumeInstanceBackupDelete takes the backup that is named': 'environment_mismatch',
  'environmentPatchCommit without a patch': 'ambiguous_request',
  // What reaches the whole account is never in one environment.
  apiTokenCreate: 'environment_mismatch',
  apiTokenDelete: 'environment_mismatch',
  generateShellToken: 'environment_mismatch',
  sshPublicKeyCreate: 'environment_mismatch',
  sshPublicKeyDelete: 'environment_mismatch',
  sshSignupApprove: 'environment_mismatch',
  userDelete: 'environment_mismatch',
  webhookTest: 'environment_mismatch',
  workspaceDelete: 'environment_mismatch',
  signalReplace: 'environment_mismatch',
  // A sandbox that is not in the environment named beside it.
  'sandboxExec runs in the sandbox that is named': 'environment_mismatch',
  'sandboxCheckpointCreate keeps the sandbox that is named': 'environment_mismatch',
  'sandboxCheckpointDelete deletes what is named': 'environment_mismatch',
  // Its contents are not judged, or there are none of it any more.
  environmentApplyChangeSet: 'unparseable_request',
  plugin: 'unknown_operation',
};

const codeFor = (does: string): string | null =>
  Object.entries(REFUSED).find(([beginning]) => does.startsWith(beginning))?.[1] ?? null;

describe('what is forwarded', () => {
  test.each(ROWS)('$does: and only that, there', async ({ given, mutation, does }) => {
    const gated = openGate();
    given?.(gated);
    const query = `mutation { ${mutation(gated)} }`;
    const outcome = await judge(gated, inbound({ query }));
    expect(outcome.refused).toBe(codeFor(does));
    if (outcome.refused === null) await expectLawful(gated, outcome.resolved);
  });
});
