import type { HumanReport } from '@countersign/contract';
import { describe, expect, test } from 'vitest';
import { brokerApp, requestTo } from './broker-app.ts';
import { DIGEST, ID } from './fake-use-cases.ts';

const AT = '2026-11-20T12:00:00.000Z';
const human: HumanReport = {
  kind: 'human',
  id: ID,
  name: 'alice',
  state: 'enrolled',
  enrolled_at: AT,
  removed_at: null,
  vouched_by_one: false,
  roles: ['admin', 'approver'],
  groups: [],
  keys: [{ kid: DIGEST, type: 'passphrase', added_at: AT, revoked_at: null, frozen: false }],
  signed: [],
  proposed: 0,
  vetoed: 0,
  last_signed_at: null,
  sessions: 0,
  signed_in_by: null,
};

async function* humans(count: number) {
  for (let i = 0; i < count; i += 1) yield human;
}

describe('the report of identities', () => {
  test('asks for what the query says', async () => {
    const { app, calls } = brokerApp();
    const query = `?since=${AT}&agent=cursor&limit=7`;
    const response = await app.fetch(requestTo('identities', { query }));
    expect(response.status).toBe(200);
    expect(calls.at(-1)).toMatchObject({
      name: 'identities',
      args: [{ since: Date.parse(AT), agent: 'cursor', human: null, limit: 7, after: null }],
    });
  });

  test('as CSV is every identity, a row each, as a download', async () => {
    const { app } = brokerApp({ everyIdentity: () => humans(5_000) });
    const response = await app.fetch(requestTo('identities', { query: '?format=csv' }));
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(response.headers.get('content-disposition')).toBe(
      'attachment; filename="countersign-identities.csv"',
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
    const [head, ...rows] = (await response.text()).split('\r\n');
    expect(head).toMatch(/^kind,name,id,/);
    expect(rows).toHaveLength(5_001);
  });

  test.each([
    ['?format=csv&limit=5'],
    ['?format=xlsx'],
    ['?since=yesterday'],
    ['?agent=NOT+A+NAME'],
  ])('%s is refused', async (query) => {
    const { app } = brokerApp();
    const response = await app.fetch(requestTo('identities', { query }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_request' });
  });
});
