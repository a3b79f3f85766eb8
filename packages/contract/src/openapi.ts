/** The OpenAPI 3.1 document, generated from the same table that validates requests. */
import {
  type CreateDocumentOptions,
  createDocument,
  type ZodOpenApiPathsObject,
} from 'zod-openapi';
import { GATEWAY } from './gateway.ts';
import { type Route, routes } from './routes.ts';
import { OAuthProblem, Problem } from './views.ts';

type Document = ReturnType<typeof createDocument>;

const SECURITY: Readonly<Record<Route['auth'], readonly Readonly<Record<string, string[]>>[]>> = {
  none: [],
  client: [],
  agent: [{ token: [] }],
  human: [{ session: [] }],
  code: [{ session: [] }, {}],
  'agent-or-human': [{ token: [] }, { session: [] }],
  operator: [{ metrics: [] }, {}],
};

/** @param issuer becomes the server's URL. */
export function openApiDocument(issuer: string, version: string): Document {
  const paths: ZodOpenApiPathsObject = {};
  for (const [name, definition] of Object.entries<Route>(routes)) {
    const operation = {
      operationId: name,
      summary: definition.summary,
      security: SECURITY[definition.auth].map((scheme) => ({ ...scheme })),
      ...requestOf(definition),
      responses: responsesOf(definition),
    };
    paths[definition.path] = { ...paths[definition.path], [definition.method]: operation };
  }
  paths[GATEWAY.path] = gatewayItem();
  const options: CreateDocumentOptions = { reused: 'inline' };
  return createDocument(
    {
      openapi: '3.1.0',
      info: {
        title: 'Countersign',
        version,
        description:
          'A least-privilege token broker for AI agents. Nothing delete-capable until a second human has signed.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: issuer }],
      paths,
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', bearerFormat: 'at+jwt (RFC 9068), or DPoP' },
          session: { type: 'http', scheme: 'dpop', description: 'RFC 9449, always bound' },
          metrics: { type: 'http', scheme: 'bearer', description: 'set by the operator' },
        },
      },
    },
    options,
  );
}

/** By any method; HEAD goes with GET. */
function gatewayItem(): ZodOpenApiPathsObject[string] {
  const anything = { content: { '*/*': { schema: {} } } };
  const methods = GATEWAY.methods.filter((method) => method !== 'head');
  return Object.fromEntries(
    methods.map((method) => [
      method,
      {
        operationId: `gateway_${method}`,
        summary: GATEWAY.summary,
        security: [{ token: [] }],
        requestParams: { path: GATEWAY.params },
        ...(method === 'get' ? {} : { requestBody: anything }),
        responses: {
          '2XX': { description: "The provider's answer.", ...anything },
          default: {
            description:
              "Refused, with `code` from one of two closed lists; or the provider's own answer.",
            content: { 'application/problem+json': { schema: Problem }, '*/*': { schema: {} } },
          },
        },
      },
    ]),
  );
}

function requestOf(definition: Route) {
  return {
    ...(definition.params === undefined && definition.query === undefined
      ? {}
      : {
          requestParams: {
            ...(definition.params === undefined ? {} : { path: definition.params }),
            ...(definition.query === undefined ? {} : { query: definition.query }),
          },
        }),
    ...(definition.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              [definition.body.type === 'json'
                ? 'application/json'
                : 'application/x-www-form-urlencoded']: { schema: definition.body.schema },
            },
          },
        }),
  };
}

function responsesOf(definition: Route) {
  const problem =
    definition.auth === 'client'
      ? { content: { 'application/json': { schema: OAuthProblem } } }
      : { content: { 'application/problem+json': { schema: Problem } } };
  return {
    [String(definition.status)]: {
      description: definition.summary,
      ...contentOf(definition),
    },
    default: { description: 'Refused; `code` is from one of two closed lists.', ...problem },
  };
}

/** What an answer may hold, by its content types; nothing where there is none. */
function contentOf({ answer, media }: Route) {
  if (answer === undefined && media === undefined) return {};
  return {
    content: {
      ...(answer === undefined ? {} : { 'application/json': { schema: answer } }),
      ...(media === undefined ? {} : { [media]: { schema: { type: 'string' as const } } }),
    },
  };
}
