/** Adopted catalogs, guardrails and restored databases in plain words. */
import type { StatementOf } from '@countersign/contract';
import { EFFECTS, effectOf } from '@countersign/core';
import { effectChanges } from './adoption.ts';
import { presentGuardrail } from './guardrails.ts';
import type { AuthorityState } from './state.ts';
import { readAloud, type Sentence, visible } from './words.ts';

/** Operations named; more are counted. */
const NAMED = 40;

export function describeAdoption(
  state: AuthorityState,
  body: StatementOf<'catalog.adopt'>['body'],
): Sentence {
  const changes = effectChanges(state, body);
  const lowered = changes.filter(({ lowered }) => lowered);
  return {
    headline: `Adopt the catalog of ${body.provider}: ${changes.length} operations change, ${lowered.length} of them to something milder.`,
    facts: [
      ...describedFacts(state, body),
      // What becomes milder comes first: it is what signers answer for.
      ...[...changes]
        .sort((a, b) => Number(b.lowered) - Number(a.lowered))
        .slice(0, NAMED)
        .map(({ operation, before, after }) => ({
          label: operation,
          value: `${before ?? 'unknown, so denied'} → ${after ?? 'unknown, so denied'}`,
        })),
      ...(changes.length > NAMED
        ? [{ label: 'and', value: `${changes.length - NAMED} more` }]
        : []),
      { label: 'catalog', value: readAloud(body.digest) },
      { label: 'reason', value: body.reason },
    ],
    warnings: lowered
      .map(
        ({ operation, before, after }) =>
          `${operation} counts as ${after} from now on, and no more as ${before ?? 'unknown'}.`,
      )
      .slice(0, NAMED),
  };
}

/** Of an API that humans described: where its credential goes, and how many operations count as what. */
function describedFacts(
  state: AuthorityState,
  body: StatementOf<'catalog.adopt'>['body'],
): Sentence['facts'] {
  const catalog = state.catalogs.get(body.digest);
  if (catalog?.description === undefined) return [];
  const { base, credential } = catalog.description;
  const own = new Map(body.effects.map(({ operation, effect }) => [operation, effect]));
  const counted = EFFECTS.map((effect) => ({
    effect,
    count: catalog.operations.filter(
      ({ name, effects }) =>
        (own.get(name) ?? effectOf(effects, { resource: 'whole', environmentClass: null })) ===
        effect,
    ).length,
  }));
  const header =
    typeof credential === 'object' && credential !== null && 'header' in credential
      ? String(credential.header)
      : '';
  return [
    { label: 'described', value: `by humans, for requests to ${visible(String(base))}` },
    { label: 'credential', value: `sent there as ${visible(header)}` },
    {
      label: 'operations',
      value: counted
        .filter(({ count }) => count > 0)
        .map(({ effect, count }) => `${count} ${effect}`)
        .join(', '),
    },
  ];
}

export function describeGuardrail(
  state: AuthorityState,
  body: StatementOf<'guardrail.add'>['body'],
): Sentence {
  const present = presentGuardrail(state, body.guardrail ?? '');
  return {
    headline:
      present === undefined
        ? `Never allow what the guardrail ${body.name} forbids.`
        : `Change what the guardrail ${present.name} forbids.`,
    facts: [
      ...(present === undefined ? [] : numbered('was', present.policy)),
      ...numbered(present === undefined ? 'policy' : 'becomes', body.policy),
      { label: 'reason', value: body.reason },
    ],
    warnings:
      present === undefined ? [] : ['What the former text forbade may be allowed from now on.'],
  };
}

export function describeGuardrailRemoval(
  state: AuthorityState,
  body: StatementOf<'guardrail.remove'>['body'],
): Sentence {
  const present = presentGuardrail(state, body.guardrail);
  return {
    headline: `Remove the guardrail ${present?.name ?? body.guardrail}.`,
    facts: [...numbered('policy', present?.policy ?? ''), { label: 'reason', value: body.reason }],
    warnings: ['What it forbade may be allowed from now on.'],
  };
}

/** A text line by line, so that none of it can hide behind the end of one. */
function numbered(
  label: string,
  text: string,
): { readonly label: string; readonly value: string }[] {
  return text
    .split('\n')
    .map((line, at) => ({ label: `${label} ${at + 1}`, value: visible(line) }));
}

export function describeRestore(body: StatementOf<'restore.accept'>['body']): Sentence {
  return {
    headline: 'Go on with a database that does not agree with its mirror.',
    facts: [
      {
        label: 'mirror',
        value:
          body.mirror.size === 0
            ? 'no checkpoint of it can be read'
            : `${body.mirror.size} entries, ${readAloud(body.mirror.root)}`,
      },
      {
        label: 'database',
        value: `${body.restored.size} entries, ${readAloud(body.restored.root)}`,
      },
      { label: 'reason', value: body.reason },
    ],
    warnings: [
      'What only the mirror has is given up for good: a revocation, a freeze or a removal among it is undone. Make it again.',
      'Every lease is revoked; limited and delete-capable grants are void.',
    ],
  };
}
