/**
 * What is known of a root field, as data: what it can do at worst, what it is done to, how the environment of that
 * is proven, and which arguments make it do more. A field without a row is unknown, so denied.
 */
import type { Effect } from '@countersign/core';
import type { AnchorKind } from '../anchor.ts';
import type { ResourceKind } from '../resource.ts';

/** Where in the arguments a value stands: `volumeId`, `input.serviceId`. */
export type Path = string;

/** A resource by the argument that holds its id; a list of ids stands for each of them. */
export type Target =
  | readonly [kind: Exclude<ResourceKind, 'account' | 'variable'>, path: Path]
  | readonly [kind: 'account']
  /** The variable of that name; its holder is the first of the paths at which there is an id. */
  | readonly [kind: 'variable', name: Path, ...holders: Path[]];

/**
 * An anchor by the arguments that hold its ids; where there is none, there is no anchor. `ifSet` names a flag: it is
 * an anchor only where that is there and not false.
 */
export type Place = readonly [
  kind: AnchorKind,
  path: Path,
  within?: Path | undefined,
  ifSet?: Path | undefined,
];

/** When an argument adds a call. `given`: neither absent nor null; `named`: not absent, but maybe null. */
export type Condition =
  | 'always'
  | 'given'
  | 'named'
  | 'true'
  | 'not true'
  /** A list with something in it, or what is no list. */
  | 'some'
  | 'zero or null'
  /** Null, or a map with a null in the place of an entry. */
  | 'nulls'
  /** The name of a variable that chooses what runs, or a map in which there is one. */
  | 'chooses code';

export interface Addition {
  readonly when: Path;
  readonly is: Condition;
  readonly operation: string;
  /** The first that is there. */
  readonly on: readonly Target[];
}

/** An argument that is a document of its own, or a step whose document stands at Railway. */
export type Content =
  | { readonly as: 'patch' | 'variables'; readonly path: Path }
  | { readonly as: 'staged' };

/**
 * Why a field is forwarded to nobody, whatever was granted: the one list of reasons.
 * Law 2: what nothing places in one environment is in none that was granted.
 */
export const NEVER = {
  account: [
    'environment_mismatch',
    'It reaches whatever the account reaches, and a request is judged in one environment.',
  ],
  person: [
    'environment_mismatch',
    'It is done in the name of the person behind the account: how they sign in, and what they agree to.',
  ],
  workspace: [
    'environment_mismatch',
    'It reaches a whole workspace, and a request is judged in one environment.',
  ],
  unplaced: [
    'environment_mismatch',
    'Nothing that Railway answers says in which environment it would take place.',
  ],
  /** Law 3: what it carries, or has brought from elsewhere, could be anything. */
  content: [
    'unparseable_request',
    'What it would change is not judged from its contents: say the same with environmentPatchCommit.',
  ],
  staff: ['unknown_operation', 'Only Railway’s own staff may do it.'],
  retired: ['unknown_operation', 'Railway has retired it.'],
} as const;
export type Never = keyof typeof NEVER;

export interface Row {
  readonly effect: Effect;
  /** One line, in plain words: what it does at worst. */
  readonly summary: string;
  /** What it is done to: the first that is there. */
  readonly on: readonly Target[];
  /** Absent: it shows and changes no environment's data. */
  readonly at?: readonly Place[];
  readonly adds?: readonly Addition[];
  readonly content?: Content;
  readonly never?: Never;
}

export type Rows = Readonly<Record<string, Row>>;

export const ACCOUNT: readonly Target[] = [['account']];

/** Fields that are forwarded to nobody, by name, each with what it does at worst. */
export function neverForwarded(
  never: Never,
  effect: Effect,
  summaries: Readonly<Record<string, string>>,
): Rows {
  return Object.fromEntries(
    Object.entries(summaries).map(([name, summary]) => [
      name,
      { effect, summary, on: ACCOUNT, never },
    ]),
  );
}

/** Fields that show or change what is in no environment: of the account, or what everybody may see. */
export function onAccount(effect: Effect, summaries: Readonly<Record<string, string>>): Rows {
  return Object.fromEntries(
    Object.entries(summaries).map(([name, summary]) => [name, { effect, summary, on: ACCOUNT }]),
  );
}
