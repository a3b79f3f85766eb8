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
}

export type Rows = Readonly<Record<string, Row>>;
