/** Where a request would take place, by Railway's own account (Law 2), and what is sent if it may (Law 3). */
import {
  type AnswerCache,
  type GatewayCall,
  RequestRefusal,
  type ResolveAsk,
  type ResolvedRequest,
} from '@countersign/provider-kit';
import type { FieldNode } from 'graphql';
import type { Anchor } from './anchor.ts';
import type { Arguments } from './arguments.ts';
import type { Ask } from './ask.ts';
import { ENDPOINT_PATH, LONGEST_BODY } from './body.ts';
import { withoutWords } from './conceal.ts';
import type { ChosenOperation } from './document.ts';
import { isObject, Judgement, unreadable } from './judgement.ts';
import { Lookup } from './lookup.ts';
import { mappedIdOf } from './mapped-id.ts';
import { judgePatch } from './patch.ts';
import { Places } from './places.ts';
import { requireAccess } from './proof.ts';
import { type Replacement, render } from './render.ts';
import type { Shown } from './selection.ts';
import type { Environment } from './shapes.ts';

/** What resolving needs of the connection. */
export interface Resolving {
  readonly ask: Ask;
  readonly cache: AnswerCache;
  /** Of the cache: one credential. */
  readonly scope: string;
  readonly origin: URL;
  /** Ids of the projects that the connection is for. */
  readonly projects: readonly string[];
  /** The credential reaches no other project than these. */
  readonly isNarrow: boolean;
}

/** A root field as far as the request says what it is. */
export interface JudgedRoot {
  readonly anchors: readonly Anchor[];
  readonly beyond: Shown['beyond'];
  /** A step whose content stands at Railway. */
  readonly staged: {
    readonly node: FieldNode;
    readonly environmentId: string;
    readonly args: Arguments;
  } | null;
}

/**
 * What was made since Railway last said what there is stands in no memory: a refusal that rests on one is never
 * given before it was asked afresh.
 *
 * @throws RequestRefusal, ProviderError
 */
export async function resolveRequest(
  resolving: Resolving,
  chosen: ChosenOperation,
  roots: readonly JudgedRoot[],
  calls: readonly GatewayCall[],
  ask: ResolveAsk,
): Promise<ResolvedRequest> {
  const asking = (options: ResolveAsk) =>
    new Lookup(resolving.ask, resolving.cache, resolving.scope, options);
  const lookup = asking(ask);
  try {
    return await placeRequest(resolving, chosen, roots, calls, lookup);
  } catch (error) {
    const isMisplaced = error instanceof RequestRefusal && error.code === 'environment_mismatch';
    if (!isMisplaced || !lookup.remembers) throw error;
    return await placeRequest(resolving, chosen, roots, calls, asking({ ...ask, fresh: true }));
  }
}

async function placeRequest(
  resolving: Resolving,
  chosen: ChosenOperation,
  roots: readonly JudgedRoot[],
  calls: readonly GatewayCall[],
  lookup: Lookup,
): Promise<ResolvedRequest> {
  const places = new Places(lookup, resolving.projects, resolving.isNarrow);
  const found = { projects: new Set<string>(), environments: new Map<string, Environment>() };
  const all = [...calls];
  const replaced = new Map<FieldNode, Replacement>();
  for (const root of roots) {
    const { staged } = root;
    if (staged === null) {
      await placeRoot(places, root, found);
      continue;
    }
    // The environment first: what is staged in a foreign one is not looked at.
    await placeRoot(places, root, found);
    const judged = new Judgement();
    const patch = await lookup.staged(staged.environmentId);
    judgeStaged(judged, staged.environmentId, patch);
    await placeRoot(places, { ...root, anchors: judged.anchors }, found);
    all.push(...judged.calls);
    replaced.set(staged.node, commitOf(staged.args, patch));
  }
  return {
    calls: all,
    environments: await mappedIds(lookup, [...found.environments.values()]),
    holds: [...found.projects].map((id) => `project/${id}`).sort(),
    outbound: outboundOf(resolving.origin, chosen, replaced),
    ...(replaced.size === 0 ? {} : { conceal: withoutWords }),
  };
}

/** Law 2: whatever the anchors of a field say counts; where they do not belong together, nothing is proven. */
async function placeRoot(
  places: Places,
  { anchors, beyond }: Pick<JudgedRoot, 'anchors' | 'beyond'>,
  found: { readonly projects: Set<string>; readonly environments: Map<string, Environment> },
): Promise<void> {
  const own = new Set<string>();
  for (const anchor of anchors) {
    const placed = await places.place(anchor);
    own.add(placed.project);
    for (const each of placed.environments) found.environments.set(each.id, each);
  }
  const isList = anchors.every(({ kind }) => kind === 'project');
  if (own.size > 1 && !isList) {
    throw new RequestRefusal('environment_mismatch', 'It names things of more than one project.');
  }
  if (beyond === 'account' || (beyond === 'project' && own.size === 0)) {
    throw new RequestRefusal(
      'environment_mismatch',
      'It looks into the environments of every project; ask for one environment by its id.',
    );
  }
  for (const project of own) {
    found.projects.add(project);
    if (beyond === 'nothing') continue;
    const all = await places.place({ kind: 'everywhere', id: project, within: null });
    for (const each of all.environments) found.environments.set(each.id, each);
  }
}

async function mappedIds(
  lookup: Lookup,
  environments: readonly Environment[],
): Promise<readonly string[]> {
  const ids = new Set<string>();
  for (const each of environments) {
    requireAccess(each);
    ids.add(await mappedIdOf(lookup, each));
  }
  return [...ids].sort();
}

function judgeStaged(judged: Judgement, environmentId: string, patch: unknown): void {
  if (!isObject(patch)) {
    throw new RequestRefusal('unparseable_request', 'There is nothing staged that can be read.');
  }
  judgePatch(judged, environmentId, patch);
}

/** Law 3: a step without content of its own is sent as its content, whatever is staged by then. */
function commitOf({ environmentId, commitMessage }: Arguments, patch: unknown): Replacement {
  return {
    field: 'environmentPatchCommit',
    args: {
      environmentId,
      ...(commitMessage === undefined ? {} : { commitMessage }),
      patch,
    },
  };
}

function outboundOf(
  origin: URL,
  chosen: ChosenOperation,
  replaced: ReadonlyMap<FieldNode, Replacement>,
): ResolvedRequest['outbound'] {
  const { query, variables, operationName } = render(chosen, replaced);
  const members = { query, variables, ...(operationName === null ? {} : { operationName }) };
  const body = new TextEncoder().encode(JSON.stringify(members));
  if (body.length > 4 * LONGEST_BODY) throw unreadable('What would be sent is too long.');
  return {
    method: 'POST',
    url: new URL(ENDPOINT_PATH, origin),
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body,
  };
}
