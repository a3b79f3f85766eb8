/** What the catalog has near a request that it has not: for an agent, from the catalog alone, and never much of it. */
import type { Compiled, CompiledOperation } from './description/compiled.ts';
import { matchPath } from './description/path.ts';

/** Operations that are named. */
const NAMED = 5;

/** A sentence, or nothing where nothing is near. */
export function nearOperations(
  compiled: Compiled,
  method: string,
  path: readonly string[],
): string {
  const here = compiled.operations.filter(({ template }) => matchPath(template, path) !== null);
  if (here.length > 0) return `This path knows ${named(here)}.`;
  const scored = compiled.operations
    .map((operation) => ({ operation, score: likeness(operation, method, path) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
  return scored.length === 0 ? '' : `Nearest: ${named(scored.map(({ operation }) => operation))}.`;
}

function named(operations: readonly CompiledOperation[]): string {
  const shown = operations
    .slice(0, NAMED)
    .map(({ name, described }) => `${name} (${described.request})`);
  const more = operations.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

/** How many segments agree from the start; zero where not one literal does. */
function likeness(operation: CompiledOperation, method: string, path: readonly string[]): number {
  let score = 0;
  let literals = 0;
  for (const [at, segment] of operation.template.segments.entries()) {
    const value = path[at];
    if (value === undefined) break;
    if ('parameter' in segment) {
      score += 1;
      continue;
    }
    if (segment.literal.toLowerCase() !== value.toLowerCase()) break;
    literals += 1;
    score += 2;
  }
  if (literals === 0) return 0;
  const apart = Math.abs(operation.template.segments.length - path.length);
  return Math.max(1, score * 4 - apart + (operation.method === method ? 1 : 0));
}
