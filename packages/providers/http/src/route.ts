/** Which operation a method and a path are, where there is one answer (Law 3). */
import type { Compiled, CompiledOperation } from './description/compiled.ts';
import { type Bound, matchPath, readPath } from './description/path.ts';
import { nearOperations } from './near.ts';
import { ambiguous, unknown, unreadable } from './refuse.ts';

export interface Routed {
  readonly operation: CompiledOperation;
  readonly bound: Bound;
}

/** @param path as it came, nothing decoded. @throws RequestRefusal */
export function route(compiled: Compiled, method: string, path: string): Routed {
  const segments = readPath(path);
  if ('problem' in segments) throw ambiguous(segments.problem);
  if (!/^[A-Z]{1,16}$/.test(method)) throw unreadable('The method is none.');
  const exact: Routed[] = [];
  const near: CompiledOperation[] = [];
  for (const operation of compiled.operations) {
    if (operation.method !== method) continue;
    const match = matchPath(operation.template, segments);
    if (match === null) continue;
    if (match.kind === 'exact') exact.push({ operation, bound: match.bound });
    else near.push(operation);
  }
  const chosen = exact.filter(
    ({ operation }) => !exact.some((other) => other.operation.over.has(operation.name)),
  );
  const [first, ...others] = chosen;
  if (first === undefined) {
    throw unknown(
      `No operation of ${compiled.description.title} is asked for so. ${nearOperations(compiled, method, segments)}`,
    );
  }
  const names = [...others.map(({ operation }) => operation), ...near].map(({ name }) => name);
  const unsettled = names.filter((name) => !first.operation.over.has(name));
  if (unsettled.length > 0) {
    throw ambiguous(
      `This path is that of ${first.operation.name}, and could be taken for that of ${unsettled.slice(0, 3).join(', ')}.`,
    );
  }
  return first;
}
