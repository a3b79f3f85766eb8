/** From the commit to the end of the answer: uses, the authority it was sent on, and what of it an agent sees. */
import { ProviderError } from '@countersign/provider-kit';
import { afterEach, describe, expect, test } from 'vitest';
import { createShares } from '../src/shares.ts';
import { type Forwarding, forwarding, textOf } from './support/forwarding.ts';
import { addGrant, DELETE, RESIZE, ROOT } from './support/granted.ts';

let broker: Forwarding;
afterEach(() => broker?.stop());

describe('a use', () => {
  test('is one call: two that share a grant for single uses are sent one by one', async () => {
    broker = await forwarding([DELETE]);
    const calls = [
      ['delete', 'vol_1'],
      ['delete', 'vol_2'],
    ] as const;
    expect(await broker.outcomeOf({ calls })).toBe('ambiguous_request');
    const twice = [
      ['delete', 'vol_1'],
      ['delete', 'vol_1'],
    ] as const;
    expect(await broker.outcomeOf({ calls: twice })).toBe('ambiguous_request');
    expect(broker.received).toEqual([]);
  });

  test('is spent once, however many race for it', async () => {
    broker = await forwarding([DELETE]);
    const token = await broker.token();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => broker.outcomeOf({ calls: [['delete', 'vol_1']] }, token)),
    );
    expect(outcomes.toSorted()).toEqual(['allowed', ...Array(7).fill('grant_exhausted')]);
    expect(broker.received).toHaveLength(1);
  });

  test('comes back when the provider says that it refused, with an entry', async () => {
    broker = await forwarding([DELETE]);
    broker.answerWith((outgoing) => outgoing.writeHead(409).end('no'));
    const token = await broker.token();
    const calls = [['delete', 'vol_1']] as const;
    expect(await broker.outcomeOf({ calls }, token)).toBe('allowed');
    expect(broker.entries.map(({ type }) => type)).toEqual(['decision', 'forward.refused']);
    const grants = [...broker.state.grants.keys()];
    expect(broker.entries[1]?.body).toMatchObject({ uses_returned: grants });
    broker.answerWith((outgoing) => outgoing.end());
    expect(await broker.outcomeOf({ calls }, token)).toBe('allowed');
    expect(await broker.outcomeOf({ calls }, token)).toBe('grant_exhausted');
  });

  test('does not come back from a request of which a part may be done', async () => {
    broker = await forwarding([DELETE, RESIZE]);
    broker.answerWith((outgoing) => outgoing.writeHead(409).end('no'));
    const token = await broker.token();
    const calls = [
      ['delete', 'vol_1'],
      ['resize', 'vol_1'],
    ] as const;
    expect(await broker.outcomeOf({ calls }, token)).toBe('allowed');
    expect(broker.entries.map(({ type }) => type)).toEqual(['decision']);
    expect(await broker.outcomeOf({ calls: [['delete', 'vol_1']] }, token)).toBe('grant_exhausted');
  });

  test('does not come back when nobody knows what was done', async () => {
    broker = await forwarding([DELETE]);
    broker.answerWith((outgoing) => outgoing.destroy());
    const token = await broker.token();
    expect(await broker.outcomeOf({ calls: [['delete', 'vol_1']] }, token)).toBe(
      'provider_unavailable',
    );
    expect(await broker.outcomeOf({ calls: [['delete', 'vol_1']] }, token)).toBe('grant_exhausted');
  });
});

describe('what nobody answered', () => {
  test.each<[string, boolean, readonly (readonly [string, string])[]]>([
    ['may be done where it changes something', true, [['resize', 'vol_1']]],
    ['may be asked again where it is a read', false, [['read', 'vol_1']]],
  ])('%s', async (_, mayBeDone, calls) => {
    broker = await forwarding([RESIZE]);
    broker.answerWith((outgoing) => outgoing.destroy());
    const decided = await broker.ask(await broker.token(), { calls });
    const denial = { code: 'provider_unavailable', mayBeDone };
    expect(decided).toMatchObject({ allowed: false, denial });
  });

  test('was not done where nothing of it was sent', async () => {
    broker = await forwarding([RESIZE]);
    const { upstream } = broker.deps;
    broker.withDeps({
      upstream: {
        ...upstream,
        send: (request, credential, limits) =>
          upstream.send(request, credential, { ...limits, startBefore: 0 }),
      },
    });
    const decided = await broker.ask(await broker.token(), { calls: [['resize', 'vol_1']] });
    const denial = { code: 'provider_unavailable', mayBeDone: false };
    expect(decided).toMatchObject({ allowed: false, denial });
  });
});

describe('Law 4', () => {
  test('what was decided on authority that moved is decided again, and asked about once', async () => {
    broker = await forwarding([RESIZE]);
    let moved = false;
    broker.onCommit(() => {
      if (!moved) broker.moved();
      moved = true;
    });
    expect(await broker.outcomeOf({ calls: [['resize', 'vol_1']] })).toBe('allowed');
    expect(broker.asked).toHaveLength(1);
    expect(broker.held).toHaveLength(1);
  });

  test('a grant revoked between look and commit sends nothing', async () => {
    broker = await forwarding([RESIZE]);
    const token = await broker.token();
    let moved = false;
    broker.onCommit(() => {
      if (moved) return;
      moved = true;
      broker.revoked();
    });
    expect(await broker.outcomeOf({}, token)).toBe('not_granted');
    expect(broker.received).toEqual([]);
  });

  test('an answer under way is cut when its authority ends, and is no whole answer', async () => {
    broker = await forwarding([RESIZE]);
    broker.answerWith((outgoing) => outgoing.write('beginning'));
    const decided = await broker.ask(await broker.token());
    if (!decided.allowed || decided.value.body instanceof Uint8Array) throw new Error('streamed');
    const iterator = decided.value.body[Symbol.asyncIterator]();
    expect(Buffer.from((await iterator.next()).value ?? []).toString()).toBe('beginning');
    const rest = iterator.next();
    broker.revoked();
    await expect(rest).rejects.toThrow();
  });

  test('a request whose answer has not begun is cut when its authority ends', async () => {
    broker = await forwarding([RESIZE]);
    const arrived = Promise.withResolvers<void>();
    broker.answerWith(() => arrived.resolve());
    const token = await broker.token();
    const outcome = broker.outcomeOf({}, token);
    await arrived.promise;
    broker.revoked();
    expect(await outcome).toBe('provider_unavailable');
  });

  test('a request that finds no connection within its two seconds is not sent', async () => {
    broker = await forwarding([RESIZE]);
    const { upstream } = broker.deps;
    const started: (number | undefined)[] = [];
    broker.withDeps({
      upstream: {
        ...upstream,
        send: (request, credential, limits) => {
          started.push(limits.startBefore);
          // As if every connection had been taken until now.
          return upstream.send(request, credential, { ...limits, startBefore: 0 });
        },
      },
    });
    const before = performance.now();
    expect(await broker.outcomeOf()).toBe('provider_unavailable');
    expect(started[0]).toBeGreaterThan(before);
    expect(broker.received).toEqual([]);
  });

  test('an answer under way goes on when what changed is somebody else’s', async () => {
    broker = await forwarding([RESIZE]);
    let finish: () => void = () => undefined;
    broker.answerWith((outgoing) => {
      outgoing.write('beginning');
      finish = () => outgoing.end(' and end');
    });
    const decided = await broker.ask(await broker.token());
    if (!decided.allowed) throw new Error('allowed');
    const reading = textOf(decided.value);
    addGrant(broker.state, { operations: ['read'], volumes: ['vol_2'] });
    broker.moved();
    finish();
    expect(await reading).toBe('beginning and end');
  });
});

describe('an answer', () => {
  const long = 'a'.repeat(65_537);

  test.each([
    ['that declares few bytes is handed on whole', 'short', true],
    ['that declares 65,536 bytes is handed on whole', long.slice(1), true],
    ['that declares 65,537 bytes is streamed', long, false],
  ])('%s', async (_, text, isWhole) => {
    broker = await forwarding([RESIZE]);
    broker.answerWith((outgoing) => outgoing.end(text));
    const decided = await broker.ask(await broker.token());
    if (!decided.allowed) throw new Error(decided.denial.code);
    expect(decided.value.body instanceof Uint8Array).toBe(isWhole);
    expect(await textOf(decided.value)).toBe(text);
  });

  test('that declares no length is streamed', async () => {
    broker = await forwarding([RESIZE]);
    broker.answerWith((outgoing) => {
      outgoing.write('sh');
      outgoing.end('ort');
    });
    const decided = await broker.ask(await broker.token());
    if (!decided.allowed) throw new Error(decided.denial.code);
    expect(decided.value.body instanceof Uint8Array).toBe(false);
    expect(await textOf(decided.value)).toBe('short');
  });

  test.each<[string, string | undefined]>([
    ['whole', '20'],
    ['as it comes', undefined],
  ])(
    'that goes on %s ends with its authority, though the provider ends it well',
    async (_, length) => {
      broker = await forwarding([RESIZE]);
      let end: (() => void) | undefined;
      const body = {
        async *[Symbol.asyncIterator]() {
          yield Buffer.from('begun');
          await new Promise<void>((resolve) => {
            end = resolve;
            broker.revoked();
          });
        },
        destroy: () => end?.(),
      };
      broker.withDeps({
        upstream: {
          ...broker.deps.upstream,
          send: async (_request, _credential, { signal }) => {
            signal.addEventListener('abort', () => end?.());
            const known = length === undefined ? null : Number(length);
            return { status: 200, headers: new Map(), length: known, body };
          },
        },
      });
      const decided = await broker.ask(await broker.token());
      if (!decided.allowed) throw new Error(decided.denial.code);
      await expect(textOf(decided.value)).rejects.toThrow('authority has ended');
    },
  );

  test('that breaks off keeps the status that the provider gave', async () => {
    broker = await forwarding([DELETE]);
    broker.answerWith((outgoing) => {
      outgoing.writeHead(409, { 'content-length': '10' }).write('begun');
    });
    const { upstream } = broker.deps;
    const sent = Promise.withResolvers<{ destroy(): void }>();
    broker.withDeps({
      upstream: {
        ...upstream,
        send: async (...given) => {
          const answer = await upstream.send(...given);
          sent.resolve(answer.body);
          return answer;
        },
      },
    });
    const asked = broker.ask(await broker.token(), { calls: [['delete', 'vol_1']] });
    (await sent.promise).destroy();
    const decided = await asked;
    if (!decided.allowed) throw new Error(decided.denial.code);
    expect(decided.value.status).toBe(409);
    await expect(textOf(decided.value)).rejects.toThrow();
    expect(broker.entries.map(({ type }) => type)).toEqual(['decision', 'forward.refused']);
  });

  test('that is whole holds up nobody else, though nobody has read it', async () => {
    broker = await forwarding([RESIZE]);
    const shown = await broker.token();
    const ask = { calls: [['resize', 'vol_1']] } as const;
    const unread = await Promise.all(Array.from({ length: 9 }, () => broker.ask(shown, ask)));
    expect(unread.map(({ allowed }) => allowed)).toEqual(Array(9).fill(true));
    expect(broker.held.every(({ released }) => released)).toBe(true);
  });

  test.each<[string, string]>([
    ['whole', 'short'],
    ['as it comes', long],
  ])('that went on %s is watched over no longer', async (_, text) => {
    broker = await forwarding([RESIZE]);
    const { changes } = broker.deps;
    const watching: AbortSignal[] = [];
    broker.withDeps({
      changes: {
        ...changes,
        async next(patience, signal) {
          if (signal !== undefined) watching.push(signal);
          return await changes.next(patience, signal);
        },
      },
    });
    broker.answerWith((outgoing) => outgoing.end(text));
    expect(await broker.outcomeOf()).toBe('allowed');
    expect(watching.length).toBeGreaterThan(0);
    expect(watching.every(({ aborted }) => aborted)).toBe(true);
  });

  test('counts among those of its agent until somebody has taken it', async () => {
    broker = await forwarding([RESIZE]);
    broker.withDeps({ shares: createShares({ atOnce: 1, patience: 1 }) });
    const shown = await broker.token();
    const first = await broker.ask(shown);
    if (!first.allowed) throw new Error(first.denial.code);
    expect(first.value.body).toBeInstanceOf(Uint8Array);
    expect(await broker.outcomeOf({}, shown)).toBe('rate_limited');
    first.value.close();
    expect(await broker.outcomeOf({}, shown)).toBe('allowed');
  });

  test('is not kept back by a hold that is slow to be let go', async () => {
    broker = await forwarding([RESIZE]);
    const { holds } = broker.deps;
    const never = new Promise<void>(() => undefined);
    broker.withDeps({
      holds: {
        ...holds,
        hold: async (...given) => ({ ...(await holds.hold(...given)), release: () => never }),
      },
    });
    expect(await broker.outcomeOf({ calls: [['resize', 'vol_1']] })).toBe('allowed');
  });
});

describe('what the provider says to the broker', () => {
  test('is shown only as far as the agent may see of the whole answer', async () => {
    broker = await forwarding([RESIZE]);
    concealing((answer) => Buffer.from(`${answer.length} bytes`));
    broker.answerWith((outgoing) => {
      outgoing.write('a secret ');
      outgoing.end('that was staged');
    });
    const decided = await broker.ask(await broker.token());
    if (!decided.allowed) throw new Error(decided.denial.code);
    expect(await textOf(decided.value)).toBe('24 bytes');
  });

  test.each<[string, string, (answer: Uint8Array) => Uint8Array]>([
    ['it is too long to be seen whole', 'a'.repeat(1_048_577), (answer) => answer],
    [
      'nobody can tell what of it may be seen',
      'a secret',
      () => {
        throw new ProviderError('unknown_outcome', 'It is no JSON.');
      },
    ],
    [
      'the telling fails',
      'a secret',
      () => {
        throw new RangeError('too deep');
      },
    ],
  ])('is not shown where %s', async (_, text, conceal) => {
    broker = await forwarding([RESIZE]);
    concealing(conceal);
    broker.answerWith((outgoing) => outgoing.end(text));
    const decided = await broker.ask(await broker.token());
    if (!decided.allowed) throw new Error(decided.denial.code);
    expect(decided.value.status).toBe(200);
    await expect(textOf(decided.value)).rejects.toThrow();
  });

  test.each([301, 302, 307, 308, 401, 407])(
    'is not said to the agent: status %d',
    async (status) => {
      broker = await forwarding([RESIZE]);
      broker.answerWith((outgoing) =>
        outgoing
          .writeHead(status, { location: 'http://127.0.0.1:1/', 'www-authenticate': 'Bearer' })
          .end(`${ROOT.reveal()}`),
      );
      const decided = await broker.ask(await broker.token());
      expect(decided).toMatchObject({ allowed: false, denial: { code: 'provider_refused' } });
      expect(JSON.stringify(decided)).not.toContain(ROOT.reveal());
      expect(broker.received).toHaveLength(1);
    },
  );

  test.each<[string, Readonly<Record<string, string>>]>([
    ['as it comes', {}],
    ['whole', { 'content-length': String(said().length) }],
  ])('is passed on %s, without cookies, challenges and places to go', async (_, more) => {
    broker = await forwarding([RESIZE]);
    broker.answerWith((outgoing) =>
      outgoing
        .writeHead(422, {
          'content-type': 'text/plain',
          'set-cookie': 'a=b',
          location: '/x',
          'x-powered-by': 'y',
          'retry-after': '3',
          etag: `"${ROOT.reveal()}"`,
          ...more,
        })
        .end(said()),
    );
    const decided = await broker.ask(await broker.token());
    if (!decided.allowed) throw new Error('allowed');
    expect(decided.value.status).toBe(422);
    expect(decided.value.body instanceof Uint8Array).toBe('content-length' in more);
    expect(decided.value.headers).toEqual({
      'content-type': 'text/plain',
      'retry-after': '3',
      etag: '"[redacted]"',
    });
    expect(await textOf(decided.value)).toBe('you said [redacted], and [redacted]');
  });
});

/** What says the credential, in two writings. */
function said(): string {
  return `you said ${ROOT.reveal()}, and ${encodeURIComponent(ROOT.reveal())}`;
}

/** From now on answers are shown as `conceal` leaves them. */
function concealing(conceal: (answer: Uint8Array) => Uint8Array): void {
  const gateway = broker.deps.providers.get('volumes')?.gateway;
  if (gateway === undefined) throw new Error('there is a gateway');
  const { classify } = gateway;
  gateway.classify = async (connection, request) => {
    const understood = await classify(connection, request);
    return {
      ...understood,
      resolve: async (ask) => ({ ...(await understood.resolve(ask)), conceal }),
    };
  };
}
