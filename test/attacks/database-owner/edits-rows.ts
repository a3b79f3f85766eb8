/** Edits of rows that are no entries: counters, leases, sealed keys and credentials, codes, requests. */
import { type NamedEdit, run } from './hand.ts';
import type { Edit } from './judge.ts';
import type { Scene } from './scene.ts';

const ofScene =
  (text: (scene: Scene) => string): Edit =>
  (sql, scene) =>
    sql.unsafe(text(scene));

/** As the broker hashes a code, which is no secret. */
const hashOf = (code: string) =>
  `rtrim(translate(encode(sha256('${code}'), 'base64'), '+/', '-_'), '=')`;

const COUNTER = 'update countersign.grant_uses set';

export const COUNTERS: readonly NamedEdit[] = [
  ['a use counter lowered', 'told', run(`${COUNTER} used = 0`)],
  [
    'a use counter lowered below nothing',
    'told',
    run(`
    alter table countersign.grant_uses drop constraint uses_left; ${COUNTER} used = -5`),
  ],
  ['a use counter deleted', 'told', run('delete from countersign.grant_uses')],
  [
    "yesterday's use counters",
    'told',
    run(`
    ${COUNTER} used = e.used from earlier.grant_uses e where e.grant_id = grant_uses.grant_id;
    delete from countersign.grant_uses where grant_id not in (select grant_id from earlier.grant_uses)`),
  ],
  [
    'a use counter moved to another grant',
    'told',
    ofScene(
      ({ grants }) => `
    delete from countersign.grant_uses where grant_id = '${grants.live}';
    ${COUNTER} grant_id = '${grants.live}' where grant_id = '${grants['used up']}'`,
    ),
  ],
  ['the most uses of a counter raised', 'harmless', run(`${COUNTER} max_uses = 1000`)],
  [
    'a use counter raised',
    'harmless',
    run(`
    ${COUNTER} used = max_uses`),
  ],
  [
    'a counter that every look sets back',
    'told',
    run(`
    create function countersign.back() returns trigger language plpgsql as
      $$ begin new.used := 0; return new; end $$;
    create trigger back before insert or update on countersign.grant_uses
      for each row execute function countersign.back();
    ${COUNTER} used = 0`),
  ],
];

const LEASE = 'update countersign.leases set';
const WIDENED = `rights = '[{"operation": "postgres:delete", "resource": "public.bookings",
  "deleteCapable": true}]'`;

export const LEASES: readonly NamedEdit[] = [
  [
    'a lease that was given back, made active',
    'harmless',
    ofScene(
      ({ leases }) => `
    ${LEASE} state = 'active' where id = '${leases['given back']}'`,
    ),
  ],
  [
    'a lease that was given back, active and prolonged',
    'told',
    ofScene(
      ({ leases }) => `
    ${LEASE} state = 'active', expires_at = now() + interval '1 day'
    where id = '${leases['given back']}'`,
    ),
  ],
  ['every lease pending', 'harmless', run(`${LEASE} state = 'pending'`)],
  [
    'a right added to a lease',
    'told',
    ofScene(
      ({ leases }) => `
    ${LEASE} ${WIDENED} where id = '${leases.alive}'`,
    ),
  ],
  [
    'a lease prolonged',
    'told',
    ofScene(
      ({ leases }) => `
    ${LEASE} expires_at = expires_at + interval '1 year' where id = '${leases.alive}'`,
    ),
  ],
  [
    'a lease dated back',
    'told',
    ofScene(
      ({ leases }) => `
    ${LEASE} created_at = created_at - interval '1 minute' where id = '${leases.alive}'`,
    ),
  ],
  [
    'a lease of another agent',
    'told',
    ofScene(
      ({ leases, agents }) => `
    ${LEASE} agent = '${agents['janitor']}' where id = '${leases.alive}'`,
    ),
  ],
  [
    'a lease under another grant',
    'told',
    ofScene(
      ({ leases, grants }) => `
    ${LEASE} grants = array['${grants.live}']::uuid[] where id = '${leases.alive}'`,
    ),
  ],
  [
    'a lease of another connection',
    'told',
    ofScene(
      ({ leases, connections }) => `
    ${LEASE} connection = '${connections.production}' where id = '${leases.alive}'`,
    ),
  ],
  [
    'a lease of another decision',
    'told',
    ofScene(
      ({ leases }) => `
    ${LEASE} decision = gen_random_uuid() where id = '${leases.alive}'`,
    ),
  ],
  [
    'a lease inserted, with the MAC of another',
    'told',
    ofScene(
      ({ leases }) => `
    insert into countersign.leases select (jsonb_populate_record(l, jsonb_build_object(
      'id', gen_random_uuid(), 'rights', '[{"operation": "postgres:delete",
        "resource": "public.bookings", "deleteCapable": true}]'::jsonb))).*
    from countersign.leases l where id = '${leases.alive}'`,
    ),
  ],
  [
    'a lease inserted under the id of one that was given back',
    'told',
    ofScene(
      ({ leases }) => `
    delete from countersign.leases where id = '${leases['given back']}';
    insert into countersign.leases select (jsonb_populate_record(l, jsonb_build_object(
      'id', '${leases['given back']}'))).* from countersign.leases l where id = '${leases.alive}'`,
    ),
  ],
  ['every lease deleted', 'harmless', run('delete from countersign.leases')],
  ['a live lease marked as revoked', 'harmless', run(`${LEASE} state = 'revoked'`)],
  ['a lease claimed for ever', 'harmless', run(`${LEASE} claimed_until = 'infinity'`)],
  ['words of trouble in a lease', 'harmless', run(`${LEASE} trouble = 'all is well'`)],
];

const KEY = 'update countersign.sealed_keys set';
const THIEF = `'"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"'`;

export const SEALED: readonly NamedEdit[] = [
  [
    'two sealed credentials swapped',
    'told',
    run(`
    update countersign.sealed_credentials a set sealed = b.sealed
    from countersign.sealed_credentials b where a.statement <> b.statement`),
  ],
  [
    "staging's sealed credential for production too",
    'told',
    ofScene(
      ({ connections }) => `
    update countersign.sealed_credentials set sealed = (select sealed
      from countersign.sealed_credentials where statement = '${connections.staging}')
    where statement = '${connections.production}'`,
    ),
  ],
  [
    'one letter of a sealed credential',
    'told',
    run(`
    update countersign.sealed_credentials set sealed = replace(sealed, '"tag":"', '"tag":"A')`),
  ],
  ['the sealed credentials deleted', 'told', run('delete from countersign.sealed_credentials')],
  [
    'what a credential is bound to, rewritten beside it',
    'told',
    run(`
    update countersign.sealed_credentials set sealed = jsonb_set(sealed::jsonb, '{aad}', '"e30"')::text`),
  ],
  [
    "the ledger's public key swapped for the thief's",
    'refused',
    run(`
    ${KEY} public_jwk = jsonb_set(public_jwk, '{x}', ${THIEF}) where purpose = 'ledger'`),
  ],
  [
    "the ledger's key deleted",
    'refused',
    run(`
    delete from countersign.sealed_keys where purpose = 'ledger'`),
  ],
  [
    "the ledger's key of another deployment",
    'refused',
    run(`
    ${KEY} public_jwk = o.public_jwk, sealed = o.sealed from other.sealed_keys o
    where o.purpose = 'ledger' and sealed_keys.purpose = 'ledger'`),
  ],
  [
    "a token key's public half swapped for the thief's",
    'told',
    run(`
    ${KEY} public_jwk = jsonb_set(public_jwk, '{x}', ${THIEF}) where purpose like 'token/%'`),
  ],
  [
    'a token key that verifies for ever',
    'told',
    run(`
    ${KEY} schedule = replace(schedule::text, '202', '302')::jsonb where purpose like 'token/%'`),
  ],
  [
    'a token key of another deployment',
    'told',
    run(`
    insert into countersign.sealed_keys select * from other.sealed_keys where purpose like 'token/%'`),
  ],
  [
    'the token keys deleted',
    'harmless',
    run(`
    delete from countersign.sealed_keys where purpose like 'token/%'`),
  ],
  [
    "the ledger's key as a token key",
    'told',
    run(`
    insert into countersign.sealed_keys (purpose, public_jwk, schedule, sealed)
    select 'token/thief', l.public_jwk, t.schedule, l.sealed from countersign.sealed_keys l,
      countersign.sealed_keys t where l.purpose = 'ledger' and t.purpose like 'token/%'`),
  ],
  [
    "the client secrets' key swapped for the thief's",
    'refused',
    run(`
    ${KEY} public_jwk = jsonb_set(public_jwk, '{x}', ${THIEF}) where purpose = 'client-secret'`),
  ],
  [
    'every sealed key of another deployment',
    'refused',
    run(`
    delete from countersign.sealed_keys; insert into countersign.sealed_keys select * from other.sealed_keys`),
  ],
  [
    'two sealed keys swapped',
    'refused',
    run(`
    ${KEY} sealed = b.sealed, public_jwk = b.public_jwk from countersign.sealed_keys b
    where sealed_keys.purpose in ('ledger', 'client-secret') and b.purpose in ('ledger', 'client-secret')
      and sealed_keys.purpose <> b.purpose`),
  ],
];

export const KNOCKS: readonly NamedEdit[] = [
  [
    'an invitation with other roles',
    'harmless',
    run(`
    update countersign.invitations set roles = array['admin', 'approver'], spent = false`),
  ],
  [
    'a spent invitation, unspent',
    'harmless',
    run(`
    update countersign.invitations set spent = false, expires_at = now() + interval '1 year'`),
  ],
  [
    'an invitation written by hand',
    'harmless',
    ofScene(
      ({ forgedCode }) => `
    insert into countersign.invitations (code_hash, sealed, name, roles, groups, sponsor, expires_at)
    select ${hashOf(forgedCode)}, sealed, 'mallory', roles, groups, sponsor,
      now() + interval '1 day' from countersign.invitations limit 1`,
    ),
  ],
  [
    'an invitation of another deployment',
    'harmless',
    run(`
    insert into countersign.invitations select * from other.invitations`),
  ],
  [
    'a genesis code written by hand',
    'harmless',
    ofScene(
      ({ forgedCode }) => `
    insert into countersign.genesis_code (code_hash)
    values (${hashOf(forgedCode)}) on conflict do nothing`,
    ),
  ],
  [
    'an access request for more than was asked',
    'harmless',
    run(`
    update countersign.access_requests
    set details = jsonb_set(details, '{0,operations}', '["postgres:truncate"]')`),
  ],
  [
    "an access request that names the thief's key",
    'harmless',
    run(`
    update countersign.access_requests set sender = repeat('A', 43)`),
  ],
  [
    'an access request answered with a half-signed grant',
    'harmless',
    ofScene(
      ({ grants }) => `
    update countersign.access_requests set rejection = null, statement = '${grants['half-signed']}'`,
    ),
  ],
  [
    'a rejected access request opened again',
    'harmless',
    run(`
    update countersign.access_requests set rejection = null`),
  ],
  [
    'an access request of another agent',
    'harmless',
    ofScene(
      ({ agents }) => `
    update countersign.access_requests set agent = '${agents['janitor']}'`,
    ),
  ],
  ['every remembered id forgotten', 'harmless', run('delete from countersign.replay_ids')],
  [
    'ids remembered that nobody used',
    'harmless',
    run(`
    insert into countersign.replay_ids select gen_random_uuid()::text, now() + interval '1 day'
    from generate_series(1, 1000)`),
  ],
  [
    'a server that there is not',
    'harmless',
    run(`
    insert into countersign.replicas (id, name, keks, seen_at, mac)
    values (gen_random_uuid(), 'ghost', array['none'], now(), '')`),
  ],
  ['every server forgotten', 'harmless', run('delete from countersign.replicas')],
  [
    'a snapshot written by hand, of every fold',
    'harmless',
    run(`insert into countersign.snapshots (fold, id, document, mac)
      values ('any', gen_random_uuid(), '{}', '')`),
  ],
  [
    'a tile written by hand',
    'harmless',
    run(`
    insert into countersign.tiles values (0, 0, decode(repeat('00', 8192), 'hex'), sha256(''))`),
  ],
  ['a migration taken away', 'refused', run('delete from countersign.migrations where number = 2')],
  [
    'a migration of a later version',
    'refused',
    run(`
    insert into countersign.migrations (number, name, sha256) values (9999, 'later', '')`),
  ],
  ['a migration that was another', 'refused', run(`update countersign.migrations set sha256 = ''`)],
];
