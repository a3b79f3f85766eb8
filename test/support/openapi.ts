/** The running broker's own OpenAPI document, as tests read it: operations, and a judge of values. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';

const Schema = z.record(z.string(), z.unknown());
const Content = z.record(z.string(), z.object({ schema: Schema.optional() }));
const OperationObject = z.object({
  operationId: z.string(),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  parameters: z
    .array(
      z.object({
        in: z.enum(['path', 'query', 'header']),
        name: z.string(),
        schema: Schema,
        required: z.boolean().optional(),
      }),
    )
    .default([]),
  requestBody: z.object({ content: Content }).optional(),
  responses: z.record(z.string(), z.object({ content: Content.optional() })),
});
const Document = z.object({
  paths: z.record(z.string(), z.record(z.string(), OperationObject)),
  components: z.object({ schemas: z.record(z.string(), Schema).default({}) }),
});

type Judge = (value: unknown) => boolean;

interface Parameter {
  readonly in: 'path' | 'query' | 'header';
  readonly name: string;
  readonly required: boolean;
  readonly type: unknown;
  /** Whether the document admits this text as the parameter's value. */
  readonly admits: (text: string) => boolean;
}

export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** Names of the security schemes; empty: anyone. `null` among them: also without. */
  readonly callers: readonly (string | null)[];
  readonly parameters: readonly Parameter[];
  readonly body: { readonly type: string; readonly admits: Judge } | null;
}

/** Everything `/openapi.json` describes. Throws when the document is not one. */
export async function operationsOf(url: string): Promise<Operation[]> {
  const answer = await fetch(`${url}/openapi.json`);
  const document = Document.parse(await answer.json());
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'document', components: document.components });
  const judge = (schema: Readonly<Record<string, unknown>>): Judge => {
    const local = JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/');
    const validate = ajv.compile(Schema.parse(JSON.parse(local)));
    return (value) => {
      try {
        return validate(value) === true;
      } catch (error) {
        // Too deep for the judge, so too deep for anyone.
        if (error instanceof RangeError) return false;
        throw error;
      }
    };
  };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const [content] = Object.entries(operation.requestBody?.content ?? {});
      return {
        id: operation.operationId,
        method: method.toUpperCase(),
        path,
        callers: operation.security.map((scheme) => Object.keys(scheme)[0] ?? null),
        parameters: operation.parameters.map((parameter) => {
          const admits = judge(parameter.schema);
          const { type } = parameter.schema;
          return {
            in: parameter.in,
            name: parameter.name,
            required: parameter.required === true,
            type,
            admits: (text) =>
              type === 'integer'
                ? /^(0|[1-9]\d{0,14})$/.test(text) && admits(Number(text))
                : admits(text),
          };
        }),
        body:
          content === undefined
            ? null
            : { type: content[0], admits: judge(content[1].schema ?? {}) },
      };
    }),
  );
}
