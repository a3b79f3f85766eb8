/** What a request can do (Law 3): read, validated, coerced, and judged root field by root field. */
import {
  type ClassifiedRequest,
  type GatewayCall,
  type InboundRequest,
  RequestRefusal,
} from '@countersign/provider-kit';
import { type FieldNode, OperationTypeNode } from 'graphql';
import { type Arguments, judgeArguments, valueAt } from './arguments.ts';
import { readRequest } from './body.ts';
import { MUTATIONS, QUERIES } from './catalog.ts';
import { argumentsOf } from './coerce.ts';
import { type ChosenOperation, chooseOperation } from './document.ts';
import { Judgement, requireId, unreadable } from './judgement.ts';
import { knownSchema } from './known-schema.ts';
import { judgePatch } from './patch.ts';
import { judgeVariables } from './patch-variables.ts';
import { type JudgedRoot, type Resolving, resolveRequest } from './resolve.ts';
import { ACCOUNT } from './resource.ts';
import { rootsOf } from './roots.ts';
import { type Content, NEVER } from './rows/row.ts';
import type { Drift } from './schema.ts';
import { shownBy } from './selection.ts';

/** @throws RequestRefusal; ProviderError when Railway's schema could not be had */
export async function classify(
  request: InboundRequest,
  resolving: Resolving & { readonly drift: () => Promise<Drift> },
): Promise<ClassifiedRequest> {
  const chosen = chooseOperation(readRequest(request));
  const drift = await resolving.drift();
  // Law 3: a field that stands there twice is done twice, and is two calls.
  const calls: GatewayCall[] = [];
  const roots: JudgedRoot[] = [];
  const found = (judged: Judgement): void => {
    calls.push(...judged.calls);
  };
  for (const node of rootsOf(chosen)) {
    const judged = new Judgement();
    try {
      const root = judgeRoot(chosen, node, drift, judged);
      if (root !== null) roots.push(root);
    } catch (error) {
      if (!(error instanceof RequestRefusal)) throw error;
      found(judged);
      throw new RequestRefusal(error.code, error.message, calls);
    }
    found(judged);
  }
  if (calls.length === 0) {
    const nothing = new Judgement();
    nothing.call('introspection', ACCOUNT);
    found(nothing);
  }
  return { calls, resolve: (ask) => resolveRequest(resolving, chosen, roots, calls, ask) };
}

/** Null: a field of GraphQL's own. */
function judgeRoot(
  chosen: ChosenOperation,
  node: FieldNode,
  drift: Drift,
  judged: Judgement,
): JudgedRoot | null {
  const name = node.name.value;
  if (name === '__typename') return null;
  if (name === '__schema' || name === '__type') {
    judged.call('introspection', ACCOUNT);
    return null;
  }
  const isQuery = chosen.operation.operation === OperationTypeNode.QUERY;
  const type = isQuery ? knownSchema().getQueryType() : knownSchema().getMutationType();
  const field = type?.getFields()[name];
  const rows = isQuery ? QUERIES : MUTATIONS;
  const row = Object.hasOwn(rows, name) ? rows[name] : undefined;
  if (type == null || field === undefined || row === undefined) {
    throw new RequestRefusal('unknown_operation', `What ${name} can do is not known.`);
  }
  const args = argumentsOf(field, node, chosen.variables);
  const resources = judgeArguments(judged, name, row, args);
  if (row.never !== undefined) {
    const [code, message] = NEVER[row.never];
    throw new RequestRefusal(code, message);
  }
  const staged = row.content === undefined ? null : judgeContent(judged, node, row.content, args);
  const shown = shownBy(chosen, node, field.type);
  if (shown.secrets)
    for (const resource of resources) judged.call('environmentVariables', resource);
  for (const above of shown.above) judged.call(above, ACCOUNT);
  if (shown.tokens && row.effect === 'read') {
    throw unreadable(`${name} is granted without the ends of tokens: leave out displayToken.`);
  }
  for (const each of [`${type.name}.${name}`, ...shown.fields]) {
    if (drift.has(each)) {
      throw new RequestRefusal('unknown_operation', `${each} has changed at Railway.`);
    }
  }
  return { anchors: judged.anchors, beyond: shown.beyond, staged };
}

/** Null: the content is in the request, and was judged. */
function judgeContent(
  judged: Judgement,
  node: FieldNode,
  content: Content,
  args: Arguments,
): JudgedRoot['staged'] {
  if (content.as === 'staged') {
    // The commit that is sent in its place always deploys.
    if ((args['skipDeploys'] ?? false) !== false) {
      throw unreadable('What was staged is committed with its deployments, or not at all.');
    }
    return { node, environmentId: requireId(args['environmentId'], 'environmentId'), args };
  }
  const value = valueAt(args, content.path);
  if (content.as === 'variables') {
    const service = valueAt(args, 'input.serviceId') ?? null;
    const environment = requireId(valueAt(args, 'input.environmentId'), 'environmentId');
    judgeVariables(
      judged,
      service === null
        ? { kind: 'environment', id: environment }
        : { kind: 'service', id: requireId(service, 'serviceId') },
      value,
    );
    return null;
  }
  // Without a patch it could be what was staged that is committed.
  if (value === undefined || value === null) {
    throw new RequestRefusal('ambiguous_request', 'A commit has to hold its patch.');
  }
  judgePatch(judged, requireId(args['environmentId'], 'environmentId'), value);
  return null;
}
