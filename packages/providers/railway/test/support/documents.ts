/** Random documents for the known schema: any root fields that have a row, with ids of a real world in any place. */
import fc from 'fast-check';
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { MUTATIONS, QUERIES } from '../../src/catalog.ts';
import { knownSchema } from '../../src/known-schema.ts';
import {
  MUTATIONS as SIMULATED_MUTATIONS,
  QUERIES as SIMULATED_QUERIES,
} from '../../src/simulator/operations.ts';
import { KINDS, type Kind } from '../../src/simulator/world/world.ts';

export interface RandomRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
}

type Gen = fc.GeneratorValue;

/** Whatever knows ids to put into documents, as a simulator does. */
export interface KnownIds {
  readonly world: { where(kind: Kind): readonly { readonly id: string }[] };
}

/** Arguments by what they name. */
export const NAMED: Readonly<Record<string, Kind>> = {
  environmentId: 'environment',
  sourceEnvironmentId: 'environment',
  targetEnvironmentId: 'environment',
  baseEnvironmentId: 'environment',
  baseEnvironmentOverrideId: 'environment',
  projectId: 'project',
  ids: 'project',
  serviceId: 'service',
  rootServiceId: 'service',
  existingRootServiceId: 'service',
  enabledServiceIds: 'service',
  disabledServiceIds: 'service',
  serviceIds: 'service',
  serviceInstanceId: 'service-instance',
  cloudAgentId: 'cloud-agent',
  sandboxId: 'sandbox',
  sourceSandboxId: 'sandbox',
  privateNetworkId: 'private-network',
  wipeServiceIds: 'service',
  replicaServiceIds: 'service',
  volumeId: 'volume',
  volumeInstanceId: 'volume-instance',
  volumeInstanceBackupId: 'backup',
  deploymentId: 'deployment',
  bucketId: 'bucket',
  workspaceId: 'workspace',
  serviceDomainId: 'service-domain',
  memberId: 'user',
};

class Writer {
  readonly #g: Gen;
  readonly #known: KnownIds;
  readonly variables: Record<string, unknown> = {};
  readonly declared: string[] = [];
  readonly fragments: string[] = [];

  constructor(g: Gen, known: KnownIds) {
    this.#g = g;
    this.#known = known;
  }

  chance(outOf: number): boolean {
    return this.#g(fc.integer, { min: 1, max: outOf }) === 1;
  }

  pick<T>(from: readonly T[]): T {
    const found = from[this.#g(fc.nat, { max: Math.max(0, from.length - 1) })];
    if (found === undefined) throw new Error('nothing to pick from');
    return found;
  }

  id(kind: Kind): string {
    const ids = this.#known.world.where(kind).map(({ id }) => id);
    return ids.length === 0 ? '0b0b0b0b-0000-4000-8000-000000000000' : this.pick(ids);
  }

  /** A value as JSON. Undefined: left out. */
  value(type: GraphQLInputType, name: string, kind: Kind, isNeeded = false): unknown {
    if (isNonNullType(type)) return this.value(type.ofType, name, kind, true);
    if (!isNeeded && this.chance(8)) return null;
    if (isListType(type)) {
      return Array.from({ length: this.pick([0, 1, 2]) }, () =>
        this.value(type.ofType, name, kind),
      ).filter((each) => each != null);
    }
    if (isEnumType(type)) return this.pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      return Object.fromEntries(
        Object.values(type.getFields()).flatMap((field) => {
          const isOptional = !isNonNullType(field.type);
          if (isOptional && this.chance(2)) return [];
          return [[field.name, this.value(field.type, field.name, kind)]];
        }),
      );
    }
    switch (getNamedType(type).name) {
      case 'Boolean':
        return this.chance(2);
      case 'Int':
        return this.pick([0, 1, 3]);
      case 'DateTime':
        return '2026-04-24T00:00:00Z';
      case 'EnvironmentConfig':
        return this.patch();
      case 'EnvironmentVariables':
        return Object.fromEntries(
          this.chance(2) ? [['API_KEY', this.pick(['x', null])]] : [['NEW', 'y']],
        );
      case 'JSON':
        return this.pick<unknown>([{}, { eu: { numReplicas: 0 } }, 'x']);
      default: {
        const meant = name === 'id' ? kind : NAMED[name];
        return meant === undefined
          ? this.pick(['x', 'API_KEY', 'SENTRY_DSN', 'Monday'])
          : this.id(meant);
      }
    }
  }

  patch(): unknown {
    const entry = () => this.pick<unknown>([null, { isDeleted: true }, { isDeleted: false }, {}]);
    const service = () =>
      this.pick<unknown>([
        entry(),
        { variables: { API_KEY: this.pick<unknown>([null, { value: 'z' }]) } },
        { deploy: { startCommand: 'x', numReplicas: this.pick([0, 2]) } },
        { deploy: { healthcheckPath: '/' } },
        { source: this.pick<unknown>([null, { image: 'evil' }]) },
        {
          volumeMounts: {
            [this.id('volume')]: this.pick<unknown>([
              null,
              { mountPath: '/y' },
              { backupSchedules: [] },
            ]),
          },
        },
        {
          networking: this.pick<unknown>([
            null,
            { customDomains: { 'rental.example': null } },
            { tcpProxies: { 5432: {} } },
          ]),
        },
      ]);
    return this.pick<() => unknown>([
      () => ({ services: { [this.id('service')]: service() } }),
      () => ({ volumes: { [this.id('volume')]: this.pick<unknown>([entry(), { sizeMB: 1 }]) } }),
      () => ({ sharedVariables: { SENTRY_DSN: this.pick<unknown>([null, { value: 'z' }]) } }),
      () => ({ buckets: { [this.id('bucket')]: entry() } }),
      () => ({ unknown: {} }),
    ])();
  }

  /** A literal, or a variable with or without a default. */
  argument(arg: GraphQLArgument, kind: Kind): string {
    if (!isNonNullType(arg.type) && this.chance(2)) return '';
    const value = this.value(arg.type, arg.name, kind);
    if (this.chance(2)) return `${arg.name}: ${literal(arg.type, value)}`;
    const name = `x${this.declared.length + 1}`;
    const nullable = isNonNullType(arg.type) ? arg.type.ofType : arg.type;
    if (this.chance(3) && value !== null) {
      this.declared.push(`$${name}: ${String(nullable)} = ${literal(nullable, value)}`);
    } else {
      this.declared.push(`$${name}: ${String(arg.type)}`);
      this.variables[name] = value;
    }
    return `${arg.name}: $${name}`;
  }

  arguments(field: GraphQLField<unknown, unknown>, kind: Kind): string {
    const written = field.args.map((arg) => this.argument(arg, kind)).filter((each) => each !== '');
    return written.length === 0 ? '' : `(${written.join(', ')})`;
  }

  directive(): string {
    if (!this.chance(8)) return '';
    const condition = this.chance(2);
    if (this.chance(2)) return ` @${this.pick(['skip', 'include'])}(if: ${condition})`;
    const name = `x${this.declared.length + 1}`;
    this.declared.push(`$${name}: Boolean!`);
    this.variables[name] = condition;
    return ` @${this.pick(['skip', 'include'])}(if: $${name})`;
  }

  /** Wrapped in fragments, or as it is. */
  wrapped(fields: string, type: string): string {
    if (this.chance(5)) return `... on ${type}${this.directive()} { ${fields} }`;
    if (this.chance(6)) {
      const name = `F${this.fragments.length + 1}`;
      this.fragments.push(`fragment ${name} on ${type} { ${fields} }`);
      return `...${name}${this.directive()}`;
    }
    return fields;
  }

  selection(type: GraphQLOutputType, depth: number): string {
    const named = getNamedType(type);
    if (!isObjectType(named)) return '';
    const fields = Object.values(named.getFields()).filter(
      (field) => depth > 0 || !isObjectType(getNamedType(field.type)),
    );
    if (fields.length === 0) return ' { __typename }';
    const chosen = Array.from({ length: this.pick([1, 2, 3]) }, () => this.pick(fields));
    const written = chosen.map((field, index) => {
      const within = this.selection(field.type, depth - 1);
      return `a${index}_${depth}: ${field.name}${this.arguments(field, 'project')}${this.directive()}${within}`;
    });
    return ` { ${this.wrapped(written.join(' '), named.name)} }`;
  }

  root(isQuery: boolean, alias: string): string {
    const rows = isQuery ? QUERIES : MUTATIONS;
    const type = isQuery ? knownSchema().getQueryType() : knownSchema().getMutationType();
    // Mostly what the simulated world can do, or little of what is sent would do anything.
    const name = this.chance(6)
      ? this.pick(Object.keys(rows))
      : this.pick(Object.keys(isQuery ? SIMULATED_QUERIES : SIMULATED_MUTATIONS));
    const field = type?.getFields()[name];
    const [target] = rows[name]?.on ?? [];
    if (field === undefined || type == null) throw new Error(`${name} is not in the schema`);
    const kind = KINDS.find((each) => each === target?.[0]) ?? 'project';
    const written = `${alias}: ${name}${this.arguments(field, kind)}${this.directive()}${this.selection(field.type, 6)}`;
    return this.wrapped(written, type.name);
  }
}

export function literal(type: GraphQLInputType, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (isNonNullType(type)) return literal(type.ofType, value);
  if (isEnumType(type)) return String(value);
  if (Array.isArray(value)) {
    const of = isListType(type) ? type.ofType : type;
    return `[${value.map((each) => literal(of, each)).join(', ')}]`;
  }
  if (typeof value === 'object') {
    const fields = isInputObjectType(type) ? type.getFields() : {};
    const members = Object.entries(value).map(
      ([name, each]) => `${name}: ${literal(fields[name]?.type ?? type, each)}`,
    );
    return `{ ${members.join(', ')} }`;
  }
  return JSON.stringify(value);
}

/** One request. It need not be valid: what is not is refused. */
export function randomRequest(g: Gen, known: KnownIds): RandomRequest {
  const writer = new Writer(g, known);
  const isQuery = writer.chance(3);
  const count = writer.pick([1, 1, 1, 2, 3]);
  const roots = Array.from({ length: count }, (_, index) => writer.root(isQuery, `r${index}`));
  const declared = writer.declared.length === 0 ? '' : `(${writer.declared.join(', ')})`;
  const operation = `${isQuery ? 'query' : 'mutation'} Meant${declared} { ${roots.join(' ')} }`;
  const other = writer.chance(6);
  const query = [
    ...(other ? ['query Other { me { id } }'] : []),
    operation,
    ...writer.fragments,
  ].join(' ');
  return { query, variables: writer.variables, ...(other ? { operationName: 'Meant' } : {}) };
}
