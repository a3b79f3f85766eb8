/**
 * SQL that a grant holds, in front of whoever is asked to sign it: what the broker's dry run found,
 * the worst of it first, and the text itself, line by line. An assessment of another shape is shown raw.
 */
import { DryRunAssessment, type StatementOf } from '@countersign/contract';
import { counted, visible } from './words.ts';

type Assessment = StatementOf<'grant.create'>['body']['assessment'];
type Fact = { readonly label: string; readonly value: string };

function read(assessment: Assessment): DryRunAssessment | null {
  if (assessment?.kind !== 'dry-run' || assessment.v !== 1) return null;
  return DryRunAssessment.safeParse(assessment.body).data ?? null;
}

/** What the dry run found, one fact for each object, so that no name runs into another. */
export function dryRunFacts(assessment: Assessment): readonly Fact[] {
  const found = read(assessment);
  if (found === null) {
    return [{ label: 'dry run', value: visible(JSON.stringify(assessment)) }];
  }
  const each = (label: string, names: readonly string[]): Fact[] =>
    names.map((name) => ({ label, value: visible(name) }));
  const facts = [
    ...each('drops', found.dropped),
    ...each('empties', found.emptied),
    ...found.rows.map(({ table, inserted, updated, deleted }) => ({
      label: 'rows',
      value: `${visible(table)}: ${deleted} deleted, ${updated} updated, ${inserted} inserted`,
    })),
    ...each('alters', found.altered),
    ...each('creates', found.created),
    ...each('rewrites', found.rewritten),
  ];
  return [
    { label: 'dry run', value: `on ${visible(found.server)}, as ${visible(found.owner)}, undone` },
    ...(facts.length === 0 ? [{ label: 'changes', value: 'nothing that a catalog shows' }] : facts),
    ...(found.omitted === 0 ? [] : [{ label: 'and', value: `${found.omitted} more, not listed` }]),
  ];
}

export function dryRunWarnings(assessment: Assessment): readonly string[] {
  const found = read(assessment);
  if (found === null) return ['What a dry run found cannot be read here. Do not sign it.'];
  const deleted = found.rows.reduce((sum, row) => sum + row.deleted, 0);
  const lost = [
    ...(found.dropped.length === 0 ? [] : [`drops ${counted(found.dropped.length, 'object')}`]),
    ...(found.emptied.length === 0 ? [] : [`empties ${counted(found.emptied.length, 'table')}`]),
    ...(deleted === 0 ? [] : [`deletes ${counted(deleted, 'row')}`]),
  ];
  const privileged = found.created.filter((name) => name.startsWith('SECURITY DEFINER '));
  return [
    ...(lost.length === 0 ? [] : [`In the dry run it ${lost.join(', ')}.`]),
    ...(privileged.length === 0
      ? []
      : [
          `It leaves ${counted(privileged.length, 'function')} that run${privileged.length === 1 ? 's' : ''} with the owner's rights.`,
        ]),
    ...(found.omitted === 0 ? [] : ['The dry run found more than could be listed.']),
    'The dry run is what it did then. SQL that asks what it finds can do something else when it is run.',
  ];
}

/** The very text, a fact for each line; what could hide in it is written out. */
export function sqlFacts(sql: string): readonly Fact[] {
  const lines = sql.replace(/\n$/, '').split('\n');
  return lines.map((line, index) => ({
    label: index === 0 ? 'SQL' : `${index + 1}`,
    value: visible(line.replaceAll('\t', '    ')),
  }));
}
