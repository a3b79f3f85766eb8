/** Enrolments and recoveries in plain words: who is to be trusted, and on whose word. */
import type { StatementOf } from '@countersign/contract';
import { rulesNaming } from './rules.ts';
import type { AuthorityState, Human } from './state.ts';
import { nameWithMark, nameWithMarkBetween, readAloud, type Sentence } from './words.ts';

export function describeEnrolment(
  state: AuthorityState,
  body: StatementOf<'human.enroll'>['body'],
): Sentence {
  const present = state.humans.get(body.human ?? '');
  const entered = body.groups.filter((group) => present?.groups.includes(group) !== true);
  const powers = rulesNaming(state, entered).map(({ name }) => name);
  const isNewKey = !state.keys.has(body.fingerprint);
  return {
    headline: headline(present, body, isNewKey),
    facts: [
      ...(isNewKey ? [{ label: 'fingerprint', value: readAloud(body.fingerprint) }] : []),
      ...(present === undefined ? [] : changes(present, body)),
      ...(present === undefined && body.groups.length > 0
        ? [{ label: 'groups', value: body.groups.join(', ') }]
        : []),
      { label: 'sponsor', value: nameWithMark(state, body.sponsor) },
    ],
    warnings: [
      ...(isNewKey
        ? [
            `Compare the fingerprint with what ${body.name} reads out to you. If it differs, reject.`,
          ]
        : []),
      ...(powers.length > 0
        ? [
            `The rule of ${powers.join(' and ')} asks for a signature of this group: theirs will count.`,
          ]
        : []),
      ...(present === undefined ? [] : losses(present, body)),
    ],
  };
}

function headline(
  present: Human | undefined,
  body: StatementOf<'human.enroll'>['body'],
  isNewKey: boolean,
): string {
  if (present === undefined) return `Enrol ${body.name} as ${body.roles.join(' and ')}.`;
  const isSame =
    present.roles.join() === body.roles.join() && present.groups.join() === body.groups.join();
  const change = `hange what ${body.name} may do: ${body.roles.join(' and ')}.`;
  if (!isNewKey) return isSame ? `Give ${body.name} another recovery code.` : `C${change}`;
  return `Add another key for ${body.name}${isSame ? '.' : `, and c${change}`}`;
}

function changes(
  present: Human,
  body: StatementOf<'human.enroll'>['body'],
): { readonly label: string; readonly value: string }[] {
  const lines = [
    ['roles', present.roles, body.roles],
    ['groups', present.groups, body.groups],
  ] as const;
  return [
    ...lines.flatMap(([label, was, is]) =>
      was.join() === is.join() ? [] : [{ label, value: `${said(was)} → ${said(is)}` }],
    ),
    ...(body.recovery === null ? [] : [{ label: 'recovery', value: 'a new recovery code' }]),
  ];
}

/** Law 1: what was signed in a role or group counts only while it is held. */
function losses(present: Human, body: StatementOf<'human.enroll'>['body']): string[] {
  const lost = [
    ...present.roles.filter((role) => !body.roles.includes(role)),
    ...present.groups
      .filter((group) => !body.groups.includes(group))
      .map((group) => `one of group ${group}`),
  ];
  return lost.length === 0
    ? []
    : [
        `What ${present.name} signed as ${lost.join(' and ')} counts no more: delete-capable grants that need it stop at once.`,
      ];
}

function said(list: readonly string[]): string {
  return list.length === 0 ? 'none' : list.join(', ');
}

export function describeRecovery(
  state: AuthorityState,
  body: StatementOf<'recover'>['body'],
): Sentence {
  const name = nameWithMarkBetween(state, body.human);
  return {
    headline: `Give ${name} a new key, in place of all they had.`,
    facts: [
      { label: 'fingerprint', value: readAloud(body.fingerprint) },
      { label: 'shown', value: 'their recovery code, which they alone were given' },
      { label: 'reason', value: body.reason },
    ],
    warnings: [
      `Compare the fingerprint with what ${state.humans.get(body.human)?.name ?? 'they'} reads out to you. If it differs, reject.`,
      'Their other keys are revoked and freezes on them end; delete-capable grants signed with those keys stop.',
    ],
  };
}
