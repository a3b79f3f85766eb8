/** An earlier day, and another deployment: whole, and table by table. */
import { type NamedEdit, run } from './hand.ts';

const back = (...tables: readonly string[]) =>
  run(
    tables
      .map(
        (table) => `delete from countersign.${table};
          insert into countersign.${table} select * from earlier.${table};`,
      )
      .join('\n'),
  );

const LEDGER = ['entries', 'head', 'tiles'] as const;
const ROWS = [
  'grant_uses',
  'leases',
  'replay_ids',
  'access_requests',
  'invitations',
  'sealed_credentials',
  'sealed_keys',
  'replicas',
] as const;

/**
 * Where nothing outside the database remembers, a whole earlier day is believed by a server that starts on
 * it: only servers that ran meanwhile and people's profiles know better. A mirror outside is what changes
 * this, and then this one word.
 */
const WHOLE_ROLLBACK = 'remembered';

/** What such a day brings back, and only at a server that saw no later one. */
export const ROLLED_BACK: readonly NamedEdit[] = [
  ['the whole database of an earlier day', WHOLE_ROLLBACK, back(...LEDGER, ...ROWS)],
  ['the ledger of an earlier day', WHOLE_ROLLBACK, back(...LEDGER)],
  [
    'the entries truncated, and the head',
    WHOLE_ROLLBACK,
    run('truncate countersign.entries, countersign.head'),
  ],
];

export const SINGLE_TABLES: readonly NamedEdit[] = [
  ['the entries of an earlier day', 'refused', back('entries')],
  ['the head of an earlier day', 'told', back('head')],
  ['the leases of an earlier day', 'harmless', back('leases')],
  ['the access requests of an earlier day', 'harmless', back('access_requests')],
  ['the sealed credentials of an earlier day', 'harmless', back('sealed_credentials')],
  ['the sealed keys of an earlier day', 'harmless', back('sealed_keys')],
  ['everything but the ledger of an earlier day', 'told', back(...ROWS)],
];
