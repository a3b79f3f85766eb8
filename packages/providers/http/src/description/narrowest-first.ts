/**
 * Of templates that fit one path the narrowest, where the API is known to route so. Elsewhere such a path is refused
 * (Law 3).
 */
import { isWithin, parsePathTemplate } from './path.ts';
import type { OperationDescription } from './shape.ts';

/**
 * The operations in their order, each `over` those of its method whose templates have all of its paths and more.
 *
 * @param isRouted of which operations the API is known to prefer the narrower one
 * @throws Error for a request that is no template
 */
export function narrowestFirst(
  operations: readonly OperationDescription[],
  isRouted: (operation: OperationDescription) => boolean = () => true,
): OperationDescription[] {
  const read = operations.map((operation) => {
    const [method = '', path = ''] = operation.request.split(' ');
    const template = parsePathTemplate(path);
    if (template === null) throw new Error(`${operation.request} is no template.`);
    return { operation, method, template };
  });
  return read.map(({ operation, method, template }) => {
    if (!isRouted(operation)) return operation;
    const over = read
      .filter((other) => other.operation !== operation && other.method === method)
      .filter((other) => isWithin(template, other.template) && !isWithin(other.template, template))
      .map((other) => other.operation.name);
    return over.length === 0 ? operation : { ...operation, over };
  });
}
