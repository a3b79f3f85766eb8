/** Edits of what was signed and decided: entries, their columns, their order, and the head over them. */
import {
  append,
  hashedAgain,
  indexOf,
  indexOfKind,
  isObject,
  type NamedEdit,
  rewrite,
  rewriteEntry,
  run,
} from './hand.ts';
import type { Edit } from './judge.ts';
import type { GrantName, Scene } from './scene.ts';

const grant =
  (name: GrantName, change: (body: { [member: string]: unknown }) => unknown): Edit =>
  (sql, scene) =>
    rewrite(({ id }) => id === scene.grants[name], change)(sql, scene);

const permissionOf = (body: { [member: string]: unknown }): { [member: string]: unknown } => {
  const [first] = Array.isArray(body['permissions']) ? body['permissions'] : [];
  if (!isObject(first)) throw new Error('a grant has a permission');
  return first;
};

/** Deletes the proposal of what took something away. */
const without =
  (kind: string, more: string = 'true'): Edit =>
  async (sql) => {
    const index = await indexOfKind(sql, kind);
    await sql.unsafe(`delete from countersign.entries where index = ${index} and ${more}`);
  };

/** Lays it on the statement before it, whose place it takes: the order stays, and one of two is left out. */
const overlaid =
  (kind: string): Edit =>
  async (sql) => {
    const index = await indexOfKind(sql, kind);
    await sql.unsafe(`
      alter table countersign.entries drop constraint entries_pkey;
      update countersign.entries set index = (
        select max(index) from countersign.entries where authority and index < ${index})
      where index = ${index}`);
  };

const closeGaps = run(`
  with placed as (select id, row_number() over (order by index) - 1 as at from countersign.entries)
  update countersign.entries e set index = -1 - placed.at from placed where e.id = placed.id;
  update countersign.entries set index = -1 - index`);

const withoutGap =
  (edit: Edit): Edit =>
  async (sql, scene) => {
    await edit(sql, scene);
    await closeGaps(sql, scene);
  };

/** The signatures that lie on one grant, laid on the half-signed one. */
const signaturesOf =
  (from: GrantName): Edit =>
  async (sql, scene) => {
    const rows = await sql<{ bytes: Buffer }[]>`
      select bytes from countersign.entries where type = 'statement.signed' order by index`;
    const signed = rows
      .map(({ bytes }) => JSON.parse(bytes.toString('utf8')).body)
      .find((body) => body.statement === scene.grants[from]);
    await append(sql, 'statement.signed', { ...signed, statement: scene.grants['half-signed'] });
  };

const appendSignature =
  (by: string): Edit =>
  async (sql, scene: Scene) => {
    const found = scene.signaturesAtHand.find((one) => one.by === by);
    await append(sql, 'statement.signed', {
      statement: scene.grants['half-signed'],
      signatures: [found?.signature],
      assertions: [],
    });
  };

const FLIP = run(`
  update countersign.entries set bytes = set_byte(bytes, 60, get_byte(bytes, 60) # 1)
  where index = (select max(index) from countersign.entries where type = 'statement.signed')`);
const A_STATEMENT = `(select max(index) from countersign.entries where type = 'statement.proposed')`;
const LEAF = `leaf_hash = sha256('\\x00'::bytea || bytes)`;
const ENVIRONMENT = ({ kind }: { kind: string }) => kind === 'environment.set';

export const STATEMENTS: readonly NamedEdit[] = [
  ['one bit of a signature', 'refused', FLIP],
  [
    'one bit of a signature, its leaf hashed again',
    'refused',
    async (sql, scene) => {
      await FLIP(sql, scene);
      await sql.unsafe(`update countersign.entries set ${LEAF}`);
    },
  ],
  ['one bit of a signature, the tree hashed again', 'refused', hashedAgain(FLIP)],
  [
    'a delete described as a write',
    'refused',
    grant('half-signed', (body) => {
      permissionOf(body)['operations'] = [{ name: 'postgres:delete', effect: 'write' }];
    }),
  ],
  [
    'a delete described as a write, the tree hashed again',
    'refused',
    hashedAgain(
      grant('half-signed', (body) => {
        permissionOf(body)['operations'] = [{ name: 'postgres:delete', effect: 'write' }];
      }),
    ),
  ],
  [
    'another table in a signed grant',
    'refused',
    grant('live', (body) => {
      permissionOf(body)['resources'] = ['public.customers'];
    }),
  ],
  [
    'a read grant turned into a delete',
    'refused',
    rewrite(
      ({ kind, body }) => kind === 'grant.create' && JSON.stringify(body).includes('select'),
      (body) => {
        permissionOf(body)['operations'] = [{ name: 'postgres:delete', effect: 'delete' }];
      },
    ),
  ],
  ['more uses in a signed grant', 'refused', grant('used up', (body) => (body['max_uses'] = 9))],
  ['a longer validity', 'refused', grant('expired', (body) => (body['valid_for'] = 86_400))],
  [
    "a signed grant in another agent's name",
    'refused',
    async (sql, scene) =>
      grant('live', (body) => (body['agent'] = scene.agents['cursor']))(sql, scene),
  ],
  [
    'a signed grant moved into production',
    'refused',
    grant('live', (body) => (body['environment'] = body['connection'])),
  ],
  [
    'pins exchanged for the present ones',
    'refused',
    grant('suspended', (body) => (body['pins'] = {})),
  ],
  ['a quorum of one', 'refused', rewrite(ENVIRONMENT, (body) => (body['quorum'] = 1))],
  ['a quorum of none', 'refused', rewrite(ENVIRONMENT, (body) => (body['quorum'] = 0))],
  ['a class lowered', 'refused', rewrite(ENVIRONMENT, (body) => (body['class'] = 'sandbox'))],
  [
    "the thief's key as the founder's",
    'refused',
    rewrite(
      ({ kind }) => kind === 'genesis',
      (body) => {
        if (isObject(body['key'])) body['key']['x'] = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
      },
    ),
  ],
  [
    "the thief's key as an approver's",
    'refused',
    rewrite(
      ({ kind, body }) => kind === 'human.enroll' && body['name'] === 'bob',
      (body) => {
        if (isObject(body['key'])) body['key']['x'] = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
      },
    ),
  ],
  [
    'a role added to a human',
    'refused',
    rewrite(
      ({ kind, body }) => kind === 'human.enroll' && body['name'] === 'bob',
      (body) => (body['roles'] = ['admin', 'approver', 'auditor']),
    ),
  ],
  [
    'the keys of two agents swapped',
    'refused',
    async (sql, scene) => {
      const keys: unknown[] = [];
      const isAgent = (name: string) => (s: { kind: string; body: { [m: string]: unknown } }) =>
        s.kind === 'agent.register' && s.body['name'] === name;
      for (const name of ['cursor', 'deployer']) {
        await rewrite(isAgent(name), (body) => keys.push(body['auth']))(sql, scene);
      }
      for (const name of ['deployer', 'cursor']) {
        await rewrite(isAgent(name), (body) => (body['auth'] = keys.shift()))(sql, scene);
      }
    },
  ],
  ["another grant's signature laid on the half-signed one", 'told', signaturesOf('live')],
  [
    "another grant's signature laid on the half-signed one, the tree hashed again",
    'refused',
    hashedAgain(signaturesOf('live')),
  ],
  [
    "the proposer's second signature",
    'refused',
    hashedAgain(appendSignature('the proposer once more')),
  ],
  [
    'the signature of a human who was removed',
    'refused',
    hashedAgain(appendSignature('a human who was removed')),
  ],
  [
    'the signature of a key that was revoked',
    'refused',
    hashedAgain(appendSignature('a key that was revoked')),
  ],
  ["an agent's signature", 'refused', hashedAgain(appendSignature('an agent'))],
  ['a revocation deleted', 'refused', without('grant.revoke')],
  [
    'a revocation deleted, the tree hashed again',
    'refused',
    hashedAgain(withoutGap(without('grant.revoke'))),
  ],
  ['a freeze deleted', 'refused', without('freeze')],
  ...['grant.revoke', 'freeze', 'human.remove', 'key.revoke', 'agent.credential.set'].map(
    (kind): NamedEdit => [`a ${kind} moved to the place before it`, 'refused', overlaid(kind)],
  ),
  ["a human's removal deleted", 'refused', without('human.remove')],
  ["a key's revocation deleted", 'refused', without('key.revoke')],
  ['a change of credentials deleted', 'refused', without('agent.credential.set')],
  ['genesis deleted', 'refused', without('genesis')],
  [
    'a revoked grant signed for once more, with the signatures it had',
    'refused',
    hashedAgain(async (sql, scene) => {
      const index = await indexOf(sql, scene.grants.revoked);
      const rows = await sql<{ type: string; bytes: Buffer }[]>`
        select type, bytes from countersign.entries
        where index in (${index}, ${index + 1}) order by index`;
      for (const { type, bytes } of rows) {
        await append(sql, type, JSON.parse(bytes.toString('utf8')).body);
      }
    }),
  ],
  [
    'a catalog in which deleting is reading',
    'refused',
    rewriteEntry(`type = 'catalog.recorded'`, lowered),
  ],
  [
    'a catalog in which deleting is reading, recorded again',
    'refused',
    hashedAgain(async (sql) => {
      const [row] = await sql<{ bytes: Buffer }[]>`
        select bytes from countersign.entries where type = 'catalog.recorded' limit 1`;
      const entry = JSON.parse(row?.bytes.toString('utf8') ?? '{}');
      lowered(entry);
      await append(sql, 'catalog.recorded', entry.body);
    }),
  ],
  [
    'a catalog deleted',
    'refused',
    run(`delete from countersign.entries where type = 'catalog.recorded'`),
  ],
  [
    'a member twice in a statement',
    'refused',
    run(`update countersign.entries
      set bytes = convert_to(replace(convert_from(bytes, 'utf8'), '"v":1}', '"v":1,"v":2}'), 'utf8')
      where type = 'statement.proposed'; update countersign.entries set ${LEAF}`),
  ],
];

function lowered(entry: { [member: string]: unknown }): void {
  const text = JSON.stringify(entry['body']).replaceAll('"delete"', '"read"');
  entry['body'] = JSON.parse(text);
}

/** The index of the last authority entry but one: it takes something away. */
const TAKES_AWAY = `(
  select index from countersign.entries where authority order by index desc offset 1 limit 1)`;

export const ENTRIES: readonly NamedEdit[] = [
  ['the first entry deleted', 'refused', run('delete from countersign.entries where index = 0')],
  [
    'the last entry deleted',
    'named',
    run(
      'delete from countersign.entries where index = (select max(index) from countersign.entries)',
    ),
  ],
  ['every entry deleted', 'refused', run('delete from countersign.entries')],
  [
    'a decision deleted',
    'named',
    run(`delete from countersign.entries where index = (
      select max(index) from countersign.entries where type = 'decision')`),
  ],
  ['every decision deleted', 'named', run('delete from countersign.entries where not authority')],
  [
    'a decision that says less was used',
    'named',
    rewriteEntry(`type = 'decision' and convert_from(bytes, 'utf8') like '%uses%'`, (entry) => {
      if (isObject(entry['body'])) entry['body']['uses'] = [];
    }),
  ],
  [
    "two statements in each other's place",
    'refused',
    run(`update countersign.entries set index = -index where index in (6, 9);
      update countersign.entries set index = 15 + index where index in (-6, -9)`),
  ],
  [
    'every entry one place on',
    'told',
    run(`update countersign.entries set index = -index - 1;
      update countersign.entries set index = -index`),
  ],
  [
    'a statement marked as carrying no authority',
    'refused',
    run(`update countersign.entries set authority = false where index = ${TAKES_AWAY}`),
  ],
  [
    'a decision marked as carrying authority',
    'refused',
    run(`update countersign.entries set authority = true where index = (
      select min(index) from countersign.entries where type = 'decision')`),
  ],
  [
    'a column that says a statement is something else',
    'harmless',
    run(`update countersign.entries set type = 'decision' where index = ${TAKES_AWAY}`),
  ],
  [
    'a column that says an entry has another id',
    'harmless',
    run(`update countersign.entries set id = gen_random_uuid() where index = ${TAKES_AWAY}`),
  ],
  [
    'a column that says an entry is of another time',
    'harmless',
    run(`update countersign.entries set time = time + interval '1 year'`),
  ],
  [
    'a column that says an entry is of another agent',
    'harmless',
    run('update countersign.entries set agent = gen_random_uuid() where agent is not null'),
  ],
  [
    'a grant dated now, so that it stands again',
    'refused',
    async (sql, scene) => {
      const index = await indexOf(sql, scene.grants.expired);
      const date = rewriteEntry(`index in (${index + 1})`, (entry) => {
        entry['time'] = new Date().toISOString();
      });
      await date(sql, scene);
    },
  ],
  [
    'the last entry twice',
    'told',
    run(`insert into countersign.entries (index, id, type, time, agent, authority, bytes, leaf_hash)
      select index + 1, gen_random_uuid(), type, time, agent, authority, bytes, leaf_hash
      from countersign.entries order by index desc limit 1`),
  ],
  [
    'an entry for a grant nobody signed',
    'told',
    async (sql) => append(sql, 'statement.proposed', { envelope: {} }),
  ],
  [
    'all leaf hashes alike',
    'refused',
    run(`update countersign.entries set leaf_hash = sha256('')`),
  ],
  [
    'the leaf hashes of two decisions swapped',
    'named',
    run(`update countersign.entries a set leaf_hash = b.leaf_hash from countersign.entries b
      where a.type = 'decision' and b.index = (
        select max(index) from countersign.entries where type = 'lease.revoked')`),
  ],
  [
    'a statement without bytes',
    'refused',
    run(`update countersign.entries set bytes = '' where index = ${A_STATEMENT}`),
  ],
  [
    'a statement that is no JSON, hashed again',
    'refused',
    run(`update countersign.entries set bytes = '\\xff00' where index = ${A_STATEMENT};
      update countersign.entries set ${LEAF}`),
  ],
  [
    "another deployment's genesis",
    'refused',
    run(`update countersign.entries e set bytes = o.bytes, leaf_hash = o.leaf_hash
      from other.entries o where e.index = o.index and e.index < 3`),
  ],
  [
    "another deployment's ledger",
    'refused',
    run(`delete from countersign.entries; delete from countersign.head;
      insert into countersign.entries select * from other.entries;
      insert into countersign.head select * from other.head`),
  ],
];

export const HEAD: readonly NamedEdit[] = [
  ...(
    [
      ['the size of the head lowered', 'size = size - 1'],
      ['the size of the head raised', 'size = size + 1'],
      ['another root', `root = sha256('')`],
      ['other peaks', `peaks = '\\x00'`],
      ['the authority version raised', 'authority_version = authority_version + 1'],
      ['the authority version lowered', 'authority_version = authority_version - 1'],
      ['another chain of authority', `authority_chain = sha256('')`],
      ['the time of the head set back', `time = time - interval '1 day'`],
      ['the time of the head set forward', `time = time + interval '1 year'`],
      ['the MAC of the head cleared', `mac = ''`],
      ['the floor of token keys', `token_floor = now() - interval '1 year'`],
    ] as const
  ).map(([name, set]): NamedEdit => [name, 'refused', run(`update countersign.head set ${set}`)]),
  [
    "an earlier head's MAC",
    'refused',
    run('update countersign.head h set mac = e.mac from earlier.head e'),
  ],
  ['the fence raised', 'harmless', run('update countersign.head set fence = fence + 1000')],
  ['the head deleted', 'refused', run('delete from countersign.head')],
  [
    "another deployment's head",
    'refused',
    run(`delete from countersign.head; insert into countersign.head select * from other.head`),
  ],
  [
    'a second head',
    'refused',
    run(`alter table countersign.head drop constraint head_pkey, drop constraint head_id_check;
      insert into countersign.head select * from earlier.head`),
  ],
];
