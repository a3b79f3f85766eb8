/**
 * What is sent is made from what was judged (Law 3): the one operation and the fragments it uses, with every
 * argument as the value that was judged, so that no literal, default or variable is read a second time.
 */
import {
  type ArgumentNode,
  type DefinitionNode,
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  getDirectiveValues,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  OperationTypeNode,
  parseType,
  print,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
  type VariableDefinitionNode,
} from 'graphql';
import type { Arguments } from './arguments.ts';
import { argumentsOf } from './coerce.ts';
import type { ChosenOperation } from './document.ts';
import { unreadable } from './judgement.ts';
import { knownSchema } from './known-schema.ts';

/** A root field in the place of another, under the name at which the other was to be answered. */
export interface Replacement {
  readonly field: string;
  readonly args: Arguments;
}

export interface Rendered {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string | null;
}

type Composite = GraphQLObjectType | GraphQLInterfaceType;

/** The members of the body to send. */
export function render(
  chosen: ChosenOperation,
  replaced: ReadonlyMap<FieldNode, Replacement>,
): Rendered {
  return new Rendering(chosen, replaced).whole();
}

class Rendering {
  readonly #chosen: ChosenOperation;
  readonly #replaced: ReadonlyMap<FieldNode, Replacement>;
  readonly #fragments = new Map<string, FragmentDefinitionNode | null>();
  /** By type and value, so that fields which were the same still are. */
  readonly #variables = new Map<string, { name: string; type: string; value: unknown }>();

  constructor(chosen: ChosenOperation, replaced: ReadonlyMap<FieldNode, Replacement>) {
    this.#chosen = chosen;
    this.#replaced = replaced;
  }

  whole(): Rendered {
    const { operation } = this.#chosen;
    const isQuery = operation.operation === OperationTypeNode.QUERY;
    const root = isQuery ? knownSchema().getQueryType() : knownSchema().getMutationType();
    if (root == null) throw unreadable('The schema has no such operations.');
    const selectionSet = this.#selection(operation.selectionSet, root);
    const variables = [...this.#variables.values()];
    const definitions: DefinitionNode[] = [
      {
        kind: Kind.OPERATION_DEFINITION,
        operation: operation.operation,
        ...(operation.name === undefined ? {} : { name: operation.name }),
        variableDefinitions: variables.map(definitionOf),
        selectionSet,
      },
      ...[...this.#fragments.values()].flatMap((each) => each ?? []),
    ];
    return {
      query: print({ kind: Kind.DOCUMENT, definitions }),
      variables: Object.fromEntries(variables.map(({ name, value }) => [name, value])),
      operationName: operation.name?.value ?? null,
    };
  }

  #selection({ selections }: SelectionSetNode, type: Composite): SelectionSetNode {
    return {
      kind: Kind.SELECTION_SET,
      selections: selections.map((each) => this.#one(each, type)),
    };
  }

  #one(node: SelectionNode, type: Composite): SelectionNode {
    const directives = (node.directives ?? []).map((each) => this.#directive(each, node));
    switch (node.kind) {
      case Kind.FIELD:
        return this.#field(node, type, directives);
      case Kind.FRAGMENT_SPREAD:
        this.#fragment(node.name.value);
        return { kind: node.kind, name: node.name, directives };
      case Kind.INLINE_FRAGMENT: {
        const { typeCondition } = node;
        const on = typeCondition === undefined ? type : compositeNamed(typeCondition.name.value);
        return {
          kind: node.kind,
          ...(typeCondition === undefined ? {} : { typeCondition }),
          directives,
          selectionSet: this.#selection(node.selectionSet, on),
        };
      }
    }
  }

  #field(node: FieldNode, type: Composite, directives: readonly DirectiveNode[]): FieldNode {
    const { kind, alias, name } = node;
    if (name.value === '__typename') {
      return { kind, ...(alias === undefined ? {} : { alias }), name, directives };
    }
    const replacement = this.#replaced.get(node);
    const field = fieldNamed(type, replacement?.field ?? name.value);
    const args = replacement?.args ?? argumentsOf(field, node, this.#chosen.variables);
    const shownAs = alias ?? (replacement === undefined ? undefined : name);
    const named = getNamedType(field.type);
    return {
      kind,
      ...(shownAs === undefined ? {} : { alias: shownAs }),
      name: { kind: Kind.NAME, value: field.name },
      arguments: this.#arguments(field, args),
      directives,
      ...(node.selectionSet === undefined
        ? {}
        : { selectionSet: this.#selection(node.selectionSet, compositeNamed(named.name)) }),
    };
  }

  #arguments(field: GraphQLField<unknown, unknown>, args: Arguments): readonly ArgumentNode[] {
    return Object.entries(args).map(([name, value]) => {
      const type = field.args.find((each) => each.name === name)?.type;
      if (type === undefined) throw unreadable('An argument is not there.');
      return {
        kind: Kind.ARGUMENT,
        name: { kind: Kind.NAME, value: name },
        value: {
          kind: Kind.VARIABLE,
          name: { kind: Kind.NAME, value: this.#variable(String(type), value) },
        },
      };
    });
  }

  #variable(type: string, value: unknown): string {
    const key = `${type} ${JSON.stringify(value)}`;
    const present = this.#variables.get(key);
    if (present !== undefined) return present.name;
    const name = `v${this.#variables.size + 1}`;
    this.#variables.set(key, { name, type, value });
    return name;
  }

  #directive(directive: DirectiveNode, node: SelectionNode): DirectiveNode {
    const definition = knownSchema().getDirective(directive.name.value);
    const values =
      definition == null ? undefined : getDirectiveValues(definition, node, this.#chosen.variables);
    const condition = values?.['if'];
    if (typeof condition !== 'boolean') throw unreadable('A directive is not @skip or @include.');
    return {
      kind: Kind.DIRECTIVE,
      name: directive.name,
      arguments: [
        {
          kind: Kind.ARGUMENT,
          name: { kind: Kind.NAME, value: 'if' },
          value: { kind: Kind.BOOLEAN, value: condition },
        },
      ],
    };
  }

  #fragment(name: string): void {
    if (this.#fragments.has(name)) return;
    const fragment = this.#chosen.fragments.get(name);
    if (fragment === undefined) throw unreadable('A fragment that is used is not there.');
    this.#fragments.set(name, null);
    const { kind, typeCondition } = fragment;
    const on = compositeNamed(typeCondition.name.value);
    const selectionSet = this.#selection(fragment.selectionSet, on);
    this.#fragments.set(name, { kind, name: fragment.name, typeCondition, selectionSet });
  }
}

function definitionOf({ name, type }: { name: string; type: string }): VariableDefinitionNode {
  return {
    kind: Kind.VARIABLE_DEFINITION,
    variable: { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: name } },
    type: parseType(type, { noLocation: true }),
  };
}

function compositeNamed(name: string): Composite {
  const type = knownSchema().getType(name);
  if (isObjectType(type) || isInterfaceType(type)) return type;
  throw unreadable('A selection is on a type that is not judged.');
}

function fieldNamed(type: Composite, name: string): GraphQLField<unknown, unknown> {
  const meta = [SchemaMetaFieldDef, TypeMetaFieldDef].find((each) => each.name === name);
  const field = type.getFields()[name] ?? (type.name === 'Query' ? meta : undefined);
  if (field === undefined) throw unreadable('A field is not there.');
  return field;
}
