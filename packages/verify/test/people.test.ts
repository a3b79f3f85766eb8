/** Who came and asked, by what an entry says of it: each reason why they could not have, by itself. */
import { toInstant } from '@countersign/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { agentProblem, humanProblem, placeProblem } from '../src/callers.ts';
import type { LedgerSoFar } from '../src/ledger-so-far.ts';
import { judgeFiled, judgeRequestRejected, judgeSession } from '../src/people.ts';
import {
  AGENT,
  ALICE,
  BOB,
  CAROL,
  change,
  DAVE,
  digest,
  EARLIER,
  entryOf,
  freeze,
  HOUR,
  id,
  ledgerByHand,
  NOBODY,
  NOW,
  OTHER,
  PG,
  STAGING,
} from './ledger-by-hand.ts';

const REQUEST = id(21);

let ledger: LedgerSoFar;
beforeEach(() => {
  ledger = ledgerByHand();
});

describe('an agent', () => {
  test('that is registered may ask', () => {
    freeze(ledger, 'agent', OTHER);
    expect(agentProblem(ledger, AGENT)).toBeNull();
  });

  test.each<[string, () => void, string]>([
    [
      'nobody registered',
      () => ledger.state.agents.delete(AGENT),
      `nobody had registered agent ${AGENT}`,
    ],
    [
      'was disabled',
      () => change(ledger.state.agents, AGENT, { disabledAt: EARLIER }),
      'agent cursor was disabled before',
    ],
    ['was frozen', () => freeze(ledger, 'agent', AGENT), 'agent cursor was frozen'],
    [
      'stands still with everything',
      () => freeze(ledger, 'everything', null),
      'everything was frozen',
    ],
  ])('that %s may not', (_, before, says) => {
    before();
    expect(agentProblem(ledger, AGENT)).toBe(says);
  });
});

describe('a human', () => {
  test('with one of the roles may ask, whoever else is frozen', () => {
    freeze(ledger, 'human', BOB);
    expect(humanProblem(ledger, ALICE, ['auditor', 'approver'])).toBeNull();
  });

  test.each<[string, () => void, string]>([
    [
      'nobody enrolled',
      () => ledger.state.humans.delete(ALICE),
      `nobody had enrolled human ${ALICE}`,
    ],
    [
      'was removed',
      () => change(ledger.state.humans, ALICE, { removedAt: EARLIER }),
      'alice was removed before',
    ],
    ['was frozen', () => freeze(ledger, 'human', ALICE), 'alice was frozen'],
    [
      'has neither role',
      () => change(ledger.state.humans, ALICE, { roles: ['auditor'] }),
      'alice was not admin or approver',
    ],
  ])('who %s may not', (_, before, says) => {
    before();
    expect(humanProblem(ledger, ALICE, ['admin', 'approver'])).toBe(says);
  });
});

describe('a place', () => {
  const problem = () => {
    const place = ledger.grants.placeOf('pg', 'staging');
    return typeof place === 'string' ? place : placeProblem(ledger, place);
  };
  const remap = (provider: string, mapping: Record<string, string[]>) => {
    const body = ledger.state.connections.get(PG)?.body;
    if (body !== undefined)
      change(ledger.state.connections, PG, { body: { ...body, provider, mapping } });
  };

  test('of PostgreSQL is proven by its endpoint, and nothing of it is left open', () => {
    expect(problem()).toBeNull();
    expect(ledger.unjudged).toEqual([]);
  });

  test('of any other provider is left to it', () => {
    remap('railway', { [STAGING]: ['env-1'] });
    expect(problem()).toBeNull();
    expect(ledger.unjudged).toEqual([{ what: 'environment, proven by railway', decisions: 1 }]);
  });

  test.each<[string, () => void, string]>([
    [
      'whose endpoint is mapped elsewhere',
      () => remap('postgres', { [STAGING]: ['db.example.com/x'] }),
      'connection pg mapped nothing of it into staging',
    ],
    ['that is not mapped', () => remap('postgres', {}), 'mapped nothing of it'],
    ['of another provider that is not mapped', () => remap('railway', {}), 'mapped nothing of it'],
    [
      'where everything stands still',
      () => freeze(ledger, 'everything', null),
      'everything was frozen',
    ],
    [
      'whose environment is frozen',
      () => freeze(ledger, 'environment', STAGING),
      'environment staging was frozen',
    ],
    [
      'whose connection is frozen',
      () => freeze(ledger, 'connection', PG),
      'connection pg was frozen',
    ],
  ])('%s is none to use', (_, before, says) => {
    before();
    expect(problem()).toContain(says);
  });
});

describe('a session', () => {
  const opened = (says: object = {}, ms = HOUR) =>
    judgeSession(
      ledger,
      {
        ...{ human: ALICE, kid: digest('alice'), ...says },
        session: { expires_at: toInstant(NOW + ms) },
      },
      entryOf(30),
    );

  test('is opened by a key that may sign, for eight hours at most', () => {
    expect(opened({}, 8 * HOUR)).toBeNull();
    expect(opened({}, 8 * HOUR + 1)).toBe('its session is longer than eight hours');
  });

  test('is opened by who is frozen, to read and to veto', () => {
    freeze(ledger, 'human', ALICE);
    expect(opened()).toBeNull();
  });

  test.each<[string, () => void, object]>([
    ['of nobody', () => undefined, { kid: digest('nobody') }],
    ['of another human', () => undefined, { kid: digest('bob') }],
    [
      'that was revoked',
      () => change(ledger.state.keys, digest('alice'), { revokedAt: EARLIER }),
      {},
    ],
    [
      'of a human removed before',
      () => change(ledger.state.humans, ALICE, { removedAt: EARLIER }),
      {},
    ],
    ['of a human whom nobody enrolled', () => ledger.state.humans.delete(ALICE), {}],
  ])('is not opened by a key %s', (_, before, says) => {
    before();
    expect(opened(says)).toBe('it was opened with no key of theirs that may sign');
  });
});

describe('an access request', () => {
  const request = { request: REQUEST, agent: AGENT, sender: digest('key') };
  const reject = (says: object = {}) =>
    judgeRequestRejected(ledger, { request: REQUEST, agent: AGENT, human: BOB, ...says });

  test('is filed once, by its agent, with its key', () => {
    expect(judgeFiled(ledger, request)).toBeNull();
    expect(ledger.requests.get(REQUEST)).toEqual({ agent: AGENT, sender: digest('key') });
    expect(judgeFiled(ledger, { ...request, agent: OTHER })).toBe(
      `access request ${REQUEST} was filed before`,
    );
    expect(ledger.requests.get(REQUEST)?.agent).toBe(AGENT);
  });

  test('is filed by no agent that may not ask', () => {
    expect(judgeFiled(ledger, { ...request, agent: NOBODY })).toContain('nobody had registered');
    expect(ledger.requests.size).toBe(0);
  });

  test.each([ALICE, BOB])('is rejected by an admin or an approver: %s', (human) => {
    judgeFiled(ledger, request);
    expect(reject({ human })).toBeNull();
  });

  test.each<[string, object, string]>([
    ['that nobody filed', { request: NOBODY }, 'its agent had filed no such request'],
    ['of another agent', { agent: OTHER }, 'its agent had filed no such request'],
    ['by who only reads', { human: CAROL }, 'carol was not admin or approver'],
    ['by who has no role', { human: DAVE }, 'dave was not admin or approver'],
  ])('is not rejected %s', (_, says, reason) => {
    judgeFiled(ledger, request);
    expect(reject(says)).toBe(reason);
  });
});

describe('a use of a forwarded request', () => {
  const forwarded = (at: number) => ({ agent: AGENT, uses: [id(22)], at });

  test('may come back within the hour', () => {
    ledger.addForwarded(id(31), forwarded(NOW));
    ledger.addForwarded(id(32), forwarded(NOW + HOUR));
    expect(ledger.takeForwarded(id(31))).toEqual(forwarded(NOW));
    expect(ledger.takeForwarded(id(31))).toBeUndefined();
  });

  test('comes back no more once others were forwarded after it', () => {
    ledger.addForwarded(id(31), forwarded(NOW));
    ledger.addForwarded(id(32), forwarded(NOW + HOUR + 1));
    expect(ledger.takeForwarded(id(31))).toBeUndefined();
    expect(ledger.takeForwarded(id(32))).toBeDefined();
  });
});
