import { describe, expect, test } from 'vitest';
import { readAloud } from '../src/index.ts';
import {
  agentBody,
  type Body,
  CATALOG,
  changeBody,
  codeOf,
  connectionBody,
  digestOfCatalog,
  enrollBody,
  environmentBody,
  recoverBody,
} from './support/bodies.ts';
import { type Team, team } from './support/deployment.ts';
import { keyOf, sha256 } from './support/device-keys.ts';
import { said, words } from './support/words.ts';

const zoe = keyOf('zoe');

const SLOW =
  "! Not to sign it does not stop it: 30 days after it was proposed one admin's signature is enough, unless it is rejected.";

const TABLE: readonly [string, string, (t: Team) => Body, (t: Team) => string][] = [
  [
    'other roles and groups',
    'human.enroll',
    (t) => changeBody(t.alice, t.bob.id, ['admin', 'auditor'], ['security']),
    () => `Change what alice may do: admin and auditor.
  roles: admin, approver → admin, auditor
  groups: none → security
  sponsor: bob, vouched for by one person
  needs: 0 of 2 signatures; missing: 2 × admin or approver; the sponsor bob
! What alice signed as approver counts no more: delete-capable grants that need it stop at once.
${SLOW}`,
  ],
  [
    'another key, and other roles with it',
    'human.enroll',
    (t) => ({
      ...changeBody({ ...t.carol, key: zoe }, t.carol.id, ['admin', 'approver']),
    }),
    () => `Add another key for carol, and change what carol may do: admin and approver.
  fingerprint: ${readAloud(zoe.kid)}
  roles: approver → admin, approver
  sponsor: carol
  needs: 0 of 2 signatures; missing: 2 × admin or approver; the sponsor carol
! Compare the fingerprint with what carol reads out to you. If it differs, reject.
${SLOW}`,
  ],
  [
    'another recovery code',
    'human.enroll',
    (t) => ({ ...changeBody(t.carol, t.carol.id, ['approver']), recovery: zoe.kid }),
    () => `Give carol another recovery code.
  recovery: a new recovery code
  sponsor: carol
  needs: 0 of 2 signatures; missing: 2 × admin or approver; the sponsor carol
${SLOW}`,
  ],
  [
    'a recovery',
    'recover',
    (t) => recoverBody(t.carol.id, zoe, codeOf('carol'), codeOf('carol, next')),
    () => `Give carol a new key, in place of all they had.
  fingerprint: ${readAloud(zoe.kid)}
  shown: their recovery code, which they alone were given
  reason: laptop lost
  needs: 0 of 1 signatures; missing: 1 × human, then 3 days in which any human may veto
! Compare the fingerprint with what carol reads out to you. If it differs, reject.
! Their other keys are revoked and freezes on them end; delete-capable grants signed with those keys stop.`,
  ],
  [
    'a rule that is loosened',
    'environment.set',
    (t) => ({
      ...environmentBody('guarded', 'staging'),
      environment: t.production,
      name: 'production',
    }),
    () => `Change the environment production, class staging.
  name: production
  class: production → staging
  rule: 3 distinct approvers for anything delete-capable, one of security → 2 distinct approvers for anything delete-capable
  cool-off: 1 h → none
  DPoP: demanded of every token → not demanded
  holds: prod-1
  needs: 0 of 3 signatures; missing: 3 × approver; an admin; one of group security, then 1 h in which any human may veto
! This loosens the rule: what it asked for until now it asks for no more.
! It is production no more: what counted as a deletion there may count as a write.
! Not of class production: provider ids mapped here are judged milder.`,
  ],
  [
    'a connection that reaches something else',
    'connection.set',
    (t) => ({
      ...connectionBody('main', { [t.production]: ['stage-1'] }),
      connection: t.connection,
      endpoint: 'new.example:5432',
      config: { ca: 'a\nneeds: 1 of 1', tls: 'verify-full' },
      credential: sha256('another'),
    }),
    () => `Change the connection main: db at new.example:5432, as broker.
  was: main.example:5432, as broker
  credential: another one
  ca: not set → "a\\nneeds: 1 of 1"
  maps to production: stage-1 (class production)
  leaves production: prod-1
  needs: 0 of 3 signatures; missing: 3 × approver; an admin; one of group security
! stage-1 moves to production, and was mapped into staging.
! Delete-capable grants that pin what changes here are suspended until they are signed anew.`,
  ],
  [
    'an agent with another credential',
    'agent.credential.set',
    (t) => ({
      agent: t.agent,
      auth: {
        method: 'client_secret',
        secret_hash: `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`,
      },
      require_dpop: false,
      reason: 'rotation',
    }),
    () => `Change how the agent ci signs in.
  signs in by: client_secret
  DPoP: not demanded
  reason: rotation
  needs: 0 of 1 signatures; missing: 1 × admin
! Whoever reads its secret is this agent, from anywhere; a key never leaves its machine.
! What it signed in with before is refused at once, unless it is named again.
! Delete-capable grants that pin it are suspended until they are signed anew.`,
  ],
  [
    'an adopted catalog, the lowered first',
    'catalog.adopt',
    () => ({
      provider: 'db',
      digest: digestOfCatalog(CATALOG),
      effects: [
        { operation: 'db:drop', effect: 'write' },
        { operation: 'db:dump', effect: 'escalate' },
        { operation: 'db:run', effect: 'read' },
      ],
      reason: 'reviewed',
    }),
    () => `Adopt the catalog of db: 3 operations change, 2 of them to something milder.
  db:drop: delete → write
  db:run: execute → read
  db:dump: reveal → escalate
  catalog: ${readAloud(digestOfCatalog(CATALOG))}
  reason: reviewed
  needs: 0 of 2 signatures; missing: 2 × admin or approver
! db:drop counts as write from now on, and no more as delete.
! db:run counts as read from now on, and no more as execute.`,
  ],
  [
    'a guardrail whose text would draw on the screen',
    'guardrail.add',
    () => ({
      guardrail: null,
      name: 'code-freeze',
      policy: 'forbid (principal,\n\u202eaction,\u001b[2J\r resource);',
      reason: 'holidays',
    }),
    () => `Never allow what the guardrail code-freeze forbids.
  policy 1: forbid (principal,
  policy 2: \\u{202e}action,\\u{1b}[2J\\u{d} resource);
  reason: holidays
  needs: 0 of 1 signatures; missing: 1 × admin`,
  ],
];

/** Production as strict as can be: three approvers, one of security (carol), an hour, DPoP. */
async function strict(): Promise<Team> {
  const t = await team();
  const joins = changeBody(t.carol, t.alice.id, ['approver'], ['security']);
  await t.broker.done(t.broker.draft('human.enroll', joins), t.alice.key, t.bob.key);
  const rule = { ...environmentBody('production', 'production'), environment: t.production };
  const more = { quorum: 3, groups: ['security'], cool_off: 3600, require_dpop: true };
  await t.broker.done(t.broker.draft('environment.set', { ...rule, ...more }), t.alice.key);
  return t;
}

/** What the words of a table are about: rules and mappings are told against the strict ones. */
const STRICT = ['environment.set', 'connection.set'];

test.each(TABLE)('%s', async (_name, kind, body, expected) => {
  const t = STRICT.includes(kind) ? await strict() : await team();
  expect(words(t, kind, body(t))).toBe(expected(t));
});

test('who enters a group that a rule names will count for it', async () => {
  const t = await strict();
  const body = { ...enrollBody('zoe', zoe, t.alice.id, ['approver']), groups: ['security'] };
  const text = words(t, 'human.enroll', body);
  expect(text).toMatch('groups: security');
  expect(text).toMatch('one of group security');
  expect(text).toMatch('! The rule of production asks for a signature of this group: theirs');
});

test('a demand for DPoP that goes is warned of', async () => {
  const t = await team();
  const { auth } = agentBody('ci', zoe);
  const set = { agent: t.agent, auth, require_dpop: true, reason: 'rotation' };
  await t.broker.done(t.broker.draft('agent.credential.set', set), t.alice.key);
  const text = words(t, 'agent.credential.set', { ...set, require_dpop: false });
  expect(text).toMatch('! DPoP is demanded no more: whoever copies a token of it can use it.');
});

describe('a guardrail that stands', () => {
  test('is shown as it was and as it becomes, and as what goes', async () => {
    const t = await team();
    const body = { guardrail: null, name: 'g', policy: 'forbid (a);', reason: 'x' };
    const id = await t.broker.done(t.broker.draft('guardrail.add', body), t.alice.key);
    const change = { ...body, guardrail: id, policy: 'forbid (b);\n' };
    expect(words(t, 'guardrail.add', change)).toBe(`Change what the guardrail g forbids.
  was 1: forbid (a);
  becomes 1: forbid (b);
  becomes 2: 
  reason: x
  needs: 0 of 2 signatures; missing: 2 × admin or approver
! What the former text forbade may be allowed from now on.`);
    expect(words(t, 'guardrail.remove', { guardrail: id, reason: 'over' })).toBe(
      `Remove the guardrail g.
  policy 1: forbid (a);
  reason: over
  needs: 0 of 2 signatures; missing: 2 × admin or approver
! What it forbade may be allowed from now on.`,
    );
  });
});

describe('of a statement that waits', () => {
  test('whose matter has changed meanwhile: that it can take effect no more', async () => {
    const t = await strict();
    const rule = { ...environmentBody('production', 'production'), environment: t.production };
    const draft = t.broker.draft('environment.set', rule);
    await t.broker.propose(draft, t.alice.key);
    const now = { ...rule, quorum: 3, groups: ['security'], cool_off: 7200, require_dpop: true };
    await t.broker.done(t.broker.draft('environment.set', now), t.erin.key);
    expect(said(t.broker, draft).warnings.at(-1)).toMatch(
      /changed since it was proposed: it can take effect no more/,
    );
  });

  test('what is unknown is shown by its id, and nothing breaks', async () => {
    const t = await team();
    const id = t.broker.newId();
    const unknown: readonly [string, Body][] = [
      ['human.enroll', { ...changeBody(t.bob, id, ['approver']), human: id }],
      ['recover', recoverBody(id, zoe, codeOf('x'), codeOf('y'))],
      ['environment.set', { ...environmentBody('x', 'x'), environment: id }],
      ['connection.set', { ...connectionBody('x', { [id]: ['y'] }), connection: id }],
      ['agent.credential.set', { agent: id, ...agentBody('x', zoe), reason: 'x' }],
      ['guardrail.add', { guardrail: id, name: 'x', policy: 'forbid (a);', reason: 'x' }],
      ['guardrail.remove', { guardrail: id, reason: 'x' }],
      ['catalog.adopt', { provider: 'none', digest: zoe.kid, effects: [], reason: 'x' }],
    ];
    for (const [kind, { name, ...body }] of unknown) {
      const full =
        kind === 'agent.credential.set'
          ? body
          : { ...body, ...(name === undefined ? {} : { name }) };
      expect(words(t, kind, full), kind).toMatch(/needs: /);
    }
  });
});
