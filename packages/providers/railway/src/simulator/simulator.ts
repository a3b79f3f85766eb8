/**
 * A Railway to test against: the HTTP endpoint as a function from request to answer, a world behind it, and a
 * record of everything that really happened there.
 */
import { type Clock, toInstant } from '@countersign/core';
import type { ExecutionResult, GraphQLError } from 'graphql';
import { authenticate, Caller, type Headers } from './caller.ts';
import { type Context, Sequence } from './context.ts';
import { executePrepared, fieldsOf, prepare } from './execute.ts';
import { type ArmedFault, type Fault, Faults } from './http/faults.ts';
import { type Quota, RATES, type Rate, RateLimiter, rateHeaders } from './http/rate-limit.ts';
import { type Refused, readBody } from './http/read-body.ts';
import { Recorder } from './recorder.ts';
import { destroyProject, destroyVolumeInstance } from './world/cascade.ts';
import type { Effect } from './world/effects.ts';
import { workspaceOf } from './world/places.ts';
import type { Token } from './world/records.ts';
import { World } from './world/world.ts';

/** Where the API answers, at `https://backboard.railway.com`. */
export const ENDPOINT_PATH = '/graphql/v2';

export interface SimulatorRequest {
  readonly method: string;
  /** With the query string, if there is one. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export interface SimulatorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SimulatorOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Ids and secrets made later follow from it. Default `railway`. */
  readonly seed?: string;
  /** One rate for every token, in the place of the rates of its workspace's plan. */
  readonly rate?: Rate;
  /** Milliseconds before each answer. Default 0. */
  readonly latency?: number;
  /** Default: a timer. Tests without real time give their own. */
  readonly wait?: (milliseconds: number) => Promise<void>;
  /** Milliseconds between `volumeDelete` and the end of the data. Default 0, as in the incident. */
  readonly volumeDeletionGrace?: number;
  /** How many nodes a connection shows where neither `first` nor `last` is given. Default 100. */
  readonly defaultPageSize?: number;
}

export class RailwaySimulator {
  readonly world = new World();
  /** For what is put into the world beside the API, and for what operations make. */
  readonly sequence: Sequence;
  readonly clock: Clock;
  readonly #options: SimulatorOptions;
  readonly #recorder: Recorder;
  readonly #faults = new Faults();
  readonly #limiter: RateLimiter;
  readonly #traces: Sequence;

  constructor(options: SimulatorOptions = {}) {
    this.#options = options;
    this.clock = options.clock ?? { now: () => Date.now() };
    this.sequence = new Sequence(options.seed ?? 'railway');
    this.#traces = new Sequence('traces');
    this.#recorder = new Recorder(this.clock);
    this.#limiter = new RateLimiter(this.clock);
  }

  /** Everything that happened through the API, oldest first. Only ever appended to. */
  get effects(): readonly Effect[] {
    return this.#recorder.effects;
  }

  /** Lets something go wrong with a request to come. */
  arm(fault: ArmedFault): void {
    this.#faults.arm(fault);
  }

  /**
   * Answers as the endpoint does; `cut` where the connection ends without an answer. Takes effect before it waits,
   * so an answer that comes late tells of something that is done.
   */
  async handle(request: SimulatorRequest): Promise<SimulatorAnswer | 'cut'> {
    this.#settle();
    const { answer, delay } = this.#answer(request);
    const milliseconds = (this.#options.latency ?? 0) + delay;
    if (milliseconds > 0) await (this.#options.wait ?? pause)(milliseconds);
    return answer;
  }

  #answer(request: SimulatorRequest): { answer: SimulatorAnswer | 'cut'; delay: number } {
    const read = readBody(request, ENDPOINT_PATH);
    if ('status' in read) return { answer: refuse(read), delay: 0 };
    const token = authenticate(this.world, request.headers);
    const quota = this.#limiter.take(token?.id ?? 'anonymous', this.#rateOf(token));
    const headers = { 'content-type': 'application/json; charset=utf-8', ...rateHeaders(quota) };
    const reply = (status: number, body: unknown): SimulatorAnswer => ({
      status,
      headers,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    if (quota.retryAfter !== undefined) {
      return { answer: reply(429, { errors: [{ message: 'Rate limit exceeded' }] }), delay: 0 };
    }
    const prepared = prepare(read.query);
    if ('errors' in prepared) {
      const errors = prepared.errors.map((error) => this.#render(error, prepared.code));
      return { answer: reply(400, { errors }), delay: 0 };
    }
    const fault = this.#faults.take(fieldsOf(prepared.document));
    const delay = fault?.kind === 'late' ? fault.milliseconds : 0;
    if (fault !== undefined && !tookEffect(fault)) {
      return { answer: this.#spoil(fault, undefined, request.headers, reply), delay };
    }
    const context = this.#context(token, quota);
    const result = executePrepared(prepared.document, read, context, this.#recorder);
    if (fault !== undefined) {
      return { answer: this.#spoil(fault, result, request.headers, reply), delay };
    }
    // No data at all, not even null: nothing was executed, for want of an operation or of its variables.
    const status = result.data === undefined ? 400 : 200;
    return { answer: reply(status, this.#bodyOf(result)), delay };
  }

  #context(token: Token | undefined, { remaining, resetsAt }: Quota): Context {
    return {
      world: this.world,
      caller: new Caller(this.world, token),
      clock: this.clock,
      sequence: this.sequence,
      volumeDeletionGrace: this.#options.volumeDeletionGrace ?? 0,
      defaultPageSize: this.#options.defaultPageSize ?? 100,
      requestsLeft: () => ({ remaining, resetsAt: toInstant(resetsAt) }),
    };
  }

  #rateOf(token: Token | undefined): Rate {
    if (this.#options.rate !== undefined) return this.#options.rate;
    if (token === undefined) return RATES.FREE;
    const state = this.world.state;
    const own = workspaceOf(state, 'token', token);
    const workspace =
      own === undefined
        ? this.world.find('workspace', ({ members }) =>
            members.some(({ userId }) => userId === token.userId),
          )
        : this.world.get('workspace', own);
    return RATES[workspace?.plan ?? 'FREE'];
  }

  #render(error: GraphQLError, code: string) {
    return {
      ...error.toJSON(),
      extensions: { code, ...error.extensions },
      traceId: this.#traces.id(),
    };
  }

  #bodyOf({ data, errors }: ExecutionResult) {
    const rendered = errors?.map((error) => this.#render(error, 'INTERNAL_SERVER_ERROR'));
    return { ...(rendered === undefined ? {} : { errors: rendered }), data: data ?? null };
  }

  #spoil(
    fault: Fault,
    result: ExecutionResult | undefined,
    sent: Headers,
    reply: (status: number, body: unknown) => SimulatorAnswer,
  ): SimulatorAnswer | 'cut' {
    const body = result === undefined ? { data: null } : this.#bodyOf(result);
    const error = (message: string) => ({
      errors: [
        { message, extensions: { code: 'INTERNAL_SERVER_ERROR' }, traceId: this.#traces.id() },
      ],
    });
    switch (fault.kind) {
      case 'late':
        return reply(200, body);
      case 'cut':
        return 'cut';
      case 'status':
        return reply(fault.status, '<html><body>upstream error</body></html>');
      case 'malformed':
        return reply(200, JSON.stringify(body).slice(0, -2));
      case 'error':
        return reply(200, { ...body, ...error(fault.message) });
      case 'echo': {
        const credential = sent['authorization'] ?? sent['project-access-token'] ?? '';
        if (fault.where === 'error') return reply(200, { ...body, ...error(`Got ${credential}`) });
        if (fault.where === 'extensions')
          return reply(200, { ...body, extensions: { credential } });
        const answer = reply(200, body);
        return { ...answer, headers: { ...answer.headers, 'x-debug-authorization': credential } };
      }
    }
  }

  /** Does what is due by now. */
  #settle(): void {
    const { world } = this;
    const isDue = ({ deletedAt }: { deletedAt: string | null }): boolean =>
      deletedAt !== null && Date.parse(deletedAt) <= this.clock.now();
    for (const { id } of world.where('project', isDue)) {
      const { before, after } = world.transact(() => destroyProject(world, id));
      this.#recorder.recordDue(`project/${id}`, before, after);
    }
    for (const { id, volumeId } of world.where('volume-instance', isDue)) {
      const { before, after } = world.transact(() => {
        destroyVolumeInstance(world, id);
        const left = world.find('volume-instance', (each) => each.volumeId === volumeId);
        if (left === undefined) world.drop('volume', volumeId);
      });
      this.#recorder.recordDue(`volume-instance/${id}`, before, after);
    }
  }
}

function tookEffect(fault: Fault): boolean {
  if ('tookEffect' in fault) return fault.tookEffect;
  return fault.kind !== 'error' || fault.partial;
}

function refuse({ status, message, headers }: Refused): SimulatorAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify({ errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] }),
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
