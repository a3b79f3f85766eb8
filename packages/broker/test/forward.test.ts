/** The gateway's order: understood, covered, proven, decided, recorded, sent, and nothing of it skipped. */
import { afterEach, describe, expect, test } from 'vitest';
import { forward } from '../src/forward.ts';
import {
  type AskOptions,
  addGrant,
  type Forwarding,
  forwarding,
  type GrantWish,
  ROOT,
  textOf,
} from './support/forwarding.ts';

const RESIZE: GrantWish = { operations: ['read', 'resize'], volumes: ['vol_1', 'vol_2', 'about'] };
const DELETE: GrantWish = { operations: ['delete'], volumes: ['vol_1', 'vol_2', 'vol_live'] };

const LONG_AGO = '2026-11-20T12:00:00.000Z';

let broker: Forwarding;
afterEach(() => broker?.stop());

/** What became of it: `allowed`, or the code. */
async function outcomeOf(options: AskOptions = {}, token?: string): Promise<string> {
  const decided = await broker.ask(token ?? (await broker.token()), options);
  if (!decided.allowed) return decided.denial.code;
  await textOf(decided.value);
  return 'allowed';
}

describe('an allowed request', () => {
  test('is sent as it was judged, with the credential, after its entry', async () => {
    broker = await forwarding([RESIZE]);
    let entriesThen = -1;
    broker.answerWith((outgoing) => {
      entriesThen = broker.decisions().length;
      outgoing.setHeader('content-type', 'application/json').end('{"done":true}');
    });
    const decided = await broker.ask(await broker.token(), { calls: [['resize', 'vol_1']] });
    if (!decided.allowed) throw new Error(decided.denial.code);
    expect(await textOf(decided.value)).toBe('{"done":true}');
    expect(decided.value).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json' },
    });
    expect(entriesThen).toBe(1);
    expect(broker.received).toMatchObject([
      { method: 'POST', url: '/api', body: '[["resize","vol_1"]]' },
    ]);
    expect(broker.received[0]?.headers.authorization).toBe(`Bearer ${ROOT.reveal()}`);
    expect(broker.decisions()).toMatchObject([
      {
        verdict: 'allowed',
        stage: 'forward',
        connection: 'disks',
        environment: 'staging',
        provider_ids: ['env-staging'],
        uses: [],
        rights: [{ effect: 'write', operations: ['volumes:resize'], resources: ['volume/vol_1'] }],
      },
    ]);
  });

  test('takes nothing of the agent with it but what the provider judged', async () => {
    broker = await forwarding([RESIZE]);
    const headers = { cookie: 'session=1', 'x-evil': 'yes', accept: 'text/plain' };
    const token = await broker.token();
    expect(await outcomeOf({ headers }, token)).toBe('allowed');
    const sent = JSON.stringify(broker.received);
    expect(sent).not.toContain(token);
    expect(sent).not.toMatch(/cookie|x-evil|dpop/i);
  });

  test('of no environment goes with any the token is for', async () => {
    broker = await forwarding([RESIZE]);
    expect(await outcomeOf({ calls: [['read', 'about']] })).toBe('allowed');
    expect(broker.decisions()).toMatchObject([{ environment: 'staging', provider_ids: [] }]);
  });

  test('comes with its token in the header that the provider’s own clients use', async () => {
    broker = await forwarding([RESIZE]);
    const token = await broker.token({ bound: false });
    const change = { authorization: null };
    expect(await outcomeOf({ change, headers: { 'x-volume-token': token } }, token)).toBe(
      'allowed',
    );
    expect(JSON.stringify(broker.received)).not.toContain(token);
  });
});

describe('a request is refused, and nothing is sent', () => {
  test.each<[string, string, AskOptions]>([
    ['for a connection that is not there', 'unknown_connection', { connection: 'nowhere' }],
    ['that cannot be understood', 'unparseable_request', { change: { path: '/elsewhere' } }],
    ['for an operation nobody knows', 'unknown_operation', { calls: [['explode', 'vol_1']] }],
    ['that asks for nothing', 'unparseable_request', { calls: [] }],
    ['that is not granted', 'resource_not_granted', { calls: [['resize', 'vol_live']] }],
    ['that two humans must sign', 'needs_signature', { calls: [['delete', 'vol_1']] }],
    [
      'that hides a delete behind a read',
      'needs_signature',
      {
        calls: [
          ['read', 'vol_1'],
          ['delete', 'vol_1'],
        ],
      },
    ],
  ])('%s: %s', async (_, code, options) => {
    broker = await forwarding([RESIZE]);
    expect(await outcomeOf(options)).toBe(code);
    expect(broker.received).toEqual([]);
    expect(broker.asked).toEqual([]);
    expect(broker.decisions()).toMatchObject([{ verdict: 'denied', stage: 'forward', code }]);
  });

  test.each<[string, string, string]>([
    ['in another environment', 'vol_live', 'environment_mismatch'],
    ['in two environments', 'vol_both', 'environment_mismatch'],
    ['in an environment that is not mapped', 'vol_lost', 'environment_mismatch'],
    ['that the provider does not know', 'vol_gone', 'environment_mismatch'],
    ['that the provider says nothing of', 'silent', 'environment_unproven'],
  ])('on an object %s', async (_, volume, code) => {
    broker = await forwarding([{ operations: ['resize'], volumes: [volume] }]);
    expect(await outcomeOf({ calls: [['resize', volume]] })).toBe(code);
    expect(broker.received).toEqual([]);
  });

  test('with objects of two environments in one request', async () => {
    broker = await forwarding([
      { operations: ['read'], volumes: ['vol_1', 'vol_live'] },
      { operations: ['read'], volumes: ['vol_1', 'vol_live'], environment: 'production' },
    ]);
    const token = await broker.token({ environments: ['staging', 'production'] });
    const calls = [
      ['read', 'vol_1'],
      ['read', 'vol_live'],
    ] as const;
    expect(await outcomeOf({ calls }, token)).toBe('environment_mismatch');
    expect(await outcomeOf({ calls: [['read', 'vol_live']] }, token)).toBe('allowed');
  });

  test('that says what humans could be asked for, in the words of the agent alone', async () => {
    broker = await forwarding([RESIZE]);
    const decided = await broker.ask(await broker.token(), { calls: [['delete', 'vol_1']] });
    expect(decided).toMatchObject({
      allowed: false,
      denial: {
        request: [
          {
            connection: 'disks',
            environment: 'staging',
            operations: ['volumes:delete'],
            resources: ['volume/vol_1'],
          },
        ],
      },
    });
  });

  test('that its token does not name, though its agent has a grant for it', async () => {
    broker = await forwarding([RESIZE]);
    const narrow = await broker.token({ operations: ['volumes:read'] });
    expect(await outcomeOf({ calls: [['resize', 'vol_1']] }, narrow)).toBe('not_granted');
    const other = addGrant(broker.state, { operations: ['resize'], volumes: ['vol_live'] });
    const without = await broker.token({
      grants: [...broker.state.grants.keys()].filter((id) => id !== other),
    });
    expect(await outcomeOf({ calls: [['resize', 'vol_live']] }, without)).toBe('not_granted');
    const elsewhere = await broker.token({ environments: [] });
    expect(await outcomeOf({}, elsewhere)).toBe('not_granted');
  });

  test.each<[string, string, (broker: Forwarding) => void]>([
    [
      'everything is frozen',
      'frozen',
      ({ state }) => {
        const by = { author: 'bob', at: LONG_AGO, secondedBy: null, liftedAt: null, reason: 'no' };
        state.freezes.set('f', { id: 'f', target: { kind: 'everything', id: null }, ...by });
        state.frozen.set('everything', ['f']);
      },
    ],
    [
      'its agent is disabled',
      'agent_disabled',
      ({ state }) => {
        for (const [id, agent] of state.agents) {
          state.agents.set(id, { ...agent, disabledAt: LONG_AGO });
        }
      },
    ],
  ])('when %s, before it is even read', async (_, code, stop) => {
    broker = await forwarding([RESIZE]);
    const token = await broker.token();
    stop(broker);
    broker.moved();
    expect(await outcomeOf({ body: 'not even JSON' }, token)).toBe(code);
    expect(broker.received).toEqual([]);
  });
});

describe('who asks', () => {
  test.each<[string, string, AskOptions]>([
    ['with a proof for another body', 'sender_mismatch', { proofBody: '[]' }],
    ['without a proof', 'sender_mismatch', { change: { proof: null } }],
    ['with a bound token as a bearer', 'sender_mismatch', { scheme: 'Bearer' }],
    ['without a token', 'unauthenticated', { change: { authorization: null } }],
    [
      'with no token of this broker',
      'invalid_token',
      { change: { authorization: { scheme: 'Bearer', token: 'a.b.c' } } },
    ],
    ['with a token twice', 'invalid_token', { headers: { 'x-volume-token': 'a.b.c' } }],
  ])('%s is refused before anything is decided', async (_, code, options) => {
    broker = await forwarding([RESIZE]);
    await expect(broker.ask(await broker.token(), options)).rejects.toMatchObject({ code });
    expect(broker.decisions()).toEqual([]);
    expect(broker.received).toEqual([]);
  });

  test('shows a proof once: of a request played again nothing is sent', async () => {
    broker = await forwarding([RESIZE]);
    const input = await broker.inputOf(await broker.token());
    const codes: string[] = [];
    for (let time = 0; time < 2; time += 1) {
      const decided = await forward(broker.deps, input);
      if (decided.allowed) await textOf(decided.value);
      codes.push(decided.allowed ? 'allowed' : decided.denial.code);
    }
    expect(codes).toEqual(['allowed', 'replayed']);
    expect(broker.received).toHaveLength(1);
  });

  test('asks no more often than its pace, and holds its turn until the answer has ended', async () => {
    broker = await forwarding([RESIZE]);
    broker.withDeps({ pace: broker.paceOf(2) });
    const token = await broker.token();
    const first = await broker.ask(token);
    if (!first.allowed) throw new Error('allowed');
    expect(await outcomeOf({}, token)).toBe('allowed');
    expect(await outcomeOf({}, token)).toBe('rate_limited');
    await textOf(first.value);
  });

  test('has the provider asked no more often than its budget', async () => {
    broker = await forwarding([RESIZE]);
    broker.withDeps({ resolving: broker.paceOf(1) });
    const token = await broker.token();
    expect(await outcomeOf({}, token)).toBe('allowed');
    expect(await outcomeOf({}, token)).toBe('rate_limited');
    expect(broker.asked).toHaveLength(1);
    // What is not granted costs nothing of it.
    expect(await outcomeOf({ calls: [['delete', 'vol_1']] }, token)).toBe('needs_signature');
  });
});

describe('what must hold still', () => {
  test.each<[string, GrantWish, string, string[], boolean[]]>([
    ['a read holds nothing', RESIZE, 'read', [], [false]],
    ['a write holds it with other writers', RESIZE, 'resize', ['shared'], [false]],
    [
      'what can delete holds it alone, and asks afresh',
      DELETE,
      'delete',
      ['exclusive'],
      [false, true],
    ],
  ])('%s', async (_, wish, operation, modes, fresh) => {
    broker = await forwarding([wish]);
    expect(await outcomeOf({ calls: [[operation, 'vol_1']] })).toBe('allowed');
    expect(broker.held.map(({ mode }) => mode)).toEqual(modes);
    expect(broker.held.every(({ released }) => released)).toBe(true);
    expect(broker.asked.map((asked) => asked.fresh)).toEqual(fresh);
    for (const { names } of broker.held) expect(names).toEqual(['volumes volumes.example vol_1']);
  });

  test('what moved before it was held is judged by where it is then', async () => {
    broker = await forwarding([DELETE]);
    const { holds } = broker.deps;
    broker.withDeps({
      holds: {
        async hold(names, mode) {
          broker.world.set('vol_1', ['env-production']);
          return await holds.hold(names, mode);
        },
      },
    });
    expect(await outcomeOf({ calls: [['delete', 'vol_1']] })).toBe('environment_mismatch');
    expect(broker.received).toEqual([]);
    expect(broker.held.map(({ released }) => released)).toEqual([true]);
  });

  test('is let go when the request is refused, and when deciding fails', async () => {
    broker = await forwarding([DELETE]);
    broker.withDeps({ uses: { used: () => Promise.reject(new Error('no database')) } });
    await expect(outcomeOf({ calls: [['delete', 'vol_1']] })).rejects.toThrow('no database');
    expect(broker.held.every(({ released }) => released)).toBe(true);
  });

  test('is not sent when it was lost before', async () => {
    broker = await forwarding([DELETE]);
    broker.withDeps({
      holds: { hold: async () => ({ lost: AbortSignal.abort(), release: async () => undefined }) },
    });
    await expect(outcomeOf({ calls: [['delete', 'vol_1']] })).rejects.toMatchObject({
      code: 'broker_unavailable',
    });
    expect(broker.received).toEqual([]);
  });
});

describe('a use', () => {
  test('is one call: two that share a grant for single uses are sent one by one', async () => {
    broker = await forwarding([DELETE]);
    const calls = [
      ['delete', 'vol_1'],
      ['delete', 'vol_2'],
    ] as const;
    expect(await outcomeOf({ calls })).toBe('ambiguous_request');
    const twice = [
      ['delete', 'vol_1'],
      ['delete', 'vol_1'],
    ] as const;
    expect(await outcomeOf({ calls: twice })).toBe('ambiguous_request');
    expect(broker.received).toEqual([]);
  });

  test('is spent once, however many race for it', async () => {
    broker = await forwarding([DELETE]);
    const token = await broker.token();
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => outcomeOf({ calls: [['delete', 'vol_1']] }, token)),
    );
    expect(outcomes.toSorted()).toEqual(['allowed', ...Array(7).fill('grant_exhausted')]);
    expect(broker.received).toHaveLength(1);
  });

  test('comes back when the provider says that it refused, with an entry', async () => {
    broker = await forwarding([DELETE]);
    broker.answerWith((outgoing) => outgoing.writeHead(409).end('no'));
    const token = await broker.token();
    const calls = [['delete', 'vol_1']] as const;
    expect(await outcomeOf({ calls }, token)).toBe('allowed');
    expect(broker.entries.map(({ type }) => type)).toEqual(['decision', 'forward.refused']);
    const grants = [...broker.state.grants.keys()];
    expect(broker.entries[1]?.body).toMatchObject({ uses_returned: grants });
    broker.answerWith((outgoing) => outgoing.end());
    expect(await outcomeOf({ calls }, token)).toBe('allowed');
    expect(await outcomeOf({ calls }, token)).toBe('grant_exhausted');
  });

  test('does not come back from a request of which a part may be done', async () => {
    broker = await forwarding([DELETE, RESIZE]);
    broker.answerWith((outgoing) => outgoing.writeHead(409).end('no'));
    const token = await broker.token();
    const calls = [
      ['delete', 'vol_1'],
      ['resize', 'vol_1'],
    ] as const;
    expect(await outcomeOf({ calls }, token)).toBe('allowed');
    expect(broker.entries.map(({ type }) => type)).toEqual(['decision']);
    expect(await outcomeOf({ calls: [['delete', 'vol_1']] }, token)).toBe('grant_exhausted');
  });

  test('does not come back when nobody knows what was done', async () => {
    broker = await forwarding([DELETE]);
    broker.answerWith((outgoing) => outgoing.destroy());
    const token = await broker.token();
    expect(await outcomeOf({ calls: [['delete', 'vol_1']] }, token)).toBe('provider_unavailable');
    expect(await outcomeOf({ calls: [['delete', 'vol_1']] }, token)).toBe('grant_exhausted');
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
    expect(await outcomeOf({ calls: [['resize', 'vol_1']] })).toBe('allowed');
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
      for (const [id, grant] of broker.state.grants) {
        broker.state.grants.set(id, { ...grant, revokedAt: LONG_AGO });
      }
      broker.moved();
    });
    expect(await outcomeOf({}, token)).toBe('not_granted');
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
    for (const [id, grant] of broker.state.grants) {
      broker.state.grants.set(id, { ...grant, revokedAt: LONG_AGO });
    }
    broker.moved();
    await expect(rest).rejects.toThrow();
  });

  test('a request whose answer has not begun is cut when its authority ends', async () => {
    broker = await forwarding([RESIZE]);
    const arrived = Promise.withResolvers<void>();
    broker.answerWith(() => arrived.resolve());
    const token = await broker.token();
    const outcome = outcomeOf({}, token);
    await arrived.promise;
    for (const [id, grant] of broker.state.grants) {
      broker.state.grants.set(id, { ...grant, revokedAt: LONG_AGO });
    }
    broker.moved();
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
    expect(await outcomeOf()).toBe('provider_unavailable');
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
