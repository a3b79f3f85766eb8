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
 * A whole earlier day, which a server that starts on it believes: only servers that ran meanwhile and people's
 * profiles know better. The scene has no mirror; what one changes is in `test/attacks/restored-backup.test.ts`.
 */
export const ROLLED_BACK: readonly NamedEdit[] = [
  ['the whole database of an earlier day', 'remembered', back(...LEDGER, ...ROWS)],
  ['the ledger of an earlier day', 'remembered', back(...LEDGER)],
  [
    'the entries truncated, and the head',
    'remembered',
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
