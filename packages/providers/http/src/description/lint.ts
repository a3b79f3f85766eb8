/** What a reviewer should look at before signing a description: what is ambiguous, unproven, or milder than it sounds. */
import { defaultEffect, isDeleteCapable, worse } from '@countersign/core';
import { overlapping } from './compile.ts';
import type { Compiled } from './compiled.ts';
import { placesIn } from './pattern.ts';
import { looksSecret, proposeEffect } from './propose.ts';
import type { OperationDescription } from './shape.ts';

export interface Finding {
  /** `ambiguous`: such a request is refused. The others are for people to decide. */
  readonly kind: 'ambiguous' | 'unproven' | 'mild' | 'secret' | 'open' | 'unused' | 'untested';
  /** Name of the operation without its provider; null: of the description. */
  readonly operation: string | null;
  readonly text: string;
}

/** In the order of the description. */
export function lint(compiled: Compiled): readonly Finding[] {
  return [
    ...overlapping(compiled).map(
      ([one, other]): Finding => ({
        kind: 'ambiguous',
        operation: bare(one),
        text: `some paths are also those of ${bare(other)}, and are refused. If the API routes them here, list it in over.`,
      }),
    ),
    ...compiled.description.operations.flatMap(lintOperation),
    ...oneForAll(compiled),
    ...unused(compiled),
    ...((compiled.description.examples ?? []).length === 0
      ? [
          {
            kind: 'untested',
            operation: null,
            text: 'no examples: nobody can see what it makes of a request.',
          } as const,
        ]
      : []),
  ];
}

function lintOperation(described: OperationDescription): readonly Finding[] {
  const { name, effect, reason, body, query, redact, place } = described;
  const [verb = '', path = ''] = described.request.split(' ');
  const method = verb === 'QUERY' ? 'GET' : verb === 'MUTATION' ? 'POST' : verb;
  const subject = { method, path, name, summary: described.summary };
  const found: Finding[] = [];
  const say = (kind: Finding['kind'], text: string): void => {
    found.push({ kind, operation: name, text });
  };
  const proposed = proposeEffect(subject);
  if (worse(effect, proposed.effect) !== effect && reason === undefined && !isRedacted()) {
    say(
      'mild',
      `is ${effect}; ${proposed.reason}, so ${proposed.effect} would be proposed. Say why in reason.`,
    );
  }
  if (effect === 'read' && redact === undefined && reason === undefined && looksSecret(subject)) {
    say('secret', 'reads what may be a secret: redact it, call it reveal, or say why in reason.');
  }
  const isMild = !isDeleteCapable(effect) && defaultEffect(described.request) !== 'read';
  if (isMild && body !== undefined && 'keys' in body && body.keys === 'any') {
    say('open', 'takes any member in its body: list those that are harmless.');
  }
  if (isMild && described.arguments === 'any') {
    say('open', 'takes any argument: list those that are harmless.');
  }
  if (effect === 'read' && described.selects === 'any') {
    say('open', 'shows whatever is selected, of any environment: list its fields.');
  }
  if (isMild && query === 'any') say('open', 'takes any parameter: list those that are harmless.');
  if (place === null && effect !== 'read') {
    say('unproven', 'is done in no environment: whatever it reaches, nobody proves where it is.');
  }
  return found;

  function isRedacted(): boolean {
    return effect === 'read' && redact !== undefined && proposed.effect === 'reveal';
  }
}

/** What is done to one of many things, and is said to be at one place whichever it is. */
function oneForAll({ operations }: Compiled): readonly Finding[] {
  return operations.flatMap(({ name, described, template, placements }) => {
    const isOfMany = template.segments.some((each) => 'parameter' in each);
    const isConstant =
      placements.length > 0 && placements.every(({ id }) => placesIn(id).length === 0);
    if (!isOfMany || !isConstant || described.effect === 'read') return [];
    const where = placements.map(({ id }) => id.text).join(', ');
    return [
      {
        kind: 'unproven',
        operation: bare(name),
        text: `is done in ${where} whatever it concerns: that is proven by nothing of the request.`,
      },
    ];
  });
}

function unused({ description }: Compiled): readonly Finding[] {
  const places = description.operations.flatMap(({ place, when = [] }) =>
    [place, ...when.map((each) => each.place ?? null)].flat(),
  );
  return Object.keys(description.places)
    .filter((name) => !places.includes(name))
    .map((name) => ({
      kind: 'unused',
      operation: null,
      text: `no operation leads to place ${name}.`,
    }));
}

function bare(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
