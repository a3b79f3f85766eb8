/** What an SDK says of its API, put as OpenAPI, so that one importer drafts them all. No words of the SDK's are taken. */

export interface Sketched {
  readonly method: string;
  /** As OpenAPI writes it. */
  readonly path: string;
  readonly name: string;
  readonly query: readonly string[];
  /** Members of its body; null: not known. */
  readonly body: readonly string[] | null;
  readonly form?: boolean;
}

export function sketch(server: string, version: string, operations: readonly Sketched[]): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, path, name, query, body, form = false } of operations) {
    const type = form ? 'application/x-www-form-urlencoded' : 'application/json';
    const properties = Object.fromEntries((body ?? []).map((each) => [each, {}]));
    const hasBody = method !== 'GET' && method !== 'HEAD' && (body === null || body.length > 0);
    const schema = body === null ? {} : { type: 'object', properties };
    paths[path] = {
      ...paths[path],
      [method.toLowerCase()]: {
        operationId: name,
        summary: inWords(name),
        parameters: query.map((each) => ({ in: 'query', name: each })),
        ...(hasBody ? { requestBody: { content: { [type]: { schema } } } } : {}),
      },
    };
  }
  return { openapi: '3.0.3', info: { title: 'API', version }, servers: [{ url: server }], paths };
}

/** `projects/deleteProject` → `Projects: delete project.` */
export function inWords(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[_/.-]+/g, ' ')
    .toLowerCase()
    .trim();
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
