/** From the commit to the end of the answer: uses, the authority it was sent on, and what of it an agent sees. */
import { afterEach, describe, expect, test } from 'vitest';
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
    if (!decided.allowed) throw new Error('allowed');
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

describe('what the provider says to the broker', () => {
  test('is shown only as far as the agent may see of the whole answer', async () => {
    broker = await forwarding([RESIZE]);
    const gateway = broker.deps.providers.get('volumes')?.gateway;
    if (gateway === undefined) throw new Error('there is a gateway');
    const { classify } = gateway;
    gateway.classify = async (connection, request) => {
      const understood = await classify(connection, request);
      const conceal = (answer: Uint8Array): Uint8Array => Buffer.from(`${answer.length} bytes`);
      return {
        ...understood,
        resolve: async (ask) => ({ ...(await understood.resolve(ask)), conceal }),
      };
    };
    broker.answerWith((outgoing) => {
      outgoing.write('a secret ');
      outgoing.end('that was staged');
    });
    const decided = await broker.ask(await broker.token());
    if (!decided.allowed) throw new Error(decided.denial.code);
    expect(await textOf(decided.value)).toBe('24 bytes');
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

  test('is passed on where it is for the agent, without cookies, challenges and places to go', async () => {
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
        })
        .end(`you said ${ROOT.reveal()}, and ${encodeURIComponent(ROOT.reveal())}`),
    );
    const decided = await broker.ask(await broker.token());
    if (!decided.allowed) throw new Error('allowed');
    expect(decided.value.status).toBe(422);
    expect(decided.value.headers).toEqual({
      'content-type': 'text/plain',
      'retry-after': '3',
      etag: '"[redacted]"',
    });
    expect(await textOf(decided.value)).toBe('you said [redacted], and [redacted]');
  });
});
