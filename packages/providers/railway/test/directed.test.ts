/**
 * Every field of the schema with whatever can be said to it. What is forwarded is what was judged, it does what its
 * calls admit where it was proven to be, and nothing in it that needs a second human goes without a call that says
 * so. `COUNTERSIGN_TEST_LONG=1` sends a million; COUNTERSIGN_TEST_REQUESTS and COUNTERSIGN_TEST_SEED send as many of
 * another seed.
 */
import type { ResolvedRequest, Upstream } from '@countersign/provider-kit';
import {
  coerceInputValue,
  getArgumentValues,
  getVariableValues,
  Kind,
  parse,
  type SelectionSetNode,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { createRailwayProvider } from '../src/index.ts';
import { knownSchema } from '../src/known-schema.ts';
import {
  MUTATIONS as SIMULATED,
  QUERIES as SIMULATED_QUERIES,
} from '../src/simulator/operations.ts';
import { Directed, type DirectedRequest, sequenceFrom } from './support/directed.ts';
import { asking, type Gated, inbound, judge, openGate, upstreamOf } from './support/gateway.ts';
import { expectLawful } from './support/law.ts';
import { furnish } from './support/world.ts';

const IS_LONG = process.env['COUNTERSIGN_TEST_LONG'] === '1';
const REQUESTS = Number(process.env['COUNTERSIGN_TEST_REQUESTS'] ?? (IS_LONG ? 1_000_000 : 3000));
/** Of the requests in which one thing changes, those that are sent where it is not long. */
const EACH = IS_LONG ? 1 : 29;
const SEED = Number(process.env['COUNTERSIGN_TEST_SEED'] ?? Math.floor(Date.now() / 86_400_000));
/** Requests for which one record of what happened is kept. */
const AT_A_TIME = 2000;

let current = openGate();
const upstream: Upstream = {
  send: (...request) => upstreamOf(current.simulator).send(...request),
  close: async () => {},
};
const provider = createRailwayProvider({ clock: current.clock, upstream });

function openWorld(): Gated {
  const { gateway = current.gateway } = provider;
  const gated: Gated = { ...openGate(), provider, gateway, upstream };
  furnish(gated);
  current = gated;
  return gated;
}

const SIMULATES = new Set([...Object.keys(SIMULATED), ...Object.keys(SIMULATED_QUERIES)]);

/** Arguments of each root field of what is sent, read by nothing that judged them. */
function sentOf({ outbound }: ResolvedRequest) {
  const { query, variables } = JSON.parse(Buffer.from(outbound.body ?? []).toString('utf8'));
  const document = parse(query, { noLocation: true });
  const operation = document.definitions.find((each) => each.kind === Kind.OPERATION_DEFINITION);
  if (operation === undefined) throw new Error('nothing is sent');
  const schema = knownSchema();
  const type = operation.operation === 'query' ? schema.getQueryType() : schema.getMutationType();
  const { coerced = {} } = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    variables,
  );
  const found: { readonly field: string; readonly args: unknown }[] = [];
  const enter = ({ selections }: SelectionSetNode): void => {
    for (const each of selections) {
      if (each.kind === Kind.FIELD) {
        const field = type?.getFields()[each.name.value];
        if (field === undefined) throw new Error(`${each.name.value} is sent`);
        found.push({ field: field.name, args: getArgumentValues(field, each, coerced) });
      } else if (each.kind === Kind.INLINE_FRAGMENT) enter(each.selectionSet);
      else {
        const fragment = document.definitions.find(
          (one) => one.kind === Kind.FRAGMENT_DEFINITION && one.name.value === each.name.value,
        );
        if (fragment?.kind === Kind.FRAGMENT_DEFINITION) enter(fragment.selectionSet);
      }
    }
  };
  enter(operation.selectionSet);
  return found;
}

/** What was meant, with the defaults that the schema has for what is absent. */
function meantBy({ field, isQuery, args }: DirectedRequest): unknown {
  const schema = knownSchema();
  const type = isQuery ? schema.getQueryType() : schema.getMutationType();
  const of = type?.getFields()[field];
  return Object.fromEntries(
    (of?.args ?? []).flatMap(({ name, type, defaultValue }) => {
      if (!Object.hasOwn(args, name))
        return defaultValue === undefined ? [] : [[name, defaultValue]];
      return [[name, coerceInputValue(args[name], type)]];
    }),
  );
}

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

class Run {
  readonly verdicts = new Map<string, number>();
  #gated = openWorld();
  #base = this.#gated.simulator.world.state;
  #sent = 0;

  get requests(): Directed {
    return new Directed(this.#gated.simulator);
  }

  async send(request: DirectedRequest): Promise<void> {
    this.#sent += 1;
    if (this.#sent % AT_A_TIME === 0) {
      this.#gated = openWorld();
      this.#base = this.#gated.simulator.world.state;
    }
    const { field, isQuery, args, ...body } = request;
    try {
      const isFresh = this.#sent % 50 === 0;
      const outcome = await judge(this.#gated, inbound(body), asking(isFresh));
      this.#count(outcome.refused ?? 'forwarded');
      if (outcome.refused === null) await this.#hold(request, outcome.resolved);
    } catch (error) {
      throw new Error(`${JSON.stringify(body)} with the seed ${SEED}`, { cause: error });
    }
  }

  async #hold(request: DirectedRequest, resolved: ResolvedRequest): Promise<void> {
    for (const { field, args } of sentOf(resolved)) {
      const isStaged = request.field === 'environmentPatchCommitStaged';
      expect(field).toBe(isStaged ? 'environmentPatchCommit' : request.field);
      if (!isStaged) expect(json(args)).toEqual(json(meantBy(request)));
    }
    if (!SIMULATES.has(request.field)) return;
    this.#count('held to the record');
    const { world } = this.#gated.simulator;
    await expectLawful(this.#gated, resolved);
    if (world.state !== this.#base) this.#count('changed something');
    world.restore(this.#base);
  }

  #count(what: string): void {
    this.verdicts.set(what, (this.verdicts.get(what) ?? 0) + 1);
  }
}

describe('a request made from the schema', () => {
  test('is forwarded as what it was judged to be, or not at all', {
    timeout: 60_000 + REQUESTS * 20,
  }, async () => {
    const run = new Run();
    const requests = run.requests;
    const random = sequenceFrom(SEED);
    let [nth, one] = [0, 0];
    for (const request of requests.one()) {
      nth += 1;
      if ((nth + SEED) % EACH !== 0) continue;
      one += 1;
      await run.send(request);
    }
    for (let sent = one; sent < REQUESTS; sent += 1) {
      await run.send(requests.mixed(random));
      if (sent % 100_000 === 0) process.stdout.write(`${sent} so far\n`);
    }
    const counted = Object.fromEntries(run.verdicts);
    process.stdout.write(`${JSON.stringify({ one, of: nth, ...counted })}\n`);
    // Refusing everything would be lawful too.
    expect(counted['changed something'] ?? 0).toBeGreaterThan(REQUESTS / 100);
  });
});
