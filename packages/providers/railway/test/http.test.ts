/** The endpoint as HTTP: what it takes, what it refuses, its limits, and what can be made to go wrong. */
import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ENDPOINT_PATH,
  type Fault,
  type ServedSimulator,
  type SimulatorRequest,
  serveSimulator,
} from '../src/simulator/index.ts';
import { ask, bearer, openRental, type Railway } from './support/railway.ts';

const ME = JSON.stringify({ query: '{ me { id } }' });

function requestOf(railway: Railway, change: Partial<SimulatorRequest> = {}): SimulatorRequest {
  return {
    method: 'POST',
    path: ENDPOINT_PATH,
    headers: { 'content-type': 'application/json', ...bearer(railway.rental.tokens.account) },
    body: Buffer.from(ME),
    ...change,
  };
}

describe('a request', () => {
  const railway = openRental();
  const type = (value: string) => ({ headers: { 'content-type': value } });

  test.each<[string, Partial<SimulatorRequest>, number]>([
    ['by GET', { method: 'GET', path: `${ENDPOINT_PATH}?query={me{id}}` }, 405],
    ['by PUT', { method: 'PUT' }, 405],
    ['elsewhere', { path: '/graphql/internal' }, 404],
    ['as application/graphql', type('application/graphql'), 415],
    ['as a form', type('application/x-www-form-urlencoded'), 415],
    ['as multipart', type('multipart/form-data; boundary=x'), 415],
    ['in another charset', type('application/json; charset=utf-16'), 415],
    ['without a content type', { headers: {} }, 415],
    [
      'compressed',
      { headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } },
      415,
    ],
    ['that is no JSON', { body: Buffer.from('{') }, 400],
    ['that is no UTF-8', { body: Buffer.from([0x22, 0xff, 0x22]) }, 400],
    ['of several operations in an array', { body: Buffer.from(`[${ME}]`) }, 400],
    ['without a query', { body: Buffer.from('{"extensions":{"persistedQuery":{}}}') }, 400],
    [
      'whose variables are a list',
      { body: Buffer.from('{"query":"{me{id}}","variables":[]}') },
      400,
    ],
    ['with a syntax error', { body: Buffer.from('{"query":"{"}') }, 400],
    ['for an unknown field', { body: Buffer.from('{"query":"{nothing}"}') }, 400],
    [
      'for a subscription',
      { body: Buffer.from('{"query":"subscription{deployment(id:1){id}}"}') },
      400,
    ],
    [
      'of two operations that names none',
      { body: Buffer.from('{"query":"query a{me{id}} query b{me{id}}"}') },
      400,
    ],
    [
      'with a variable missing',
      { body: Buffer.from('{"query":"query($i:String!){project(id:$i){id}}"}') },
      400,
    ],
    ['beyond the limit', { body: Buffer.alloc(1_048_577, 0x20) }, 413],
  ])('%s is refused', async (_what, change, status) => {
    const answer = await railway.simulator.handle(requestOf(railway, change));
    if (answer === 'cut') throw new Error('cut');
    expect(answer.status).toBe(status);
    const [error] = JSON.parse(answer.body).errors;
    expect(error.message).toMatch(/./);
  });

  test('may name the operation it means among several', async () => {
    const query = 'query a { me { id } } query b { me { email } }';
    const body = Buffer.from(JSON.stringify({ query, operationName: 'b' }));
    const answer = await railway.simulator.handle(requestOf(railway, { body }));
    if (answer === 'cut') throw new Error('cut');
    expect(JSON.parse(answer.body)).toEqual({ data: { me: { email: 'jo@rental.example' } } });
  });

  test('for the schema is answered to anybody', async () => {
    const { data, errors } = await ask(railway, {}, '{ __schema { mutationType { name } } }');
    expect(errors).toEqual([]);
    expect(data).toEqual({ __schema: { mutationType: { name: 'Mutation' } } });
  });

  test('that is refused inside of GraphQL answers 200, a code, and a trace beside them', async () => {
    const answer = await railway.simulator.handle(
      requestOf(railway, { body: Buffer.from('{"query":"{deployment(id:\\"x\\"){id}}"}') }),
    );
    if (answer === 'cut') throw new Error('cut');
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({
      data: null,
      errors: [
        {
          message: 'Deployment not found',
          path: ['deployment'],
          locations: [{ line: 1, column: 2 }],
          extensions: { code: 'INTERNAL_SERVER_ERROR' },
          traceId: expect.stringMatching(/./),
        },
      ],
    });
  });
});

describe('a connection', () => {
  test('is walked page by page to the end, each node once', async () => {
    const railway = openRental({ defaultPageSize: 2 });
    const account = bearer(railway.rental.tokens.account);
    const query =
      'query($p: String!, $a: String) { project(id: $p) { services(after: $a) { edges { node { name } } pageInfo { hasNextPage endCursor } } } }';
    const names: string[] = [];
    let after: string | null = null;
    for (let pages = 1; ; pages += 1) {
      const { data } = await ask(railway, account, query, {
        p: railway.rental.projectId,
        a: after,
      });
      const { services } = JSON.parse(JSON.stringify(data?.['project']));
      names.push(...services.edges.map((edge: { node: { name: string } }) => edge.node.name));
      after = services.pageInfo.endCursor;
      if (!services.pageInfo.hasNextPage) {
        expect(pages).toBe(2);
        break;
      }
    }
    expect(names).toEqual(['api', 'web', 'worker', 'postgres']);
  });

  test.each(['first: -1', 'first: 501', 'after: "nothing"'])('with %s is refused', async (args) => {
    const railway = openRental();
    const query = `{ projects(${args}) { edges { cursor } } }`;
    const { errors } = await ask(railway, bearer(railway.rental.tokens.account), query);
    expect(errors.map(({ extensions }) => extensions?.code)).toEqual(['BAD_USER_INPUT']);
  });
});

describe('the rate', () => {
  test('is counted for each token, told in headers, and refused beyond', async () => {
    const railway = openRental({ rate: { perHour: 3, perSecond: 2 } });
    const { tokens } = railway.rental;
    const me = () => ask(railway, bearer(tokens.account), '{ me { id } }');
    const one = await me();
    expect(one.headers).toMatchObject({
      'ratelimit-policy': '"default";q=3;w=3600',
      'x-ratelimit-limit': '3',
      'x-ratelimit-remaining': '2',
      'x-ratelimit-reset': '2026-04-24T21:00:00.000Z',
    });
    await me();
    const tooFast = await me();
    expect([tooFast.status, tooFast.headers['retry-after']]).toEqual([429, '1']);
    const other = await ask(
      railway,
      bearer(tokens.workspace),
      '{ apiToken { workspaces { id } } }',
    );
    expect(other.status).toBe(200);
    railway.clock.advance(1000);
    expect((await me()).status).toBe(200);
    railway.clock.advance(1000);
    const tooMany = await me();
    expect([tooMany.status, tooMany.headers['retry-after']]).toEqual([429, '3598']);
    railway.clock.advance(3_598_000);
    expect((await me()).status).toBe(200);
  });

  test('refuses before anything takes effect', async () => {
    const railway = openRental({ rate: { perHour: 0, perSecond: 0 } });
    const before = railway.simulator.world.state;
    const mutation = `mutation { volumeDelete(volumeId: "${railway.rental.volumes.bookings.id}") }`;
    const { status } = await ask(railway, bearer(railway.rental.tokens.account), mutation);
    expect(status).toBe(429);
    expect(railway.simulator.world.state).toBe(before);
  });
});

describe('a fault', () => {
  const FAULTS: readonly [Fault, boolean][] = [
    [{ kind: 'late', milliseconds: 5_000 }, true],
    [{ kind: 'status', status: 502, tookEffect: false }, false],
    [{ kind: 'status', status: 504, tookEffect: true }, true],
    [{ kind: 'cut', tookEffect: false }, false],
    [{ kind: 'cut', tookEffect: true }, true],
    [{ kind: 'malformed', tookEffect: true }, true],
    [{ kind: 'error', message: 'Problem processing request', partial: false }, false],
    [{ kind: 'error', message: 'Problem processing request', partial: true }, true],
    [{ kind: 'echo', where: 'error' }, true],
    [{ kind: 'echo', where: 'header' }, true],
    [{ kind: 'echo', where: 'extensions' }, true],
  ];

  test.each(FAULTS)(
    '%o meets one request, and takes effect first: %s',
    async (fault, tookEffect) => {
      const waits: number[] = [];
      const railway = openRental({
        wait: async (milliseconds) => {
          waits.push(milliseconds);
        },
      });
      const { simulator, rental } = railway;
      simulator.arm({ fault, field: 'volumeDelete' });
      expect((await ask(railway, bearer(rental.tokens.account), '{ me { id } }')).errors).toEqual(
        [],
      );
      const query = `mutation { volumeDelete(volumeId: "${rental.volumes.bookings.id}") }`;
      const answer = await simulator.handle(
        requestOf(railway, { body: Buffer.from(JSON.stringify({ query })) }),
      );
      expect(simulator.world.get('volume', rental.volumes.bookings.id) === undefined).toBe(
        tookEffect,
      );
      expect(waits).toEqual(fault.kind === 'late' ? [5_000] : []);
      expect(answer === 'cut').toBe(fault.kind === 'cut');
      if (answer !== 'cut') {
        const shown = JSON.stringify(answer).includes(rental.tokens.account.secret);
        expect(shown).toBe(fault.kind === 'echo');
        if (fault.kind === 'status') expect(answer.status).toBe(fault.status);
        if (fault.kind === 'malformed') expect(() => JSON.parse(answer.body)).toThrow();
      }
      expect((await ask(railway, bearer(rental.tokens.account), '{ me { id } }')).errors).toEqual(
        [],
      );
    },
  );
});

describe('on a port', () => {
  const railway = openRental();
  let served: ServedSimulator;
  beforeAll(async () => {
    served = await serveSimulator(railway.simulator);
  });
  afterAll(() => served.close());

  const post = (body: string | Uint8Array<ArrayBuffer>) =>
    fetch(served.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(railway.rental.tokens.account) },
      body,
    });

  test('it answers what it answers in the process', async () => {
    const response = await post(ME);
    expect(response.status).toBe(200);
    expect(response.headers.get('x-ratelimit-limit')).toMatch(/^\d+$/);
    expect(await response.json()).toEqual({ data: { me: { id: railway.rental.userId } } });
  });

  test('it cuts a connection', async () => {
    railway.simulator.arm({ fault: { kind: 'cut', tookEffect: false } });
    await expect(post(ME)).rejects.toThrow(/fetch failed/);
    expect((await post(ME)).status).toBe(200);
  });

  test('it refuses a body that is too large', async () => {
    const status = await post(Buffer.alloc(1_200_000, 0x20)).then(
      (response) => response.status,
      () => 413,
    );
    expect(status).toBe(413);
  });

  test('it opens no WebSocket', async () => {
    const first = await new Promise<string>((resolve, reject) => {
      const socket = createConnection(served.port, '127.0.0.1', () => {
        socket.write(
          `GET ${ENDPOINT_PATH} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: eA==\r\n\r\n`,
        );
      });
      socket.once('data', (bytes) => {
        resolve(bytes.toString().split('\r\n')[0] ?? '');
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(first).toBe('HTTP/1.1 405 Method Not Allowed');
  });
});
