/** A description made ready to judge requests by. */
import type { Catalog } from '@countersign/core';
import type { PathTemplate } from './path.ts';
import type { Pattern, Place } from './pattern.ts';
import type { ConditionDescription, Description, OperationDescription } from './shape.ts';

/** Told of each thing that is wrong. */
export type Complain = (problem: string) => void;

/** A query of the broker's own, and where its variables stand in a request. */
export interface AskedQuery {
  readonly query: string;
  readonly variables: ReadonlyMap<string, Place>;
}

export interface Placement {
  readonly name: string;
  /** Null: the request itself says it. */
  readonly ask: PathTemplate | AskedQuery | null;
  /** Parameters of the request that a path is asked with. */
  readonly query: readonly string[];
  readonly id: Pattern;
}

/** One operation a request can be, of its own or by a condition. */
export interface Known {
  /** `<provider>:<name>`. */
  readonly name: string;
  readonly resource: Pattern;
  readonly placements: readonly Placement[];
  /** Parameters of the path that span segments. */
  readonly rests: ReadonlySet<string>;
}

interface CompiledCondition extends Known {
  readonly condition: ConditionDescription;
}

export interface CompiledOperation extends Known {
  readonly described: OperationDescription;
  readonly method: string;
  readonly template: PathTemplate;
  readonly conditions: readonly CompiledCondition[];
  /** Names whose templates fit some of the same paths. */
  readonly over: ReadonlySet<string>;
}

/** A root field of GraphQL. */
export interface CompiledRoot extends Known {
  readonly described: OperationDescription;
  readonly conditions: readonly CompiledCondition[];
}

export interface Compiled {
  readonly description: Description;
  readonly origin: string;
  readonly operations: readonly CompiledOperation[];
  /** By kind and field, e.g. `MUTATION issueDelete`. */
  readonly roots: ReadonlyMap<string, CompiledRoot>;
  /** By full name, those of conditions too. */
  readonly known: ReadonlyMap<string, Known>;
  readonly account: { readonly ask: PathTemplate; readonly id: string } | null;
  readonly catalog: Catalog;
}
