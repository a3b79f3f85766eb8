/**
 * What a selection shows beyond the object it begins with: secrets, wherever they stand, and other environments,
 * reached by way of what belongs to the project as a whole (Laws 2 and 3).
 */
import {
  type FieldNode,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { argumentsOf } from './coerce.ts';
import type { ChosenOperation } from './document.ts';
import { unreadable } from './judgement.ts';
import { knownSchema } from './known-schema.ts';

/** Types whose objects stand in one environment. From one of them to another the environment is the same. */
export const IN_AN_ENVIRONMENT: ReadonlySet<string> = new Set([
  'BucketS3CompatibleCredentials',
  'CloudAgent',
  'CustomDomain',
  'Deployment',
  'DeploymentEvent',
  'DeploymentInstanceExecution',
  'DeploymentSnapshot',
  'DeploymentTrigger',
  'DnsQueryLog',
  'EdgeConfig',
  'EgressGateway',
  'Environment',
  'EnvironmentPatch',
  'Event',
  'HttpLog',
  'Log',
  'NetworkFlowLog',
  'ObservabilityDashboard',
  'PitrHaClusterReplicationHealth',
  'PitrHaWorkflowProgress',
  'PrivateNetwork',
  'PrivateNetworkEndpoint',
  'Sandbox',
  'SandboxCheckpoint',
  'SandboxSession',
  'SandboxTemplateBuild',
  'ServiceDomain',
  'ServiceInstance',
  'TCPProxy',
  'Variable',
  'VolumeInstance',
  'VolumeInstanceBackup',
  'VolumeInstanceBackupSchedule',
]);

/** Types whose objects are the same in every environment of a project. */
export const IN_A_PROJECT: ReadonlySet<string> = new Set([
  'Bucket',
  'Integration',
  'InviteCode',
  'Project',
  'ProjectToken',
  'Service',
  'Volume',
]);

/** Types from which other projects are reached, and the operations that show them. */
const BEYOND_PROJECTS: ReadonlyMap<string, string> = new Map([
  ['User', 'me'],
  ['Workspace', 'workspace'],
]);

/** Ends of tokens: secrets of the account, which only the lists of tokens are granted for. */
const OF_TOKENS: ReadonlySet<string> = new Set([
  'ApiToken.displayToken',
  'ProjectToken.displayToken',
]);

/** The one field that leads from one environment to another. */
const TO_ANOTHER = 'Environment.sourceEnvironment';

/**
 * Fields that show the values of variables, and the argument on which that depends. Law 3: they are judged only
 * directly on the object that was asked for, since anything further down has another owner than what was granted.
 */
const REVEALS: ReadonlyMap<string, string | null> = new Map([
  ['Environment.config', 'decryptVariables'],
  ['Environment.variables', null],
  ['EnvironmentPatch.patch', 'decryptVariables'],
]);

export interface Shown {
  /** Values of variables: every one of the environment, or of the patch, that was asked for. */
  secrets: boolean;
  /** Parts of tokens. */
  tokens: boolean;
  /** Operations that show what stands above projects, entered on the way. */
  readonly above: Set<string>;
  /** Environments beyond the one it begins in: all of the project's, or whatever the credential reaches. */
  beyond: 'nothing' | 'project' | 'account';
  /** `Type.field` of everything that is selected. */
  readonly fields: Set<string>;
}

type Level = 'environment' | 'project' | 'account';

/** What the selection below a root field shows. `@skip` and `@include` are taken as present. */
export function shownBy(chosen: ChosenOperation, root: FieldNode, type: GraphQLOutputType): Shown {
  const shown: Shown = {
    secrets: false,
    tokens: false,
    above: new Set(),
    beyond: 'nothing',
    fields: new Set(),
  };
  const named = getNamedType(type);
  if (root.selectionSet === undefined) return shown;
  if (!isObjectType(named)) throw unreadable('A selection on more than one type is not judged.');
  const level = levelOf(named.name, 'environment');
  new Walk(chosen, shown).enter(root.selectionSet, named, { level, isOwn: true });
  return shown;
}

/** Where in a selection a field stands. */
interface Standing {
  readonly level: Level;
  /** On the very object that the root field returns. */
  readonly isOwn: boolean;
}

function levelOf(type: string, from: Level): Level {
  if (BEYOND_PROJECTS.has(type)) return 'account';
  if (IN_A_PROJECT.has(type) && from === 'environment') return 'project';
  return from;
}

class Walk {
  readonly #chosen: ChosenOperation;
  readonly #shown: Shown;
  /** A fragment shows the same wherever it is used from the same standing, so it is entered once for each. */
  readonly #entered = new Set<string>();

  constructor(chosen: ChosenOperation, shown: Shown) {
    this.#chosen = chosen;
    this.#shown = shown;
  }

  enter({ selections }: SelectionSetNode, type: Composite, at: Standing): void {
    for (const each of selections) {
      if (each.kind === Kind.FIELD) this.#field(each, type, at);
      else if (each.kind === Kind.INLINE_FRAGMENT) {
        const condition = each.typeCondition?.name.value ?? type.name;
        this.enter(each.selectionSet, compositeOf(condition), at);
      } else this.#spread(each.name.value, at);
    }
  }

  #spread(name: string, at: Standing): void {
    const fragment = this.#chosen.fragments.get(name);
    if (fragment === undefined) throw unreadable('A fragment that is used is not there.');
    const entered = `${at.level} ${at.isOwn} ${name}`;
    if (this.#entered.has(entered)) return;
    this.#entered.add(entered);
    this.enter(fragment.selectionSet, compositeOf(fragment.typeCondition.name.value), at);
  }

  #field(node: FieldNode, type: Composite, { level, isOwn }: Standing): void {
    if (node.name.value === '__typename') return;
    const field = fieldOf(type, node.name.value);
    const name = `${type.name}.${node.name.value}`;
    this.#shown.fields.add(name);
    if (this.#reveals(name, field, node)) {
      if (!isOwn) {
        throw unreadable(
          `${name} shows values of variables, and is judged only directly below a root field: ask for it there.`,
        );
      }
      this.#shown.secrets = true;
    }
    if (OF_TOKENS.has(name)) this.#shown.tokens = true;
    const named = getNamedType(field.type);
    if (node.selectionSet === undefined) return;
    if (!isObjectType(named)) throw unreadable('A selection on more than one type is not judged.');
    const above = BEYOND_PROJECTS.get(named.name);
    if (above !== undefined) this.#shown.above.add(above);
    if (name === TO_ANOTHER) this.#cross(level === 'account' ? level : 'project');
    else if (IN_AN_ENVIRONMENT.has(named.name) && level !== 'environment') this.#cross(level);
    const next = name === TO_ANOTHER && level === 'environment' ? 'project' : level;
    this.enter(node.selectionSet, named, { level: levelOf(named.name, next), isOwn: false });
  }

  #cross(level: 'project' | 'account'): void {
    if (this.#shown.beyond !== 'account') this.#shown.beyond = level;
  }

  #reveals(name: string, field: GraphQLField<unknown, unknown>, node: FieldNode): boolean {
    const argument = REVEALS.get(name);
    if (argument === undefined) return false;
    const args = argument === null ? {} : argumentsOf(field, node, this.#chosen.variables);
    return argument === null || (args[argument] ?? false) !== false;
  }
}

/** Unions are not in the schema, so they are not judged. */
type Composite = GraphQLObjectType | GraphQLInterfaceType;

function compositeOf(name: string): Composite {
  const type = knownSchema().getType(name);
  if (isObjectType(type) || isInterfaceType(type)) return type;
  throw unreadable('A fragment is on a type that is not judged.');
}

function fieldOf(type: Composite, name: string): GraphQLField<unknown, unknown> {
  const field = type.getFields()[name];
  if (field === undefined) throw unreadable('A field is not there.');
  return field;
}
