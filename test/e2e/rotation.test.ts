/** Keys take each other's place while two servers mint and exchange without a pause: nothing is refused. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Agent, createAgent, createClient, ProblemError } from '@countersign/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '../support/broker-process.ts';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { refused } from '../support/refusal.ts';

/** Each command is a process of its own. */
const LONG = 300_000;
const PATIENT = { timeout: 30_000 };
const ASKED = details(['postgres:select'], ['public.bookings']);

let deployment: Deployment;
/** One at each server. */
let agents: Agent[];
let kekFile: string;

beforeAll(async () => {
  deployment = await deploy({ replicas: 2, env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
  const { replicas, cursor, broker, dataDir } = deployment;
  kekFile = join(dataDir, 'kek');
  agents = replicas.map(({ url }) =>
    createAgent(createClient({ server: url, issuer: broker.url }), {
      name: cursor.name,
      key: cursor.key,
    }),
  );
  await deployment.grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
});
afterAll(async () => {
  await deployment.stop();
});

/** What the operator types on a server's machine. */
function keys(...words: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const { dataDir, databaseUrl, broker } = deployment;
  const env = {
    PATH: process.env['PATH'],
    HOME: dataDir,
    COUNTERSIGN_HOME: dataDir,
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_KEK_FILE: kekFile,
    COUNTERSIGN_ISSUER: broker.url,
    DATABASE_URL: databaseUrl.reveal(),
  };
  return new Promise((resolve) => {
    const binary = join(ROOT, 'apps/cli/bin/countersign');
    execFile(binary, ['keys', ...words], { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      resolve({ status: typeof code === 'number' ? code : -1, stdout, stderr });
    });
  });
}

/** Mints and exchanges at both servers until `work` ends. @returns how many times; rejects at a refusal */
async function meanwhile(work: () => Promise<unknown>): Promise<number> {
  let isDone = false;
  let count = 0;
  const loops = agents.map(async (agent) => {
    while (!isDone) {
      const token = await agent.token(ASKED);
      await agent.exchange(token, null);
      count += 1;
    }
  });
  const ended = await Promise.allSettled([
    work().finally(() => {
      isDone = true;
    }),
    ...loops,
  ]);
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
  return count;
}

test('the key-encryption key and then the token key, with nothing refused', {
  timeout: LONG,
}, async () => {
  const before = await readFile(kekFile, 'utf8');
  const planned = await keys('rotate', '--dry-run');
  expect(planned.stdout).toMatch(/^Would put a new key in the place of \S{11} and make \d+ rows/);
  let rotated = planned;
  expect(
    await meanwhile(async () => {
      rotated = await keys('rotate', '--json');
      await keys('rotate', '--token');
    }),
  ).toBeGreaterThan(0);
  expect([rotated.status, JSON.parse(rotated.stdout)]).toEqual([
    0,
    expect.objectContaining({ state: 'done', foreign: [], servers: [] }),
  ]);
  const after = await readFile(kekFile, 'utf8');
  expect(after.trim().split('\n')).toHaveLength(1);
  expect(after).not.toBe(before);

  const listed = JSON.parse((await keys('list', '--json')).stdout);
  expect(listed).toMatchObject({
    keks: [{ id: JSON.parse(rotated.stdout).to, state: 'present' }],
    tokens: [{ state: 'present' }, { state: 'next' }],
    servers: [{ intact: true }, { intact: true }],
  });
  const text = JSON.stringify(listed) + rotated.stdout + rotated.stderr;
  for (const line of [...before.trim().split('\n'), after.trim()]) expect(text).not.toContain(line);
  for (const { url } of deployment.replicas) {
    const answer = await fetch(`${url}/.well-known/jwks.json`);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    await expect
      .poll(async () => {
        const published = await (await fetch(`${url}/.well-known/jwks.json`)).text();
        return [...published.matchAll(/"kid":"([^"]+)"/g)].map(([, kid]) => kid);
      }, PATIENT)
      .toEqual(listed.tokens.map(({ id }: { id: string }) => id));
  }

  // Whoever kept the key of before starts no server with it.
  await writeFile(kekFile, before);
  await expect(deployment.anotherServer()).rejects.toThrow('this key-encryption key');
  await writeFile(kekFile, after);
});

test('after a leak every token and session ends at once, at every server, and new ones are had', {
  timeout: LONG,
}, async () => {
  const [agent] = agents;
  if (agent === undefined) throw new Error('an agent at each server');
  const stolen = await agent.token(ASKED);
  await deployment.alice.client.call('humans', {});
  const { status, stdout } = await keys('rotate', '--token', '--now');
  expect([status, stdout]).toEqual([
    0,
    expect.stringMatching(/^Every token and session has ended/),
  ]);
  for (const at of agents) {
    await expect
      .poll(
        () =>
          at.exchange(stolen, null).then(
            () => 'went through',
            (error: unknown) => (error instanceof ProblemError ? error.code : 'broken'),
          ),
        PATIENT,
      )
      .toBe('invalid_token');
  }
  await refused(deployment.alice.client.call('humans', {}), 'invalid_token');
  for (const at of agents) await at.exchange(await at.token(ASKED), null);
});
