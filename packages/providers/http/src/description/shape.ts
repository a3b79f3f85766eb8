/**
 * The description of an API: one reviewed file, from which alone requests are judged. Strict, and small enough to
 * be read: what it does not say is denied.
 */
import { EFFECTS } from '@countersign/core';
import { z } from 'zod';

/** Operations of one description, with those that conditions add. */
export const MOST_OPERATIONS = 4096;

const line = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'one line without control characters');

const operationName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_./-]{0,127}$/, 'a letter, then up to 127 letters, digits or _ . / -');
const effect = z.enum(EFFECTS);
const pointer = z
  .string()
  .max(200)
  .regex(/^(?:\/(?:[^~/]|~[01])*)*$/, 'a JSON pointer');
const pattern = z.string().min(1).max(300);
const names = z.array(z.string().min(1).max(100)).max(200);
const headerName = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'a header name in lower case');
const headerValue = z
  .string()
  .max(300)
  .regex(/^[\x20-\x7e]*$/, 'printable ASCII');

/** Where the operation leads, by the names of `places`; null: it shows and changes no environment's data. */
const place = z.union([z.string().max(64), z.array(z.string().max(64)).min(1).max(4), z.null()]);

const scalar = z.union([z.string().max(300), z.number(), z.boolean(), z.null()]);

const body = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.enum(['json', 'form']),
    /** Members, or fields, it may have at its top; `any`: whatever it holds changes nothing of what it does. */
    keys: z.union([names, z.literal('any')]),
    /** json: an array of such objects is taken too. */
    list: z.literal(true).exactOptional(),
  }),
  z.strictObject({
    /** Bytes that are not looked into. */
    type: z.literal('bytes'),
    content: z
      .array(z.string().regex(/^[a-z0-9.+-]+\/[a-z0-9.+*-]+$/))
      .min(1)
      .max(8),
  }),
]);

/** A value that makes the operation do more: then it is this operation too. */
const condition = z.strictObject({
  name: operationName,
  effect,
  summary: line(300),
  /** A place of the request: `{body:/archived}`, `{query:force}`, `{name}`. */
  at: z.string().max(200),
  /** Holds for these values, and for what an upstream might take for one of them. */
  is: z.array(scalar).min(1).max(32).exactOptional(),
  /** Holds for every value but these. */
  unless: z.array(scalar).min(1).max(32).exactOptional(),
  /** Holds where there is any value. */
  present: z.literal(true).exactOptional(),
  /** Holds also where there is none. */
  absent: z.literal(true).exactOptional(),
  resource: pattern.exactOptional(),
  place: place.exactOptional(),
  reason: line(300).exactOptional(),
});

const operation = z.strictObject({
  name: operationName,
  /** `<METHOD> <path template>`, or of GraphQL `QUERY <field>` and `MUTATION <field>`. */
  request: z.string().max(500),
  effect,
  summary: line(300),
  /** Why it has that effect, for whoever reviews it. */
  reason: line(300).exactOptional(),
  /** Of a GraphQL root field: dotted paths of arguments it may have (`input.title`, `input.meta.*`). */
  arguments: z.union([names, z.literal('any')]).exactOptional(),
  /** Dotted paths of the fields that may be selected of it. */
  selects: z.union([names, z.literal('any')]).exactOptional(),
  /** What it touches, e.g. `task/{task}`. */
  resource: pattern,
  place,
  /** Parameters it may have besides the common ones; `any`: none of them changes what it does. */
  query: z.union([names, z.literal('any')]).exactOptional(),
  body: body.exactOptional(),
  when: z.array(condition).min(1).max(32).exactOptional(),
  /** Values of a JSON answer that the agent does not see. */
  redact: z.array(pointer).min(1).max(32).exactOptional(),
  /** Operations whose template fits the same path, which the API routes here. */
  over: z.array(operationName).min(1).max(32).exactOptional(),
});

const placement = z.strictObject({
  /** A path that the broker asks first, by GET; of GraphQL a query, and where its variables stand. */
  ask: z
    .union([
      z.string().max(500),
      z.strictObject({
        query: z.string().max(2000),
        variables: z.record(z.string().max(64), z.string().max(200)),
      }),
    ])
    .exactOptional(),
  /** Parameters of the request that the path is asked with, such as what says in which team a name is meant. */
  query: names.exactOptional(),
  /** The provider's own id, as connections map it. */
  id: pattern,
});

const example = z.strictObject({
  /** `<METHOD> <path and query>`. */
  request: z.string().max(1000),
  body: z.json().exactOptional(),
  /** What the API answers where the broker asks, by path; to a query by the name of the place. */
  answers: z.record(z.string().max(500), z.json()).exactOptional(),
  expect: z.union([
    z.strictObject({
      operations: z.array(operationName).min(1),
      resources: z.array(z.string()).min(1).exactOptional(),
      environment: z.array(z.string()).exactOptional(),
    }),
    z.strictObject({
      refused: z.enum([
        'unknown_operation',
        'unparseable_request',
        'ambiguous_request',
        'environment_mismatch',
        'environment_unproven',
      ]),
    }),
  ]),
});

export const Description = z.strictObject({
  version: z.literal(1),
  /** The provider’s name, and the prefix of its operations. */
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'a letter, then up to 31 of a-z 0-9 -'),
  title: line(120),
  /** Where it was taken from. */
  source: line(300).exactOptional(),
  /** The origin; templates are whole paths. */
  base: z.string().max(300),
  credential: z.strictObject({
    header: headerName,
    /** Before the credential, e.g. `Bearer `. */
    prefix: headerValue.default(''),
  }),
  /** Sent with every request. */
  headers: z.record(headerName, headerValue).exactOptional(),
  /** Media types an agent may ask for; the first where it asks for none of them. */
  accept: z
    .array(z.string().regex(/^[a-z0-9.+-]+\/[a-z0-9.+*-]+$/))
    .min(1)
    .max(16)
    .exactOptional(),
  /** A path that says whose credential it is, by GET. */
  account: z.strictObject({ ask: z.string().max(300), id: pointer }).exactOptional(),
  limits: z
    .strictObject({
      /** Bytes of the longest body that is read of a request. */
      body: z.number().int().min(1).max(16_777_216),
    })
    .exactOptional(),
  /** Where GraphQL is sent to. */
  graphql: z.strictObject({ path: z.string().max(300) }).exactOptional(),
  /** Statuses that say that nothing was done. */
  refused: z.array(z.number().int().min(400).max(499)).max(16).exactOptional(),
  /** How environments are proven, by name. */
  places: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,63}$/), placement),
  /** Parameters that every operation may have. */
  query: names.exactOptional(),
  operations: z.array(operation).min(1).max(MOST_OPERATIONS),
  examples: z.array(example).max(500).exactOptional(),
});
export type Description = z.infer<typeof Description>;
export type OperationDescription = Description['operations'][number];
export type ConditionDescription = NonNullable<OperationDescription['when']>[number];
export type BodyDescription = NonNullable<OperationDescription['body']>;
export type Example = NonNullable<Description['examples']>[number];
