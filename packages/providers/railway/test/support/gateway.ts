/** The provider before a simulated Railway: what an agent sends is classified, resolved and forwarded as it says. */
import { Secret } from '@countersign/core';
import {
  type Gateway,
  type GatewayCall,
  type InboundRequest,
  type Provider,
  type ProviderConnection,
  ProviderError,
  RequestRefusal,
  type ResolveAsk,
  type ResolvedRequest,
  type Upstream,
} from '@countersign/provider-kit';
import { createRailwayProvider } from '../../src/index.ts';
import type { Effect, RailwaySimulator, SimulatorOptions } from '../../src/simulator/index.ts';
import { openRental, type Railway } from './railway.ts';

/** The simulator without a network between. */
export function upstreamOf(simulator: RailwaySimulator): Upstream {
  return {
    send: async ({ method, url, headers, body }, credential) => {
      const answer = await simulator.handle({
        method,
        path: `${url.pathname}${url.search}`,
        headers: { ...headers, [credential.name]: credential.value.reveal() },
        body: body ?? new Uint8Array(),
      });
      if (answer === 'cut') throw new ProviderError('unknown_outcome', 'The connection was cut.');
      const chunks = [Buffer.from(answer.body)];
      return {
        status: answer.status,
        headers: new Map(Object.entries(answer.headers)),
        length: null,
        body: {
          async *[Symbol.asyncIterator]() {
            yield* chunks;
          },
          destroy: () => {},
        },
      };
    },
    close: async () => {},
  };
}

export interface Gated extends Railway {
  readonly provider: Provider;
  readonly gateway: Gateway;
  readonly connection: ProviderConnection;
  readonly upstream: Upstream;
}

/** A rental, and a connection to it with the account's token. */
export function openGate(options: SimulatorOptions = {}): Gated {
  const railway = openRental(options);
  const upstream = upstreamOf(railway.simulator);
  const provider = createRailwayProvider({ clock: railway.clock, upstream });
  const { gateway } = provider;
  if (gateway === undefined) throw new Error('the provider has no gateway');
  return { ...railway, provider, gateway, upstream, connection: connectionTo(railway) };
}

export function connectionTo({ rental }: Railway): ProviderConnection {
  const { staging, production } = rental;
  return {
    id: '01900000-0000-7000-8000-000000000001',
    brokerTag: 'test',
    config: {
      endpoint: 'http://127.0.0.1:8421',
      token: 'account',
      account: `user/${rental.userId}`,
      projects: [
        {
          id: rental.projectId,
          name: 'rental',
          environments: [staging, production].map(({ id, name }) => ({ id, name })),
        },
      ],
    },
    credential: new Secret('railway', rental.tokens.account.secret),
  };
}

export function inbound(body: unknown, changed: Partial<InboundRequest> = {}): InboundRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    method: 'POST',
    path: '/graphql/v2',
    query: null,
    headers: new Map([['content-type', 'application/json']]),
    body: new TextEncoder().encode(text),
    ...changed,
  };
}

export function asking(fresh = true): ResolveAsk & { readonly questions: () => number } {
  let asked = 0;
  return {
    fresh,
    spend: () => {
      asked += 1;
      return new AbortController().signal;
    },
    questions: () => asked,
  };
}

export type Outcome =
  | { readonly refused: RequestRefusal['code']; readonly calls: readonly GatewayCall[] }
  | {
      readonly refused: null;
      readonly calls: readonly GatewayCall[];
      readonly resolved: ResolvedRequest;
    };

/** What becomes of a request, up to its being sent. */
export async function judge(
  { gateway, connection }: Pick<Gated, 'gateway' | 'connection'>,
  request: InboundRequest,
  ask: ResolveAsk = asking(),
): Promise<Outcome> {
  try {
    const classified = await gateway.classify(connection, request);
    const resolved = await classified.resolve(ask);
    return { refused: null, calls: resolved.calls, resolved };
  } catch (error) {
    if (error instanceof RequestRefusal) return { refused: error.code, calls: error.calls };
    throw error;
  }
}

/** Sends what was resolved, whatever policy would have said, and returns what it did. */
export async function forward(
  { gateway, connection, upstream, simulator }: Gated,
  resolved: ResolvedRequest,
): Promise<{
  readonly effects: readonly Effect[];
  readonly answer: unknown;
  readonly status: number;
}> {
  const before = simulator.effects.length;
  const { status, body } = await upstream.send(resolved.outbound, gateway.inject(connection), {
    patience: 1000,
    signal: new AbortController().signal,
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const answer: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  return { effects: simulator.effects.slice(before), answer, status };
}
