/** Guardrails on the command line, from a file that is tried on last week to one that is taken away. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { refused } from '../support/refusal.ts';

const BINARY = fileURLToPath(new URL('../../apps/cli/bin/countersign', import.meta.url));
const LIBRARY = fileURLToPath(new URL('../../docs/guardrails', import.meta.url));
const ASKED = details(['postgres:select'], ['public.bookings']);
const VEHICLES = details(['postgres:select'], ['public.vehicles']);
const TIME = /\d{4}-\d\d-\d\d \d\d:\d\dZ/g;

let deployment: Deployment;
let home: string;

async function cli(line: string) {
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    COUNTERSIGN_HOME: home,
    COUNTERSIGN_SERVER: deployment.broker.url,
    COUNTERSIGN_PASSPHRASE_FILE: join(home, 'passphrase'),
  };
  return await new Promise<{ status: number; stdout: string; stderr: string }>((resolve) => {
    execFile(BINARY, line.split(' '), { env, cwd: home }, (error, stdout, stderr) => {
      resolve({ status: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

/** stdout as a transcript: times and ids differ each time. */
function transcript(stdout: string): string {
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  return stdout
    .replaceAll(TIME, 'YYYY-MM-DD HH:MMZ')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .trimEnd();
}

async function write(name: string, text: string): Promise<void> {
  await writeFile(join(home, name), text);
}

beforeAll(async () => {
  [deployment, home] = await Promise.all([
    deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } }),
    mkdtemp(join(tmpdir(), 'countersign-guardrails-')),
  ]);
  await writeFile(join(home, 'passphrase'), 'a passphrase of dora\n', { mode: 0o600 });
  const { alice, bob, cursor, grant } = deployment;
  const invitation = { name: 'dora', roles: ['admin' as const], groups: [] };
  const { code } = await alice.client.call('invite', { body: invitation });
  const joined = await cli(`human join ${code} --name dora --json`);
  const { human: id } = JSON.parse(joined.stdout);
  await alice.sign(id);
  await bob.sign(id);
  for (const resource of ['public.bookings', 'public.vehicles']) {
    await grant({ operations: ['postgres:select'], resources: [resource] });
  }
  // Two decisions about bookings, one about vehicles.
  const credential = await cursor.agent.exchange(await cursor.agent.token(ASKED), null);
  await cursor.agent.giveBack(credential.leaseId);
  await cursor.agent.token(VEHICLES);
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
  await deployment.stop();
});

describe('countersign guardrail', () => {
  test('test: what a text would have denied, and what it would not', async () => {
    await write(
      'hands-off.cedar',
      '@id("bookings") forbid (principal, action, resource in Resource::"public.bookings");\n',
    );
    const { status, stdout } = await cli('guardrail test hands-off.cedar');
    expect(status).toBe(0);
    // 3 decisions, and the empty token an agent begins with where it has one.
    expect(transcript(stdout)).toMatch(
      /^2 of \d decisions of the last 7 days would have been denied\.\n\nTIME {15}AGENT {3}STAGE {5}OPERATION/,
    );
    expect(stdout).toMatch(/cursor +exchange +postgres:select +public\.bookings +bookings\n/);
    expect(stdout).toMatch(/cursor +issue +postgres:select +public\.bookings +bookings\n/);
    const json = JSON.parse((await cli('guardrail test hands-off.cedar --json')).stdout);
    expect(json).toMatchObject({
      complete: true,
      denied: 2,
      unjudged: 0,
      policies: [{ policy: 'bookings', denied: 2 }],
      next: null,
    });
    await write('never.cedar', 'forbid (principal == Agent::"nobody", action, resource);\n');
    const never = await cli('guardrail test never.cedar --since 1h');
    expect(transcript(never.stdout)).toMatch(
      /^None of \d decisions of the last 1 h would have been denied\.$/,
    );
    expect((await cli('guardrail test hands-off.cedar --since yesterday')).status).toBe(2);
  });

  test('test: page by page, with the counts of the whole period', async () => {
    const policy = 'forbid (principal, action, resource);';
    const { client } = deployment.alice;
    const first = await client.call('testGuardrail', { body: { policy, limit: 2 } });
    expect(first).toMatchObject({ denied: 3, items: [{}, {}] });
    const rest = await client.call('testGuardrail', {
      body: { policy, limit: 2, after: first.next ?? '' },
    });
    expect(rest).toMatchObject({ denied: 3, items: [{}], next: null });
    const all = [...first.items, ...rest.items].map(({ decision }) => decision);
    expect(new Set(all).size).toBe(3);
  });

  test('a text with a slip is refused, and the line is named', async () => {
    await write(
      'slip.cedar',
      '// Nothing at night.\nforbid (principal, action, resource)\nwhen { context.hours < 6 };\n',
    );
    const { status, stderr } = await cli('guardrail test slip.cedar');
    expect(status).toBe(1);
    expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(
      /Line 3, column 8: .*did you mean `hour`\? What a policy can look at: docs\/reference\/guardrails\.md/,
    );
    const missing = await cli('guardrail test nowhere.cedar');
    expect(missing.status).toBe(2);
    await write('Bad Name.cedar'.replace(' ', '_'), 'forbid (principal, action, resource);');
    expect((await cli('guardrail add Bad_Name.cedar --reason x')).status).toBe(2);
  });

  test('add: tried first, then shown, signed, and in force at once', async () => {
    const { cursor } = deployment;
    const { status, stdout } = await cli('guardrail add hands-off.cedar --reason after-april');
    expect(status).toBe(0);
    expect(transcript(stdout)).toMatch(
      /^2 of \d decisions of the last 7 days would have been denied\.\nNever allow what the guardrail hands-off forbids\.\n/,
    );
    expect(transcript(stdout)).toMatch(/\ncomplete: guardrail\.add ID$/);
    await refused(cursor.agent.token(ASKED), 'guardrail');
    await expect(cursor.agent.token(VEHICLES)).resolves.toBeDefined();
    const explained = await cli(
      'explain --agent cursor --connection pg-staging --env staging --op postgres:select --resource public.bookings',
    );
    expect(explained.stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /NO guardrail: Guardrail hands-off, policy bookings, forbids postgres:select on public\.bookings\..*denied: guardrail/,
    );
  });

  test('list and show', async () => {
    const { stdout } = await cli('guardrail list');
    expect(transcript(stdout)).toBe(
      [
        'NAME       SINCE              BY    REASON',
        'hands-off  YYYY-MM-DD HH:MMZ  dora  after-april',
      ].join('\n'),
    );
    const json = JSON.parse((await cli('guardrail list --json')).stdout);
    expect(json).toMatchObject({ guardrails: [{ name: 'hands-off', removed_at: null }] });
    expect((await cli('guardrail show hands-off')).stdout).toMatch(/^@id\("bookings"\) forbid/);
    expect((await cli('guardrail show nothing')).status).toBe(1);
  });

  test('a name nobody has is noticed', async () => {
    await write('stranger.cedar', 'forbid (principal == Agent::"cursro", action, resource);\n');
    const { stderr } = await cli('guardrail add stranger.cedar --reason typo');
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain('names agent cursro, which there is not');
    expect((await cli('guardrail remove stranger --reason typo')).status).toBe(0);
  });

  test('remove: alone within a quarter of an hour, else it waits for another', async () => {
    const { alice, cursor } = deployment;
    await alice.propose({
      kind: 'guardrail.add',
      body: {
        name: 'of-alice',
        policy: 'forbid (principal, action, resource in Resource::"public.vehicles");',
        reason: 'hers',
      },
    });
    const others = await cli('guardrail remove of-alice --reason mine-now');
    expect(others.status).toBe(4);
    expect(transcript(others.stdout)).toMatch(
      /Remove the guardrail of-alice\.[\s\S]*waiting: 1 of 2 signatures/,
    );
    await refused(cursor.agent.token(VEHICLES), 'guardrail');
    const own = await cli('guardrail remove hands-off --reason enough');
    expect([own.status, transcript(own.stdout)]).toEqual([
      0,
      expect.stringMatching(/complete: guardrail\.remove ID$/),
    ]);
    await expect(cursor.agent.token(ASKED)).resolves.toBeDefined();
    const all = await cli('guardrail list --all');
    expect(all.stdout).toMatch(/hands-off .*removed/);
  });

  test.each(['code-freeze', 'no-deletes-outside-hours', 'no-backups', 'ticket-required'])(
    'the ready one %s is added as it is',
    async (name) => {
      const { status, stdout } = await cli(
        `guardrail add ${LIBRARY}/${name}.cedar --reason ready --json`,
      );
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'complete' });
    },
  );
});
