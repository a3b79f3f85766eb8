/**
 * Requests made from the schema: every root field with every argument, member and value of an enum, null, absent and
 * by default, one after the other and then mixed, with ids of every environment in each place.
 */
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import { MUTATIONS, QUERIES } from '../../src/catalog.ts';
import { knownSchema } from '../../src/known-schema.ts';
import { KINDS, type Kind } from '../../src/simulator/world/world.ts';
import { type KnownIds, literal, NAMED } from './documents.ts';

export interface DirectedRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
  /** The field, and the arguments it was given. */
  readonly field: string;
  readonly isQuery: boolean;
  readonly args: Readonly<Record<string, unknown>>;
}

type Values = Readonly<Record<string, unknown>>;

const AGENT_SECRETS: ReadonlySet<string> = new Set(['password', 'value']);

const UNKNOWN = '0b0b0b0b-0000-4000-8000-000000000000';

/** Numbers from 0 to 1, the same from one seed. */
export function sequenceFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export class Directed {
  readonly #known: KnownIds;
  readonly #ids = new Map<Kind, readonly string[]>();
  readonly #selections = new Map<string, readonly string[]>();

  constructor(known: KnownIds) {
    this.#known = known;
  }

  /** Each argument, member and value once, beside the least that the others need. */
  *one(): Generator<DirectedRequest> {
    for (const { field, kind, isQuery } of roots()) {
      const base = Object.fromEntries(
        field.args
          .filter(isRequiredArgument)
          .map(({ name, type }) => [name, this.#candidates(type, name, kind)[0]]),
      );
      yield this.#written(field, isQuery, base, 0, 0);
      for (const { name, type } of field.args) {
        for (const value of this.#candidates(type, name, kind)) {
          yield this.#written(field, isQuery, { ...base, [name]: value }, 0, 0);
        }
      }
    }
  }

  /** Any mixture of them, in any form. */
  mixed(random: () => number): DirectedRequest {
    const all = roots();
    const { field, kind, isQuery } = pick(random, all);
    const args: Record<string, unknown> = {};
    for (const arg of field.args) {
      if (!isRequiredArgument(arg) && random() < 0.4) continue;
      args[arg.name] = this.#any(random, arg.type, arg.name, kind);
    }
    return this.#written(field, isQuery, args, random(), random());
  }

  #idsOf(kind: Kind): readonly string[] {
    const present = this.#ids.get(kind);
    if (present !== undefined) return present;
    const ids = [...this.#known.world.where(kind).map(({ id }) => id), UNKNOWN];
    this.#ids.set(kind, ids);
    return ids;
  }

  /** Every value worth trying, the plainest first. */
  #candidates(type: GraphQLInputType, name: string, kind: Kind): readonly unknown[] {
    if (!isNonNullType(type)) return [...this.#given(type, name, kind), null];
    return this.#given(type.ofType, name, kind);
  }

  #given(type: GraphQLInputType, name: string, kind: Kind): readonly unknown[] {
    if (isNonNullType(type)) return this.#given(type.ofType, name, kind);
    if (isListType(type)) {
      const each = this.#candidates(type.ofType, name, kind);
      return [...each.map((value) => [value]), [], each.slice(0, 3)];
    }
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields());
      const base = Object.fromEntries(
        fields
          .filter(isRequiredInputField)
          .map((field) => [field.name, this.#candidates(field.type, field.name, kind)[0]]),
      );
      return [
        base,
        ...fields.flatMap((field) =>
          this.#candidates(field.type, field.name, kind).map((value) => ({
            ...base,
            [field.name]: value,
          })),
        ),
      ];
    }
    return this.#leaves(type, name, kind);
  }

  #leaves(type: GraphQLInputType, name: string, kind: Kind): readonly unknown[] {
    if (isEnumType(type)) return type.getValues().map((value) => value.name);
    switch (getNamedType(type).name) {
      case 'Boolean':
        return [true, false];
      case 'Int':
        return [1, 0, -1];
      case 'Float':
        return [0.5, 0, -1];
      case 'BigInt':
        return [1];
      case 'DateTime':
        return ['2026-04-24T00:00:00Z'];
      case 'EnvironmentConfig':
        return this.#patches();
      case 'EnvironmentVariables':
        return [{ NEW: 'y' }, { API_KEY: null }, { API_KEY: 'x', NODE_OPTIONS: '-r x' }, {}];
      case 'String':
      case 'ID': {
        // A secret that stands in the answer because the request named something so reveals nothing.
        if (AGENT_SECRETS.has(name)) return ['x'];
        const meant = name === 'id' ? kind : NAMED[name];
        return meant === undefined
          ? ['x', 'API_KEY', 'NODE_OPTIONS', 'SENTRY_DSN', '']
          : this.#idsOf(meant);
      }
      default:
        return [{}, { eu: { numReplicas: 0 } }, { isDeleted: true }, [], 'x', true];
    }
  }

  #patches(): readonly unknown[] {
    const entries: readonly unknown[] = [{}, null, { isDeleted: true }, { isCreated: true }];
    const service: readonly unknown[] = [
      ...entries,
      { isDeleted: false },
      { variables: { API_KEY: null } },
      { variables: { LD_PRELOAD: { value: 'x' } } },
      { variables: null },
      { deploy: { startCommand: 'x' } },
      { deploy: { numReplicas: 0 } },
      { deploy: { healthcheckPath: '/' } },
      { deploy: null },
      { source: null },
      { source: { image: 'evil' } },
      { networking: { customDomains: { 'rental.example': null } } },
      { networking: { tcpProxies: { 5432: {} } } },
      { networking: null },
      { unknown: 1 },
    ];
    const of = (part: string, ids: readonly string[], values: readonly unknown[]) =>
      ids.flatMap((id) => values.map((value) => ({ [part]: { [id]: value } })));
    const mounts = this.#idsOf('volume').flatMap((volume) =>
      [null, {}, { mountPath: '/y' }, { backupSchedules: [] }].map((mount) => ({
        services: { [this.#idsOf('service')[0] ?? UNKNOWN]: { volumeMounts: { [volume]: mount } } },
      })),
    );
    return [
      {},
      { sharedVariables: { SENTRY_DSN: null } },
      { sharedVariables: { SENTRY_DSN: { value: 'z' } } },
      { sharedVariables: null },
      { services: null },
      { volumes: null },
      { buckets: null },
      { unknown: {} },
      ...of('services', this.#idsOf('service'), service),
      ...of('volumes', this.#idsOf('volume'), [...entries, { sizeMB: 1 }, { region: 'x' }]),
      ...of('buckets', this.#idsOf('bucket'), [...entries, { region: 'x' }]),
      ...mounts,
    ];
  }

  #any(random: () => number, type: GraphQLInputType, name: string, kind: Kind): unknown {
    if (isNonNullType(type)) return this.#any(random, type.ofType, name, kind) ?? UNKNOWN;
    if (isInputObjectType(type)) {
      const made: Record<string, unknown> = {};
      for (const field of Object.values(type.getFields())) {
        const isNeeded = isRequiredInputField(field);
        if (!isNeeded && random() < 0.6) continue;
        made[field.name] =
          !isNonNullType(field.type) && random() < 0.1
            ? null
            : this.#any(random, field.type, field.name, kind);
      }
      return made;
    }
    if (isListType(type)) {
      const count = Math.floor(random() * 3);
      return Array.from({ length: count }, () => this.#any(random, type.ofType, name, kind));
    }
    return pick(random, this.#leaves(type, name, kind));
  }

  #selectionsOf(type: GraphQLObjectType): readonly string[] {
    const present = this.#selections.get(type.name);
    if (present !== undefined) return present;
    const made = selectionsOf(type);
    this.#selections.set(type.name, made);
    return made;
  }

  #written(
    field: GraphQLField<unknown, unknown>,
    isQuery: boolean,
    args: Values,
    form: number,
    selected: number,
  ): DirectedRequest {
    const of = getNamedType(field.type);
    const selections = isObjectType(of) ? this.#selectionsOf(of) : [''];
    const selection = selections[Math.floor(selected * selections.length)] ?? '';
    return { ...write(field, isQuery, args, form, selection), field: field.name, isQuery, args };
  }
}

interface Root {
  readonly field: GraphQLField<unknown, unknown>;
  readonly kind: Kind;
  readonly isQuery: boolean;
}

let known: readonly Root[] | undefined;

function roots(): readonly Root[] {
  known ??= [true, false].flatMap((isQuery) => {
    const schema = knownSchema();
    const type = isQuery ? schema.getQueryType() : schema.getMutationType();
    const rows = isQuery ? QUERIES : MUTATIONS;
    return Object.values(type?.getFields() ?? {}).map((field) => {
      const [target] = rows[field.name]?.on ?? [];
      return { field, isQuery, kind: KINDS.find((each) => each === target?.[0]) ?? 'project' };
    });
  });
  return known;
}

function pick<T>(random: () => number, from: readonly T[]): T {
  const found = from[Math.floor(random() * from.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

/** All leaves; each object that is reached from there, and what of it is reached again. */
function selectionsOf(type: GraphQLObjectType): readonly string[] {
  const fields = Object.values(type.getFields());
  const plain = (of: GraphQLObjectType): string => {
    const leaves = Object.values(of.getFields()).filter(
      (field) => isLeafType(getNamedType(field.type)) && !field.args.some(isRequiredArgument),
    );
    return `{ ${leaves.length === 0 ? '__typename' : leaves.map(({ name }) => name).join(' ')} }`;
  };
  const further = fields.flatMap((field) => {
    const of = getNamedType(field.type);
    if (!isObjectType(of) || field.args.some(isRequiredArgument)) return [];
    const next = Object.values(of.getFields()).flatMap((inner) => {
      const below = getNamedType(inner.type);
      return isObjectType(below) ? [`{ ${field.name} { ${inner.name} ${plain(below)} } }`] : [];
    });
    return [`{ ${field.name} ${plain(of)} }`, ...next];
  });
  return [' { __typename }', ` ${plain(type)}`, ...further.map((each) => ` ${each}`)];
}

const FORMS = [
  'variables',
  'literals',
  'defaults',
  'fragment',
  'beside',
  'named',
  'skipped',
] as const;

/** Below 0.5 plain, which is what agents send. */
function formOf(form: number): (typeof FORMS)[number] {
  return form < 0.5
    ? 'variables'
    : (FORMS[Math.floor((form - 0.5) * 2 * FORMS.length)] ?? 'variables');
}

function write(
  field: GraphQLField<unknown, unknown>,
  isQuery: boolean,
  args: Values,
  form: number,
  selection: string,
): Pick<DirectedRequest, 'query' | 'variables' | 'operationName'> {
  const how = formOf(form);
  const word = isQuery ? 'query' : 'mutation';
  const type = isQuery ? 'Query' : 'Mutation';
  const given = field.args.filter(({ name }) => Object.hasOwn(args, name));
  const isVariable = how !== 'literals';
  const declared = isVariable ? given.map((arg) => declare(arg, args, how === 'defaults')) : [];
  const passed = given.map(({ name, type: of }) =>
    isVariable ? `${name}: $${name}` : `${name}: ${literal(of, args[name])}`,
  );
  const call = `${field.name}${passed.length === 0 ? '' : `(${passed.join(', ')})`}`;
  const own = how === 'skipped' ? [...declared, '$yes: Boolean!'] : declared;
  const head = own.length === 0 ? '' : `(${own.join(', ')})`;
  const variables: Record<string, unknown> = isVariable && how !== 'defaults' ? { ...args } : {};
  if (how === 'defaults') {
    // A null is no default of what is required, so it comes as the value.
    for (const { name, type: of } of given) if (isNonNullType(of)) variables[name] = args[name];
  }
  if (how === 'skipped') variables['yes'] = true;
  switch (how) {
    case 'fragment':
      return {
        query: `${word} Q${head} { ...F } fragment F on ${type} { f: ${call}${selection} }`,
        variables,
      };
    case 'beside':
      return {
        query: `${word} Q${head} { a: ${call}${selection} ... on ${type} { b: ${call}${selection} } }`,
        variables,
      };
    case 'named':
      return {
        query: `query Other { me { id } } ${word} Q${head} { ${call}${selection} }`,
        variables,
        operationName: 'Q',
      };
    case 'skipped':
      return { query: `${word} Q${head} { ${call} @include(if: $yes)${selection} }`, variables };
    default:
      return { query: `${word} Q${head} { ${call}${selection} }`, variables };
  }
}

function declare({ name, type }: GraphQLArgument, args: Values, isDefault: boolean): string {
  const initial = isDefault && !isNonNullType(type) ? ` = ${literal(type, args[name])}` : '';
  return `$${name}: ${type}${initial}`;
}
