/** What a deployment leaves open: what its server knows, what its machine knows, and what an account knows. */
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FINDING_IDS, type Finding, findingWords } from '@countersign/contract';
import { examineHostHere } from '@countersign/server';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy } from '../support/deployment.ts';
import { enroll, type Person } from '../support/people.ts';
import { refused } from '../support/refusal.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

let deployment: Deployment;
let auditor: Terminal;
let admin: Terminal;
let dave: Person;

beforeAll(async () => {
  deployment = await deploy();
  const { alice, bob, broker } = deployment;
  dave = await enroll(broker.url, [alice, bob], 'dave', ['auditor']);
  auditor = await openTerminal(deployment, 'carol', ['auditor']);
  admin = await openTerminal(deployment, 'erin', ['admin']);
});
afterAll(async () => {
  await Promise.all([auditor.close(), admin.close()]);
  await deployment.stop();
});

async function openTo(person: Person): Promise<Map<string, readonly string[]>> {
  const { findings } = await person.client.call('doctor', {});
  expect(findings.map(({ id }) => id)).toEqual(
    FINDING_IDS.filter((id) => findings.some((finding) => finding.id === id)),
  );
  return new Map(findings.map(({ id, subjects }) => [id, subjects]));
}

describe('a server', () => {
  test('says what signed configuration leaves open, about whom', async () => {
    const open = await openTo(dave);
    expect(Object.fromEntries(open)).toMatchObject({
      no_mirror: [],
      approvers_two: ['alice', 'bob'],
      vouched_by_one: ['bob'],
      passphrase_quorum: ['production'],
      no_cool_off: ['production'],
    });
    for (const id of ['approvers_few', 'one_admin', 'no_production', 'background_stopped']) {
      expect(open.has(id)).toBe(false);
    }
  });

  test('has connections looked at for an admin, and for no auditor', async () => {
    const names = ['pg-production', 'pg-staging'];
    const unchecked = (await openTo(dave)).get('connection_unchecked') ?? [];
    expect([...unchecked].sort()).toEqual(names);
    const { alice } = deployment;
    expect((await openTo(alice)).has('connection_unchecked')).toBe(false);
    // What it found then is what it knows for a day.
    expect((await openTo(dave)).has('connection_unchecked')).toBe(false);
  });

  test('tells admins and auditors, and nobody else', async () => {
    await refused(openTo(deployment.bob), 'forbidden');
  });

  test('no more says what was closed', async () => {
    const { alice, bob, broker } = deployment;
    await enroll(broker.url, [alice, bob], 'frank', ['approver']);
    await alice.propose({
      kind: 'environment.set',
      body: { name: 'production', class: 'production', cool_off: 600 },
    });
    const open = await openTo(alice);
    expect(open.has('approvers_two')).toBe(false);
    expect(open.has('no_cool_off')).toBe(false);
  });

  test('says that one approver is not two when the other is frozen', async () => {
    const { alice, bob } = deployment;
    const freeze = async (human: string) =>
      await alice.propose({
        kind: 'freeze',
        body: { target: { kind: 'human', id: human }, reason: 'a drill' },
      });
    const frozen = [await freeze('bob'), await freeze('frank')];
    expect((await openTo(alice)).get('approvers_few')).toEqual(['alice']);
    for (const { id } of frozen) {
      await alice.propose({ kind: 'unfreeze', body: { freeze: id, reason: 'over' } });
    }
    expect(bob.name).toBe('bob');
  });

  test('names agents that authenticate by a secret', async () => {
    const { alice } = deployment;
    await alice.propose({
      kind: 'agent.register',
      body: { name: 'legacy', auth: { method: 'client_secret' } },
    });
    expect((await openTo(alice)).get('client_secrets')).toEqual(['legacy']);
  });
});

describe("a server's machine", () => {
  const env = (more: Readonly<Record<string, string>> = {}) => ({
    DATABASE_URL: deployment.databaseUrl.reveal(),
    COUNTERSIGN_DATA_DIR: deployment.dataDir,
    ...more,
  });
  const idsOf = async (given: NodeJS.ProcessEnv) =>
    new Map((await examineHostHere(given))?.map(({ id, subjects }) => [id, subjects]));

  test('says who else could have the key, and what the role may', async () => {
    const kek = join(deployment.dataDir, 'kek');
    const open = await idsOf(env());
    expect(open.get('kek_beside_database')).toEqual([kek]);
    expect(open.get('database_role')).toEqual(['SUPERUSER']);
    const { mode } = await stat(kek);
    await chmod(kek, 0o640);
    expect((await idsOf(env())).get('kek_readable')).toEqual([kek]);
    await chmod(kek, mode);
    expect((await idsOf(env())).has('kek_readable')).toBe(false);
  });

  test('finds nothing in a role as the documentation has it', async () => {
    const sql = postgres(deployment.databaseUrl.reveal(), { max: 1, onnotice: () => undefined });
    await sql.unsafe("create role plain login password 'only-for-this-test'");
    await sql.unsafe('create database plain');
    await sql.end();
    const url = new URL(deployment.databaseUrl.reveal());
    [url.username, url.password, url.pathname] = ['plain', 'only-for-this-test', '/plain'];
    expect((await idsOf(env({ DATABASE_URL: url.href }))).has('database_role')).toBe(false);
  });

  test.each<[Finding['id'], Readonly<Record<string, string>>, readonly string[]]>([
    ['listens_in_clear', { HOST: '0.0.0.0' }, ['0.0.0.0']],
    ['proxies_wide', { COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.0/8,192.0.2.1' }, ['10.0.0.0/8']],
  ])('says %s', async (id, more, subjects) => {
    const behind = {
      COUNTERSIGN_ISSUER: 'https://broker.example.com',
      COUNTERSIGN_TRUSTED_PROXIES: '192.0.2.1',
      ...more,
    };
    expect((await idsOf(env(behind))).get(id)).toEqual(subjects);
  });

  test.each([
    [
      'an issuer in clear',
      { COUNTERSIGN_ISSUER: 'http://broker.example.com' },
      'COUNTERSIGN_ISSUER',
    ],
    [
      'a database that is not verified',
      { DATABASE_URL: 'postgres://u@db.example.com/x' },
      'sslmode',
    ],
  ])('says that no server would start with %s', async (_, more, word) => {
    const [said] = (await idsOf(env(more))).get('configuration') ?? [];
    expect(said).toContain(word);
  });

  test('that has no server says nothing of one', async () => {
    expect(await examineHostHere({ COUNTERSIGN_DATA_DIR: auditor.home })).toBeNull();
  });
});

describe('countersign doctor', () => {
  const columns = (text: string) => Math.max(...text.split('\n').map((line) => [...line].length));

  test('says each finding in words with what closes it, and exits with 1', async () => {
    const { stdout, status } = await auditor.run(['doctor']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^\d+ things are open:$/m);
    expect(stdout).toMatch(/^vouched_by_one$/m);
    expect(stdout).toContain('close: COUNTERSIGN_MIRROR in other hands');
    expect(columns(stdout)).toBeLessThanOrEqual(80);
  });

  test('is one document with --json, with the words', async () => {
    const document = await admin.json(['doctor'], 1);
    expect(document).toMatchObject({ looked: { server: true, host: false, account: true } });
    expect(document['findings']).toContainEqual({
      id: 'no_mirror',
      subjects: [],
      ...findingWords({ id: 'no_mirror', subjects: [] }),
    });
  });

  test('looks at the account: a passphrase in a file, files that others can read', async () => {
    const profiles = join(auditor.home, 'profiles', 'profiles');
    await chmod(profiles, 0o755);
    const { findings } = await auditor.json(['doctor', '--local'], 1);
    await chmod(profiles, 0o700);
    expect(findings).toMatchObject([
      { id: 'profile_readable', subjects: expect.arrayContaining([profiles]) },
      { id: 'passphrase_file' },
    ]);
  });
});
