/**
 * What a delete takes with it, in front of whoever is asked to sign it, as the broker found it when it was drafted.
 * An assessment of another shape is shown raw.
 */
import { DeletionAssessment, type StatementOf } from '@countersign/contract';
import type { AuthorityState } from './state.ts';
import { counted, visible } from './words.ts';

type GrantBody = StatementOf<'grant.create'>['body'];
type Loss = DeletionAssessment['deletions'][number]['losses'][number];

const TAKES = 'takes with it';

function read({ assessment }: Pick<GrantBody, 'assessment'>): DeletionAssessment | null {
  if (assessment?.kind !== 'deletion' || assessment.v !== 1) return null;
  return DeletionAssessment.safeParse(assessment.body).data ?? null;
}

/** One fact for each thing that would be gone, so that no name runs into another. */
export function deletionFacts(
  body: Pick<GrantBody, 'assessment'>,
): readonly { readonly label: string; readonly value: string }[] {
  if (body.assessment === null) return [];
  const found = read(body);
  if (found === null) {
    return [{ label: TAKES, value: visible(JSON.stringify(body.assessment.body)) }];
  }
  return [
    ...found.deletions.flatMap(({ operation, resource, losses, omitted, unassessed }) => [
      ...losses.map((loss) => ({ label: TAKES, value: wordsOf(loss) })),
      ...(omitted === 0 ? [] : [{ label: TAKES, value: `${omitted} more, not listed` }]),
      ...(losses.length > 0 || omitted > 0
        ? []
        : [
            {
              label: TAKES,
              value: `${visible(operation)} of ${visible(resource)}: ${unassessed === null ? 'nothing else' : 'not known'}`,
            },
          ]),
    ]),
    ...(found.omitted === 0
      ? []
      : [{ label: TAKES, value: `that of ${found.omitted} more deletions, not looked up` }]),
  ];
}

/** The worst of it: what goes outside the grant's environment, and what nobody could tell. */
export function deletionWarnings(state: AuthorityState, body: GrantBody): readonly string[] {
  if (body.assessment === null) return [];
  const found = read(body);
  if (found === null) return ['What it takes with it cannot be read here. Do not sign it.'];
  const mapped = state.connections.get(body.connection)?.body.mapping[body.environment] ?? [];
  const outside = new Set(
    found.deletions.flatMap(({ losses }) =>
      losses
        .filter(({ place_id }) => !mapped.includes(place_id))
        .map(({ place }) => visible(place)),
    ),
  );
  const environment = state.environments.get(body.environment)?.name ?? body.environment;
  const backups = found.deletions
    .flatMap(({ losses }) => losses)
    .reduce((sum, loss) => sum + (loss.backups ?? 0), 0);
  const uncounted = found.deletions
    .flatMap(({ losses }) => losses)
    .filter(({ rows }) => rows?.complete === false);
  const unknown = found.deletions.filter(({ unassessed }) => unassessed !== null);
  return [
    ...(outside.size === 0
      ? []
      : [`It reaches beyond what is mapped as ${environment}: ${[...outside].join(', ')}.`]),
    ...(backups === 0
      ? []
      : [`${counted(backups, 'backup')} ${backups === 1 ? 'goes' : 'go'} with it.`]),
    ...(uncounted.length === 0
      ? []
      : ['Not all rows that go with it could be counted. Find out before you sign.']),
    ...unknown.map(
      ({ operation, resource, unassessed }) =>
        `What ${visible(operation)} of ${visible(resource)} takes with it could not be told when it was drafted (${visible(unassessed ?? '')}). Find out before you sign.`,
    ),
    ...(found.omitted === 0 && found.deletions.every(({ omitted }) => omitted === 0)
      ? []
      : ['It takes more with it than could be listed.']),
  ];
}

function wordsOf({ place, object, used_by, size, backups, newest_backup, rows }: Loss): string {
  return [
    `${visible(place)}: ${visible(object)}`,
    ...(rows === undefined ? [] : [rowWords(rows)]),
    ...(used_by === null ? [] : [`used by ${visible(used_by)}`]),
    ...(size === null ? [] : [`${Math.ceil(size / 1_000_000)} MB`]),
    ...(backups === null ? [] : [backupWords(backups, newest_backup)]),
  ].join(', ');
}

function backupWords(backups: number, newest: string | null): string {
  if (backups === 0) return 'no backups';
  return `${counted(backups, 'backup')}${newest === null ? '' : `, the newest of ${visible(newest)}`}`;
}

/** A number that is not all of them never looks as if it were. */
function rowWords(rows: NonNullable<Loss['rows']>): string {
  const { complete, estimated } = rows;
  if (complete && rows.counted !== null) return counted(rows.counted, 'row');
  const seen =
    rows.counted === null ? 'rows not counted' : `at least ${counted(rows.counted, 'row')}`;
  return estimated === null ? seen : `${seen}, about ${estimated} by its statistics`;
}
