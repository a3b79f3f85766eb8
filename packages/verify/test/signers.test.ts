/** Whose signatures count at one place of the ledger (Law 1): each reason not to count by itself. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { LedgerSoFar } from '../src/ledger-so-far.ts';
import { quorumThen, type Stops, stopOf, stopsOf } from '../src/signers.ts';
import {
  AGENT,
  ALICE,
  addHuman,
  BOB,
  CAROL,
  change,
  digest,
  EARLIER,
  freeze,
  id,
  ledgerByHand,
  NOBODY,
  STAGING,
  setRule,
} from './ledger-by-hand.ts';

const ERIN = id(5);

let ledger: LedgerSoFar;
beforeEach(() => {
  ledger = ledgerByHand();
  addHuman(ledger, ERIN, 'erin', ['approver']);
});

const signature = (human: string, name: string, entry = 5) => ({
  ...{ kid: digest(name), human, at: EARLIER, entry },
});
const two = [signature(ALICE, 'alice'), signature(BOB, 'bob')];

function count(signatures = two, stops: Stops = new Set(), environment = STAGING) {
  const { signers, missing } = quorumThen(ledger.state, stops, environment, { signatures });
  return { names: signers.map(({ human }) => human), missing };
}

describe('signatures', () => {
  test('of two approvers, one an admin, suffice', () => {
    expect(count()).toEqual({ names: ['alice', 'bob'], missing: null });
  });

  test('say who was enrolled on one word', () => {
    change(ledger.state.humans, BOB, { vouchedByOne: true });
    const { signers } = quorumThen(ledger.state, new Set(), STAGING, { signatures: two });
    expect(signers).toEqual([
      { human: 'alice', vouched_by_one: false },
      { human: 'bob', vouched_by_one: true },
    ]);
  });

  test('of one human are one, by whatever keys', () => {
    ledger.state.keys.set('second', {
      ...{ kid: 'second', human: ALICE, type: 'passphrase', addedAt: EARLIER, revokedAt: null },
      jwk: { kty: 'OKP', crv: 'Ed25519', x: '' },
    });
    const again = { ...signature(ALICE, 'alice'), kid: 'second' };
    expect(count([signature(ALICE, 'alice'), again]).missing).toBe('1 of 2 approvers');
  });

  test('of two approvers without an admin do not', () => {
    expect(count([signature(BOB, 'bob'), signature(ERIN, 'erin')]).missing).toBe(
      'no admin among them',
    );
  });

  test('of an admin who approves nothing count as an admin, and as no approver', () => {
    addHuman(ledger, ALICE, 'alice', ['admin']);
    expect(count()).toEqual({ names: ['bob'], missing: '1 of 2 approvers' });
    expect(count([...two, signature(ERIN, 'erin')])).toEqual({
      names: ['bob', 'erin'],
      missing: null,
    });
  });

  test.each<[string, () => void]>([
    [
      'a key that was revoked',
      () => change(ledger.state.keys, digest('bob'), { revokedAt: EARLIER }),
    ],
    ['a key that nobody has', () => ledger.state.keys.delete(digest('bob'))],
    ['a key of somebody else', () => change(ledger.state.keys, digest('bob'), { human: CAROL })],
    ['a human who was removed', () => change(ledger.state.humans, BOB, { removedAt: EARLIER })],
    ['a human whom nobody enrolled', () => ledger.state.humans.delete(BOB)],
    ['a human of another role', () => addHuman(ledger, BOB, 'bob', ['auditor'])],
    ['a human who lost the role since', () => change(ledger.state.humans, BOB, { roles: [] })],
    [
      'a human who had the role only after',
      () => change(ledger.state.humans, BOB, { since: { key: 0, 'role/approver': 6 } }),
    ],
    [
      'a human who had the role by that very entry',
      () => change(ledger.state.humans, BOB, { since: { key: 0, 'role/approver': 5 } }),
    ],
    [
      'a human of whom nobody knows since when',
      () => change(ledger.state.humans, BOB, { since: { key: 0 } }),
    ],
  ])('of %s do not count', (_, undo) => {
    undo();
    expect(count()).toEqual({ names: ['alice'], missing: '1 of 2 approvers' });
  });

  test.each<[string, () => void]>([
    ['lost', () => change(ledger.state.humans, ALICE, { roles: ['approver'] })],
    [
      'only after',
      () => change(ledger.state.humans, ALICE, { since: { 'role/approver': 0, 'role/admin': 5 } }),
    ],
  ])("of an admin whose role was %s are no admin's", (_, undo) => {
    undo();
    expect(count()).toEqual({ names: ['alice', 'bob'], missing: 'no admin among them' });
  });

  test.each([
    ['human', BOB],
    ['key', digest('bob')],
  ])('of a frozen %s do not count', (kind, of) => {
    expect(count(two, new Set([stopOf(kind, of)])).missing).toBe('1 of 2 approvers');
  });
});

describe("an environment's rule", () => {
  test('asks for more than two, and never for fewer', () => {
    setRule(ledger, STAGING, { quorum: 3 });
    expect(count().missing).toBe('2 of 3 approvers');
    expect(count([...two, signature(ERIN, 'erin')]).missing).toBeNull();
    setRule(ledger, STAGING, { quorum: 1 });
    expect(count([signature(ALICE, 'alice')]).missing).toBe('1 of 2 approvers');
  });

  test('is two where there is none', () => {
    expect(count(two, new Set(), NOBODY).missing).toBeNull();
    expect(count([signature(ALICE, 'alice')], new Set(), NOBODY).missing).toBe('1 of 2 approvers');
  });

  test('asks for an approver of each group, who was in it before', () => {
    setRule(ledger, STAGING, { groups: ['dba', 'ops'] });
    const since = { key: 0, 'role/approver': 0, 'role/admin': 0 };
    expect(count().missing).toBe('nobody of group dba');
    change(ledger.state.humans, BOB, {
      groups: ['dba', 'ops'],
      since: { ...since, 'group/dba': 0 },
    });
    expect(count().missing).toBe('nobody of group ops');
    change(ledger.state.humans, ALICE, { groups: ['ops'], since: { ...since, 'group/ops': 5 } });
    expect(count().missing).toBe('nobody of group ops');
    change(ledger.state.humans, ALICE, { groups: ['ops'], since: { ...since, 'group/ops': 4 } });
    expect(count().missing).toBeNull();
  });

  test('counts a group only of who approves', () => {
    setRule(ledger, STAGING, { groups: ['dba'] });
    change(ledger.state.humans, CAROL, {
      groups: ['dba'],
      since: { 'group/dba': 0, 'role/auditor': 0 },
    });
    expect(count([...two, signature(CAROL, 'carol')]).missing).toBe('nobody of group dba');
  });

  test('asks for keys that verify who uses them, of approvers', () => {
    setRule(ledger, STAGING, { user_verified: 1 });
    expect(count().missing).toBe('too few user-verified keys');
    change(ledger.state.keys, digest('carol'), { type: 'user-verified' });
    expect(count([...two, signature(CAROL, 'carol')]).missing).toBe('too few user-verified keys');
    change(ledger.state.keys, digest('bob'), { type: 'user-verified' });
    expect(count().missing).toBeNull();
    setRule(ledger, STAGING, { user_verified: 2 });
    expect(count().missing).toBe('too few user-verified keys');
  });
});

test('what stands still is what was frozen and not lifted', () => {
  freeze(ledger, 'agent', AGENT);
  freeze(ledger, 'human', BOB, EARLIER);
  freeze(ledger, 'everything', null);
  expect([...stopsOf(ledger.state)]).toEqual([`agent/${AGENT}`, 'everything']);
});
