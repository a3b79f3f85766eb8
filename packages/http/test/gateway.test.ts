/** The gateway's door: what HTTP lets be read in two ways goes no further, and answers go back as they come. */
import { OutgoingMessage } from 'node:http';
import type { ForwardInput } from '@countersign/broker';
import { describe, expect, test } from 'vitest';
import { brokerApp, objectOf } from './broker-app.ts';
import { DECISION, deny, forwarded, ISSUER } from './fake-use-cases.ts';

const TARGET = '/gateway/railway/graphql/v2';

interface Wire {
  readonly method?: string;
  readonly target?: string;
  /** As they came, name and value in turn. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  readonly outgoing?: OutgoingMessage;
}

/** A request as Node's listener hands it on: Fetch's reading of it, and what it was beside it. */
async function send(app: ReturnType<typeof brokerApp>['app'], wire: Wire = {}): Promise<Response> {
  const { method = 'POST', target = TARGET, body } = wire;
  const headers = [...(wire.headers ?? []), ['Authorization', 'Bearer a.b.c']] as const;
  const request = new Request(new URL(target, 'http://attacker.example'), {
    method,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...(body === undefined ? {} : { body }),
  });
  const incoming = { url: target, rawHeaders: headers.flat() };
  return await app.fetch(request, { incoming, outgoing: wire.outgoing });
}

function spying() {
  const inputs: (ForwardInput & { readonly bytes: string })[] = [];
  const broker = brokerApp({
    async forward(input) {
      const bytes = Buffer.from(await input.readBody(16)).toString();
      inputs.push({ ...input, bytes });
      return { allowed: true, decision: DECISION, value: forwarded() };
    },
  });
  return { ...broker, inputs };
}

describe('what goes in', () => {
  test('is the request as it came: target undecoded, each header once, the token apart', async () => {
    const { app, inputs } = spying();
    const response = await send(app, {
      target: '/gateway/railway/a%2fb;c/?x=%00&y',
      headers: [
        ['Content-Type', 'application/json'],
        ['DPoP', 'd.e.f'],
        ['X-Forwarded-For', '10.0.0.1'],
        ['X-Forwarded-For', '10.0.0.2'],
      ],
      body: '{}',
    });
    expect(response.status).toBe(200);
    expect(inputs).toMatchObject([
      {
        connection: 'railway',
        method: 'POST',
        path: '/a%2fb;c/',
        query: 'x=%00&y',
        url: `${ISSUER}/gateway/railway/a%2fb;c/`,
        authorization: { scheme: 'Bearer', token: 'a.b.c' },
        proof: 'd.e.f',
        bytes: '{}',
      },
    ]);
    expect([...(inputs[0]?.headers ?? [])]).toEqual([['content-type', 'application/json']]);
  });

  test.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])('may be a %s', async (method) => {
    const { app, inputs } = spying();
    expect((await send(app, { method })).status).toBe(200);
    expect(inputs).toMatchObject([{ method, bytes: '' }]);
  });
});

describe('what does not', () => {
  test.each<[string, number, string, Wire]>([
    [
      'a header twice',
      400,
      'invalid_request',
      {
        headers: [
          ['accept', 'a'],
          ['Accept', 'b'],
        ],
      },
    ],
    ['a token twice', 400, 'invalid_request', { headers: [['authorization', 'Bearer d.e.f']] }],
    [
      'a proof twice',
      400,
      'invalid_request',
      {
        headers: [
          ['dpop', 'a.b.c'],
          ['dpop', 'd.e.f'],
        ],
      },
    ],
    [
      'another method behind its own',
      400,
      'invalid_request',
      { headers: [['X-HTTP-Method-Override', 'DELETE']] },
    ],
    [
      'the same by its other name',
      400,
      'invalid_request',
      { headers: [['x-method-override', 'DELETE']] },
    ],
    ['an upgrade', 400, 'invalid_request', { headers: [['Upgrade', 'websocket']] }],
    ['a web socket', 400, 'invalid_request', { headers: [['Sec-WebSocket-Key', 'x']] }],
    ['trailers', 400, 'invalid_request', { headers: [['Trailer', 'authorization']] }],
    ['a part of a body', 400, 'invalid_request', { headers: [['Content-Range', 'bytes 0-1/2']] }],
    [
      'framing that is not chunked',
      400,
      'invalid_request',
      { headers: [['Transfer-Encoding', 'gzip, chunked']] },
    ],
    [
      'a GET with a body',
      400,
      'invalid_request',
      { method: 'GET', headers: [['Content-Length', '2']] },
    ],
    ['a body in gzip', 415, 'unsupported_media_type', { headers: [['Content-Encoding', 'gzip']] }],
    ['a body over the limit', 413, 'too_large', { body: 'x'.repeat(17) }],
    ['a method of its own', 405, 'method_not_allowed', { method: 'PROPFIND' }],
    ['OPTIONS of a page', 405, 'method_not_allowed', { method: 'OPTIONS' }],
    ['no path behind the connection', 404, 'not_found', { target: '/gateway/railway' }],
    ['no connection', 404, 'not_found', { target: '/gateway//graphql/v2' }],
    ['a connection that is escaped', 404, 'not_found', { target: '/gateway/rail%77ay/graphql/v2' }],
    ['a target of another form', 404, 'not_found', { target: `http://attacker.example${TARGET}` }],
  ])('%s: %d %s', async (_, status, code, wire) => {
    const { app, inputs } = spying();
    const response = await send(app, wire);
    expect(response.status).toBe(status);
    expect(await objectOf(response)).toMatchObject({ code });
    expect(inputs).toEqual([]);
  });
});

describe('a whole answer', () => {
  const whole = () => {
    let closed = 0;
    const close = (): void => {
      closed += 1;
    };
    const body = new Uint8Array(Buffer.from('{"data":null}'));
    const { app } = brokerApp({
      forward: async () => ({
        ...{ allowed: true, decision: DECISION },
        value: forwarded({ body, close }),
      }),
    });
    return { app, closed: () => closed };
  };

  test('is its agent’s until it was taken', async () => {
    const { app, closed } = whole();
    const outgoing = new OutgoingMessage();
    const response = await send(app, { body: '{}', outgoing });
    expect(await response.text()).toBe('{"data":null}');
    expect(closed()).toBe(0);
    outgoing.emit('close');
    expect(closed()).toBe(1);
  });

  test.each<[string, () => OutgoingMessage | undefined]>([
    ['nobody is there to take it', () => new OutgoingMessage().destroy()],
    ['there is no listener', () => undefined],
  ])('is over at once where %s', async (_, outgoing) => {
    const { app, closed } = whole();
    const to = outgoing();
    await send(app, { body: '{}', ...(to === undefined ? {} : { outgoing: to }) });
    expect(closed()).toBe(1);
  });
});

describe('what comes back', () => {
  test('is the answer as it comes, never stored, with its decision', async () => {
    const { app, requests } = brokerApp();
    const response = await send(app, { body: '{}' });
    expect(await response.text()).toBe('{"data":null}');
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'application/json',
      'countersign-decision': DECISION,
      'x-content-type-options': 'nosniff',
    });
    expect(requests).toMatchObject([
      { route: '/gateway/{connection}/{path}', status: 200, decision: DECISION },
    ]);
  });

  test('is a problem where it was refused, that says what to ask for', async () => {
    const { app } = brokerApp({ forward: () => deny({ code: 'needs_signature' }) });
    const response = await send(app, { body: '{}' });
    expect(response.status).toBe(403);
    expect(await objectOf(response)).toMatchObject({
      code: 'needs_signature',
      decision: DECISION,
      halt: true,
    });
  });

  test.each([204, 304])(
    'is no body with a %d, and what stands behind it is ended',
    async (status) => {
      let closed = 0;
      const close = () => {
        closed += 1;
      };
      const value = forwarded({ status, headers: {}, close });
      const { app } = brokerApp({
        forward: async () => ({ allowed: true, decision: DECISION, value }),
      });
      const response = await send(app, { body: '{}' });
      expect([response.status, await response.text(), closed]).toEqual([status, '', 1]);
    },
  );

  test('is cut, and not ended, where it breaks off', async () => {
    const body = (async function* () {
      yield Buffer.from('half');
      throw new Error('r00t');
    })();
    const { app, errors } = brokerApp({
      forward: async () => ({ allowed: true, decision: DECISION, value: forwarded({ body }) }),
    });
    const response = await send(app, { body: '{}' });
    await expect(response.text()).rejects.toThrow('cut short');
    expect(JSON.stringify(errors)).not.toContain('r00t');
    expect(errors).toHaveLength(1);
  });

  test('is ended with the agent that reads it no more', async () => {
    let closed = 0;
    const close = () => {
      closed += 1;
    };
    const { app } = brokerApp({
      forward: async () => ({ allowed: true, decision: DECISION, value: forwarded({ close }) }),
    });
    const response = await send(app, { body: '{}' });
    await response.body?.cancel();
    expect(closed).toBe(1);
  });
});
