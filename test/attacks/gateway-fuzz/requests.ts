/** Grammars of requests: any document, deletions in disguise, and HTTP that says one thing twice. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import {
  type KnownIds,
  type RandomRequest,
  randomRequest,
} from '../../../packages/providers/railway/test/support/documents.ts';
import { AGENTS, type AgentName } from './scene.ts';

type Gen = fc.GeneratorValue;

export interface Attempt {
  readonly agent: AgentName;
  /** What stands in the body before anything is done to it. */
  readonly request: RandomRequest;
  readonly manner: Manner;
}

/** How it is sent, if not as an honest client would: `plain`. */
const MANNERS = [
  'batch',
  'member twice',
  'in the query',
  'form',
  'content type twice',
  'gzip',
  'chunked',
  'two lengths',
  'two framings',
  'two requests',
  'cut short',
  'another path',
  'another method',
  'override',
  'another charset',
  'a byte changed',
  'stolen name',
] as const;
type Manner = 'plain' | (typeof MANNERS)[number];

/** A third each: what an agent does all day, a deletion in some disguise, any document at all. */
export function anyAttempt(g: Gen, known: KnownIds, volume: string): Attempt {
  const agent = pick<AgentName>(g, ['writer', 'writer', ...AGENTS]);
  const grammar = agent === 'deleter' ? deletion : pick(g, [usual, deletion, any]);
  return {
    agent,
    request: grammar(g, known, { volume, agent }),
    manner: pick(g, [true, false]) ? 'plain' : pick(g, MANNERS),
  };
}

interface Aim {
  readonly agent: AgentName;
  /** Whose deletion is granted to one of them. */
  readonly volume: string;
}

function any(g: Gen, known: KnownIds): RandomRequest {
  return randomRequest(g, known);
}

/** Reads and writes of what was named, one or two at a time, and sometimes of what is elsewhere. */
function usual(g: Gen, known: KnownIds): RandomRequest {
  const id = (kind: Parameters<KnownIds['world']['where']>[0]): string =>
    JSON.stringify(pick(g, known.world.where(kind)).id);
  const at = `serviceId: ${id('service')}, environmentId: ${id('environment')}`;
  const directive = pick(g, ['', '', ' @include(if: true)', ' @skip(if: true)']);
  const fields = pick(g, [true, false])
    ? [
        `environment(id: ${id('environment')})${directive} { id name }`,
        `service(id: ${id('service')})${directive} { id name }`,
        `serviceInstance(${at})${directive} { id startCommand }`,
        `volumeInstance(id: ${id('volume-instance')})${directive} { id mountPath }`,
        `volumeInstanceBackupList(volumeInstanceId: ${id('volume-instance')}) { id }`,
        `deployment(id: ${id('deployment')})${directive} { id status }`,
        `environment(id: ${id('environment')}) { name project { name } }`,
        `environment(id: ${id('environment')}) { config(decryptVariables: true) }`,
        `project(id: ${id('project')})${directive} { environments { edges { node { name } } } }`,
      ]
    : [
        `serviceInstanceRedeploy(${at})${directive}`,
        `deploymentRestart(id: ${id('deployment')})${directive}`,
        `serviceInstanceUpdate(${at}, input: { numReplicas: 2 })`,
        `serviceInstanceUpdate(${at}, input: { startCommand: "x" })`,
        `variableUpsert(input: { projectId: ${id('project')}, ${at}, name: "A", value: "b" })`,
        `volumeInstanceBackupCreate(volumeInstanceId: ${id('volume-instance')}) { workflowId }`,
        `volumeUpdate(volumeId: ${id('volume')}, input: { name: "y" }) { id }`,
        `environmentPatchCommit(environmentId: ${id('environment')}, patch: { services: {} })`,
        // Of what was staged before: without it this says nothing.
        `environmentPatchCommit(environmentId: ${id('environment')})`,
      ];
  const chosen = Array.from({ length: pick(g, [1, 1, 1, 2]) }, () => pick(g, fields));
  const kind = fields[0]?.startsWith('environment') === true ? 'query' : 'mutation';
  return {
    query: `${kind} { ${chosen.map((field, index) => `r${index}: ${field}`).join(' ')} }`,
    variables: {},
  };
}

function pick<T>(g: Gen, from: readonly T[]): T {
  const found = from[g(fc.nat, { max: from.length - 1 })];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

/** Ways to delete a volume. Whoever holds the grant skips nothing, so that its one use is one deletion. */
function deletion(g: Gen, known: KnownIds, { volume, agent }: Aim): RandomRequest {
  const ids = known.world.where('volume').map(({ id }) => id);
  const id = pick(g, agent === 'deleter' ? [volume, volume, ...ids] : [volume, ...ids]);
  const environment = pick(g, known.world.where('environment')).id;
  const literal = JSON.stringify(id);
  const condition =
    agent === 'deleter' ? '' : pick(g, ['', ' @skip(if: true)', ' @include(if: false)']);
  const field = `r0: volumeDelete(volumeId: ${literal})${condition}`;
  const patch = { volumes: { [id]: pick(g, [null, { isDeleted: true }]) } };
  const variables = { v: id, e: environment, patch };
  return pick<RandomRequest>(g, [
    { query: `mutation { ${field} }`, variables: {} },
    { query: `mutation { restart: ${field.slice(4)} }`, variables: {} },
    { query: `mutation($v: String!) { r0: volumeDelete(volumeId: $v) }`, variables },
    {
      query: `mutation($v: String! = ${literal}) { r0: volumeDelete(volumeId: $v) }`,
      variables: {},
    },
    { query: `mutation { ...F } fragment F on Mutation { ${field} }`, variables: {} },
    {
      query: `mutation { ... on Mutation${condition} { r0: volumeDelete(volumeId: ${literal}) } }`,
      variables: {},
    },
    { query: `mutation { ${field} r1: volumeDelete(volumeId: ${literal}) }`, variables: {} },
    { query: `query { r0: me { id } } mutation M { ${field} }`, variables: {} },
    {
      query: `query Q { r0: me { id } } mutation M { ${field} }`,
      variables: {},
      operationName: pick(g, ['Q', 'M']),
    },
    { query: `subscription { ${field} }`, variables: {} },
    { query: `query { ${field} }`, variables: {} },
    {
      query: `mutation { r0: volumeInstanceUpdate(volumeId: ${literal}, environmentId: "${environment}", input: { state: DELETED }) }`,
      variables: {},
    },
    {
      query: `mutation($e: String!, $patch: EnvironmentConfig) { r0: environmentPatchCommit(environmentId: $e, patch: $patch) }`,
      variables,
    },
    { query: `mutation { r0: environmentDelete(id: "${environment}") }`, variables: {} },
  ]);
}

/** What goes over the wire: one request, or two on one connection. */
export function wiresOf(g: Gen, { request, manner }: Attempt, target: string): readonly Wire[] {
  const document = JSON.stringify(request);
  const wire = (change: Partial<Wire> = {}): Wire => ({
    ...{ method: 'POST', target, type: 'Content-Type: application/json', more: [] },
    ...{ framing: null, body: document, content: change.body ?? document, share: 1 },
    ...change,
  });
  const typed = 'Content-Type: application/json';
  switch (manner) {
    case 'plain':
      return [wire()];
    case 'batch':
      return [wire({ body: `[${document}${pick(g, ['', `,${document}`])}]` })];
    case 'member twice': {
      const harmless = '"query":"{ r0: me { id } }"';
      const [first, second] = pick(g, [true, false])
        ? [harmless, document.slice(1, -1)]
        : [document.slice(1, -1), harmless];
      return [wire({ body: `{${first},${second}}` })];
    }
    case 'in the query': {
      const query = new URLSearchParams({ query: request.query });
      return [
        wire({
          method: pick(g, ['GET', 'POST']),
          target: `${target}?${query}`,
          body: pick(g, ['', document, '{"query":"{ r0: me { id } }"}']),
        }),
      ];
    }
    case 'form': {
      const body = new URLSearchParams({ query: request.query }).toString();
      return [wire({ body, type: 'Content-Type: application/x-www-form-urlencoded' })];
    }
    case 'content type twice':
      return [wire({ more: [pick(g, [typed, 'Content-Type: application/graphql'])] })];
    case 'gzip':
      return [
        wire({
          more: [pick(g, ['Content-Encoding: gzip', 'Content-Encoding: identity', 'X-A: b'])],
          body: gzipSync(document),
        }),
      ];
    case 'chunked': {
      const half = Math.floor(document.length / 2);
      const parts = [document.slice(0, half), document.slice(half)].map((part) => chunk(part));
      return [
        wire({
          framing: `Transfer-Encoding: ${pick(g, ['chunked', 'Chunked', 'chunked, chunked', 'gzip, chunked', 'x'])}`,
          body: `${parts.join('')}${chunk('')}`,
          content: document,
        }),
      ];
    }
    case 'two lengths':
      return [wire({ more: [`Content-Length: ${pick(g, [0, 2, Buffer.byteLength(document)])}`] })];
    case 'two framings':
      return [wire({ more: ['Transfer-Encoding: chunked'], body: `${chunk('')}${document}` })];
    case 'two requests':
      return [wire({ body: '{"query":"{ r0: me { id } }"}' }), wire()];
    case 'cut short':
      return [wire({ share: pick(g, [0.1, 0.4, 0.8, 0.95]) })];
    case 'another path':
      return [
        wire({
          target: pick(g, [
            `${target}/`,
            target.replace('v2', 'internal'),
            target.replace('/graphql', '/x/../graphql'),
            target.replace('/graphql', '/%67raphql'),
            target.replace('railway', 'rail%77ay'),
            `${target};a`,
            `http://localhost${target}`,
          ]),
        }),
      ];
    case 'another method':
      return [
        wire({ method: pick(g, ['GET', 'PUT', 'DELETE', 'QUERY', 'TRACE', 'OPTIONS', 'post']) }),
      ];
    case 'override':
      return [
        wire({
          more: [
            pick(g, [
              'X-HTTP-Method-Override: DELETE',
              'Upgrade: websocket',
              'Expect: 100-continue',
            ]),
          ],
        }),
      ];
    case 'another charset': {
      const charset = pick(g, ['utf-16le', 'utf-8', 'latin1']);
      const bytes = Buffer.from(document, charset === 'utf-16le' ? 'utf16le' : 'utf8');
      return [wire({ type: `${typed}; charset=${charset}`, body: bytes })];
    }
    case 'a byte changed': {
      const bytes = Buffer.from(document);
      const at = g(fc.nat, { max: bytes.length - 1 });
      bytes[at] = g(fc.nat, { max: 255 });
      return [wire({ body: bytes })];
    }
    case 'stolen name':
      return [
        wire({
          more: [pick(g, ['Project-Access-Token: x', 'Authorization: Bearer x', 'Cookie: a=b'])],
        }),
      ];
  }
}

export interface Wire {
  readonly method: string;
  readonly target: string;
  readonly type: string;
  /** Header lines besides. */
  readonly more: readonly string[];
  /** Null: by its length. */
  readonly framing: string | null;
  readonly body: string | Uint8Array;
  /** What the body stands for, which a proof is over. */
  readonly content: string | Uint8Array;
  /** How much of it is sent before the connection is closed. */
  readonly share: number;
}

/** @param head lines about who sends it */
export function bytesOf(
  { method, target, type, more, framing, body, share }: Wire,
  head: readonly string[],
): Buffer {
  const bytes = Buffer.from(body);
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    type,
    ...head,
    framing ?? `Content-Length: ${bytes.length}`,
    ...more,
  ];
  const whole = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]);
  return whole.subarray(0, Math.floor(whole.length * share));
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}
