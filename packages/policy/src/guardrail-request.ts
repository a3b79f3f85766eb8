/**
 * One right under one grant as Cedar sees it. Whatever a policy may name stands in `guardrail-schema.ts`;
 * the two are held against each other by a test.
 */
import type { Agent, Connection, Environment, Grant } from '@countersign/authority';
import { isDeleteCapable, providerOf, toInstant } from '@countersign/core';
import type { CoveredRight } from './facts.ts';

/** What is known once a grant covers the right and its environment is proven. */
export interface GuardedRight {
  readonly agent: Pick<Agent, 'name' | 'auth'>;
  readonly connection: Pick<Connection, 'name'> & { readonly provider: string };
  readonly environment: Pick<Environment, 'name'> & { readonly class: string };
  readonly right: CoveredRight;
  /** What the resource is, or is part of. */
  readonly whole: string;
  readonly providerIds: readonly string[];
  readonly grant: Pick<Grant, 'id' | 'body'>;
  /** Uses of the grant so far: counted only where it has a limit, and told only there. */
  readonly uses: number;
  /** Whether the caller has shown a key. */
  readonly senderBound: boolean;
  /** Rights in the whole decision. */
  readonly rights: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

type Uid = { readonly type: string; readonly id: string };
type Entity = { uid: Uid; attrs: Record<string, Value>; parents: Uid[] };
/** JSON as Cedar reads it (`CedarValueJson`). */
type Value =
  | string
  | number
  | boolean
  | Value[]
  | { __entity: Uid }
  | { __extn: { fn: string; arg: string } }
  | { [attribute: string]: Value };

export interface CedarRequest {
  principal: Uid;
  action: Uid;
  resource: Uid;
  context: Record<string, Value>;
  entities: Entity[];
}

const uid = (type: string, id: string): Uid => ({ type, id });
const entity = (type: string, id: string): Value => ({ __entity: { type, id } });

/** `OPS-123` or `#123`: the first in the words of the grant that looks like one. */
const TICKET =
  /(?<![\p{L}\p{N}_-])(?:[A-Z][A-Z0-9]{1,15}-[1-9]\d{0,8}|#[1-9]\d{0,8})(?![\p{L}\p{N}_])/u;

export function requestOf(guarded: GuardedRight): CedarRequest {
  const { agent, connection, environment, right, whole, providerIds } = guarded;
  const [inConnection, inEnvironment] = [
    uid('Connection', connection.name),
    uid('Environment', environment.name),
  ];
  const resource = (id: string, parents: Uid[]): Entity => ({
    uid: uid('Resource', id),
    attrs: {
      id,
      whole,
      provider: connection.provider,
      connection: entity('Connection', connection.name),
      environment: entity('Environment', environment.name),
      provider_ids: [...providerIds],
    },
    parents: [inConnection, inEnvironment, ...parents],
  });
  return {
    principal: uid('Agent', agent.name),
    action: uid('Action', right.operation),
    resource: uid('Resource', right.resource),
    context: contextOf(guarded),
    entities: [
      {
        uid: uid('Agent', agent.name),
        attrs: { name: agent.name, auth: agent.auth.method },
        parents: [],
      },
      {
        uid: inConnection,
        attrs: { name: connection.name, provider: connection.provider },
        parents: [],
      },
      {
        uid: inEnvironment,
        attrs: { name: environment.name, class: environment.class },
        parents: [],
      },
      {
        uid: uid('Action', right.operation),
        attrs: {},
        parents: [uid('Action', providerOf(right.operation))],
      },
      ...(whole === right.resource
        ? [resource(whole, [])]
        : [resource(whole, []), resource(right.resource, [uid('Resource', whole)])]),
    ],
  };
}

function contextOf({ right, grant, uses, senderBound, rights, at }: GuardedRight) {
  const { id, body } = grant;
  const date = new Date(at);
  const [ticket] = TICKET.exec(body.reason) ?? [];
  return {
    time: { __extn: { fn: 'datetime', arg: toInstant(at) } },
    hour: date.getUTCHours(),
    // ISO 8601: Monday is 1, Sunday is 7.
    weekday: ((date.getUTCDay() + 6) % 7) + 1,
    effect: entity('Effect', right.effect),
    delete_capable: isDeleteCapable(right.effect),
    sender_bound: senderBound,
    rights,
    grant: {
      id,
      reason: body.reason,
      ...(ticket === undefined ? {} : { ticket }),
      ttl: body.ttl,
      ...(body.max_uses === null ? {} : { uses, max_uses: body.max_uses }),
      sql: body.sql !== null,
    },
  };
}
