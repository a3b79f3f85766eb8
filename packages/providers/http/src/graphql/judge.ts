/** Root fields of a GraphQL request as operations of a description: each is judged, and all of them count. */
import type { InboundRequest } from '@countersign/provider-kit';
import type { Compiled, CompiledRoot } from '../description/compiled.ts';
import type { Sources } from '../description/pattern.ts';
import { callsOf, distinct, headersOf, type Judged, raisedBy } from '../judged.ts';
import { redacting } from '../redact.ts';
import { ambiguous, unknown } from '../refuse.ts';
import { type RootField, readDocument } from './document.ts';

/** What `judgeRequest` says of any other request. `origin`: where it is sent. @throws RequestRefusal */
export function judgeGraphql(compiled: Compiled, origin: string, request: InboundRequest): Judged {
  const { kind, roots, body } = readDocument(request);
  const judged = roots.flatMap((root) => {
    if (root.name === '__typename') return [];
    const known = compiled.roots.get(`${kind} ${root.name}`);
    if (known === undefined) {
      const name = root.name.slice(0, 60);
      throw unknown(
        `What the ${kind.toLowerCase()} ${name} can do is not known. ${nearFields(compiled, kind, name)}`,
      );
    }
    requireDescribed(root, known);
    const sources: Sources = {
      path: new Map(),
      query: new Map(),
      body: undefined,
      args: root.args,
      answer: undefined,
    };
    return [{ known, sources, all: [known, ...raisedBy(known, sources)] }];
  });
  if (judged.length === 0) throw unknown('Nothing is asked for in this request.');
  const redact = judged.flatMap(({ known }) => known.described.redact ?? []);
  const url = new URL(origin);
  url.pathname = compiled.description.graphql?.path ?? '/';
  return {
    calls: distinct(
      judged.flatMap(({ all, sources }) => all.flatMap((each) => callsOf(each, sources))),
    ),
    parts: judged.map(({ all, sources }) => ({
      placements: [...new Set(all.flatMap(({ placements }) => placements))],
      sources,
    })),
    outbound: {
      method: 'POST',
      url,
      headers: headersOf(compiled, request, 'application/json'),
      body,
    },
    conceal: redact.length === 0 ? null : redacting(redact),
  };
}

/** Fields that share a word with the one that is not known. */
function nearFields(compiled: Compiled, kind: string, name: string): string {
  const words = name.split(/(?=[A-Z])|_/).filter((word) => word.length > 2);
  const near = [...compiled.roots.values()]
    .filter(({ described }) => described.request.startsWith(`${kind} `))
    .map(({ name: each }) => ({
      each,
      score: words.filter((word) => each.toLowerCase().includes(word.toLowerCase())).length,
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, 5);
  return near.length === 0 ? '' : `Nearest: ${near.map(({ each }) => each).join(', ')}.`;
}

function requireDescribed(root: RootField, { name, described }: CompiledRoot): void {
  const { arguments: known = [], selects = [], redact } = described;
  if (known !== 'any') {
    for (const path of leavesOf(root.args, '')) {
      const isKnown = known.some(
        (each) => each === path || (each.endsWith('.*') && path.startsWith(each.slice(0, -1))),
      );
      if (!isKnown)
        throw unknown(`What the argument ${path.slice(0, 80)} does to ${name} is not known.`);
    }
  }
  if (selects !== 'any') {
    if (root.hasArguments) throw unknown(`Fields below ${name} take no arguments here.`);
    const other = root.selects.find(
      (path) => !selects.includes(path) && !/(?:^|\.)__typename$/.test(path),
    );
    if (other !== undefined)
      throw unknown(`What ${other.slice(0, 80)} of ${name} shows is not known.`);
  }
  if (redact !== undefined && root.hasAliases) {
    throw ambiguous(`Fields of ${name} keep their names: some of its answer is not shown.`);
  }
}

/** Dotted paths of every argument, through lists; of an object those of its members. */
function leavesOf(value: unknown, above: string): readonly string[] {
  if (Array.isArray(value)) {
    const within = value.flatMap((each: unknown) => leavesOf(each, above));
    return within.length === 0 && above !== '' ? [above] : within;
  }
  if (typeof value !== 'object' || value === null) return above === '' ? [] : [above];
  const members = Object.entries(value);
  if (members.length === 0 && above !== '') return [above];
  return members.flatMap(([name, each]) =>
    leavesOf(each, above === '' ? name : `${above}.${name}`),
  );
}
