/** Shipped descriptions as files: an operation a line, so that a newer one can be read as a difference. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile, type Description, type OperationDescription } from '../src/description/index.ts';

/** What people who know the API say of an operation, in place of what was proposed. */
export type Review = Partial<Omit<OperationDescription, 'name' | 'request'>>;

/** By name; one that the description has not is an error, so that no review is lost to a new name. */
export function review(
  operations: readonly OperationDescription[],
  reviews: Readonly<Record<string, Review>>,
): OperationDescription[] {
  const missing = Object.keys(reviews).filter(
    (name) => !operations.some((each) => each.name === name),
  );
  if (missing.length > 0) throw new Error(`There is no operation ${missing.join(', ')}.`);
  return operations.map((operation) => ({ ...operation, ...reviews[operation.name] }));
}

/** The file in `catalogs/`, once it compiles. @throws DescriptionError */
export function write(description: Description): void {
  compile(description);
  const { operations, ...head } = description;
  const text = JSON.stringify(head, null, 2).replace(/\n\}$/, '');
  const lines = operations.map((operation) => `    ${JSON.stringify(operation)}`);
  const path = new URL(`../catalogs/${description.name}.json`, import.meta.url);
  writeFileSync(fileURLToPath(path), `${text},\n  "operations": [\n${lines.join(',\n')}\n  ]\n}\n`);
}
