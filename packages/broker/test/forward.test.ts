/** The gateway's order: who asks, what is understood, covered, decided and recorded, and nothing of it skipped. */
import { afterEach, describe, expect, test } from 'vitest';
import { forward } from '../src/forward.ts';
import { type AskOptions, type Forwarding, forwarding, textOf } from './support/forwarding.ts';
import { addGrant, LONG_AGO, RESIZE, ROOT } from './support/granted.ts';

let broker: Forwarding;
afterEach(() => broker?.stop());

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
    expect(await broker.outcomeOf({ headers }, token)).toBe('allowed');
    const sent = JSON.stringify(broker.received);
    expect(sent).not.toContain(token);
    expect(sent).not.toMatch(/cookie|x-evil|dpop/i);
  });

  test('of no environment goes with any the token is for', async () => {
    broker = await forwarding([RESIZE]);
    expect(await broker.outcomeOf({ calls: [['read', 'about']] })).toBe('allowed');
    expect(broker.decisions()).toMatchObject([{ environment: 'staging', provider_ids: [] }]);
  });

  test('comes with its token in the header that the provider’s own clients use', async () => {
    broker = await forwarding([RESIZE]);
    const token = await broker.token({ bound: false });
    const change = { authorization: null };
    expect(await broker.outcomeOf({ change, headers: { 'x-volume-token': token } }, token)).toBe(
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
    expect(await broker.outcomeOf(options)).toBe(code);
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
    expect(await broker.outcomeOf({ calls: [['resize', volume]] })).toBe(code);
    expect(broker.received).toEqual([]);
  });

  test('is held to what its token says of the environment that was proven, and of no other', async () => {
    const ops = { operations: ['resize'], volumes: ['vol_live'] };
    broker = await forwarding([ops, { ...ops, environment: 'production' }]);
    const only = (environment: string) =>
      broker.token({
        environments: ['staging', 'production'],
        operationsIn: { [environment]: ['volumes:resize'] },
      });
    const calls = [['resize', 'vol_live']] as const;
    expect(await broker.outcomeOf({ calls }, await only('staging'))).toBe('not_granted');
    expect(await broker.outcomeOf({ calls }, await only('production'))).toBe('allowed');
    expect(broker.received).toHaveLength(1);
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
    expect(await broker.outcomeOf({ calls }, token)).toBe('environment_mismatch');
    expect(await broker.outcomeOf({ calls: [['read', 'vol_live']] }, token)).toBe('allowed');
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
    expect(await broker.outcomeOf({ calls: [['resize', 'vol_1']] }, narrow)).toBe('not_granted');
    const other = addGrant(broker.state, { operations: ['resize'], volumes: ['vol_live'] });
    const without = await broker.token({
      grants: [...broker.state.grants.keys()].filter((id) => id !== other),
    });
    expect(await broker.outcomeOf({ calls: [['resize', 'vol_live']] }, without)).toBe(
      'not_granted',
    );
    const elsewhere = await broker.token({ environments: [] });
    expect(await broker.outcomeOf({}, elsewhere)).toBe('not_granted');
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
    expect(await broker.outcomeOf({ body: 'not even JSON' }, token)).toBe(code);
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
    expect(await broker.outcomeOf({}, token)).toBe('allowed');
    expect(await broker.outcomeOf({}, token)).toBe('rate_limited');
    await textOf(first.value);
  });

  test('has the provider asked no more often than its budget', async () => {
    broker = await forwarding([RESIZE]);
    broker.withDeps({ resolving: broker.paceOf(1) });
    const token = await broker.token();
    expect(await broker.outcomeOf({}, token)).toBe('allowed');
    expect(await broker.outcomeOf({}, token)).toBe('rate_limited');
    expect(broker.asked).toHaveLength(1);
    // What is not granted costs nothing of it.
    expect(await broker.outcomeOf({ calls: [['delete', 'vol_1']] }, token)).toBe('needs_signature');
  });
});
