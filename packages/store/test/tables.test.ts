import type { LeaseState, NewAccessRequest, NewLease } from '@countersign/broker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import { edit, intent, lease, newId, open } from './support/store.ts';

let server: Server;
let url: string;
let store: Store;
let other: Store;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.database();
  [store, other] = await Promise.all([open(url), open(url)]);
});
afterEach(() => Promise.all([store.close(), other.close()]));

describe('a lease', () => {
  async function begin(changes: Partial<NewLease> = {}): Promise<NewLease> {
    const begun = lease(changes);
    const [one] = await store.journal.commit([intent({ lease: begun })]);
    expect(one?.outcome).toBe('committed');
    return begun;
  }
  const move = async (id: string, from: readonly LeaseState[], to: LeaseState) => {
    const effects = [{ kind: 'lease-state', id, from, to }] as const;
    const [one] = await store.journal.commit([intent({ effects })]);
    return one?.outcome;
  };
  const due = (from: Store, changes = {}) =>
    from.leases.due({ now: Date.now(), pendingBefore: 0, limit: 100, ...changes });

  it('begins pending, in the commit of its decision, and reads as it was written', async () => {
    const begun = await begin();
    const found = await other.leases.find(begun.id);
    expect(found).toEqual({
      ...begun,
      state: 'pending',
      trouble: null,
      intact: true,
      createdAt: found?.createdAt,
    });
    const [entry] = await store.journal.page({
      after: null,
      limit: 1,
      descending: true,
      types: null,
      agent: null,
    });
    expect(new Date(found?.createdAt ?? 0).toISOString()).toBe(entry?.time);
    expect(await store.leases.find('no-id')).toBeNull();
  });

  it('is activated once, and not after it was claimed for revoking or revoked', async () => {
    const { id } = await begin();
    expect(await store.leases.activate(id)).toBe(true);
    expect(await store.leases.activate(id)).toBe(false);
    const claimed = await begin();
    expect(await other.leases.claim(claimed.id, Date.now())).toMatchObject({ id: claimed.id });
    expect(await store.leases.activate(claimed.id)).toBe(false);
  });

  it('is counted: live, late, in trouble, claimed ones too', async () => {
    const now = Date.now();
    const census = (pendingFor = 60_000) => other.leases.census({ now, pendingFor });
    const none = { pending: 0, active: 0, due: 0, troubled: 0, latest: 0 };
    expect(await census()).toEqual(none);
    const gone = await begin({ expiresAt: now - 9_000 });
    await move(gone.id, ['pending'], 'revoked');
    await begin({ expiresAt: now + 60_000 });
    const late = await begin({ expiresAt: now - 5_000 });
    await begin({ expiresAt: now - 3_000 });
    await store.leases.activate(late.id);
    await store.leases.claim(late.id, now);
    expect(await census()).toEqual({ pending: 2, active: 1, due: 2, troubled: 0, latest: 5_000 });
    await store.leases.postpone([late.id], 'unreachable', now + 5_000);
    expect(await census()).toMatchObject({ due: 2, troubled: 1 });
    // As reaping sees it, what was pending too long is late as of then.
    expect(await census(-10_000)).toMatchObject({ due: 3 });
  });

  it('moves only from a state it is in', async () => {
    const { id } = await begin();
    expect(await move(id, ['active'], 'revoked')).toBe('conflict');
    expect(await move(id, ['pending', 'active'], 'revoked')).toBe('committed');
    expect(await move(id, ['pending', 'active'], 'revoked')).toBe('conflict');
    expect((await store.journal.head()).size).toBe(2);
    expect(await store.leases.live(null)).toEqual([]);
  });

  it('is claimed by one replica at a time, until the claim lapses', async () => {
    const { id } = await begin();
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, at) => (at % 2 ? store : other).leases.claim(id, Date.now())),
    );
    expect(claims.filter((claim) => claim !== null)).toHaveLength(1);
    expect(await store.leases.claim(id, Date.now())).toBeNull();
    expect(await other.leases.claim(id, Date.now() + 91_000)).toMatchObject({ id });
  });

  it('is due when expired or pending too long, while nobody has claimed it', async () => {
    const [expired, waiting, live] = [
      await begin({ expiresAt: 1000 }),
      await begin(),
      await begin(),
    ];
    for (const { id } of [expired, live]) await store.leases.activate(id);
    const ids = (await due(store, { pendingBefore: Date.now() + 1000 })).map((one) => one.id);
    expect(ids.sort()).toEqual([expired.id, waiting.id].sort());
    await other.leases.claim(expired.id, Date.now());
    expect(await due(store)).toEqual([]);
  });

  it('is due when its revocation was begun and nobody is at it any more', async () => {
    const { id } = await begin();
    await store.leases.activate(id);
    expect(await due(store)).toEqual([]);
    await other.leases.claim(id, Date.now());
    expect(await due(store)).toEqual([]);
    expect(await due(store, { now: Date.now() + 91_000 })).toMatchObject([{ id }]);
  });

  it('is due however many of another connection are due before it', async () => {
    for (const expiresAt of [1000, 1001, 1002]) await begin({ expiresAt });
    const { id } = await begin({ connection: 'other', expiresAt: 2000 });
    const some = await due(store, { limit: 2 });
    expect(some).toHaveLength(3);
    expect(some.map((one) => one.id)).toContain(id);
  });

  it('that could not be revoked is tried again at its time, and says why', async () => {
    const { id } = await begin({ expiresAt: 1000 });
    await store.leases.claim(id, Date.now());
    const retryAt = Date.now() + 5000;
    await store.leases.postpone([id], 'unreachable', retryAt);
    expect(await due(other, { now: retryAt - 1 })).toEqual([]);
    expect(await due(other, { now: retryAt })).toMatchObject([{ id, trouble: 'unreachable' }]);
    expect(await other.leases.claim(id, retryAt - 1)).toBeNull();
    expect(await other.leases.claim(id, retryAt)).toMatchObject({ id });
    expect(await move(id, ['pending'], 'revoked')).toBe('committed');
    expect((await store.leases.find(id))?.trouble).toBeNull();
    expect(await store.leases.claim(id, retryAt + 100_000)).toBeNull();
  });

  it.each([
    ['its end', "expires_at = now() + interval '1 year'"],
    ['its beginning', "created_at = created_at - interval '1 day'"],
    ['its grants', "grants = '{}'"],
    ['its agent', 'agent = gen_random_uuid()'],
    ['its connection', "connection = 'elsewhere'"],
    ['its rights', "rights = '[]'"],
  ])('edited by hand (%s) is known for it', async (_, change) => {
    const { id } = await begin();
    expect(await store.leases.find(id)).toMatchObject({ intact: true });
    await edit(server.asSuperuser(url), `update countersign.leases set ${change}`);
    expect(await store.leases.find(id)).toMatchObject({ intact: false });
    expect(await store.leases.live(null)).toMatchObject([{ id, intact: false }]);
  });

  it('claimed by hand for a year is free', async () => {
    const { id } = await begin({ expiresAt: 1000 });
    await edit(
      server.asSuperuser(url),
      "update countersign.leases set claimed_until = now() + interval '1 year'",
    );
    expect(await due(store)).toMatchObject([{ id }]);
    expect(await store.leases.claim(id, Date.now())).toMatchObject({ id });
  });

  it('is listed by agent while it is alive', async () => {
    const agent = newId();
    const [one, gone] = [await begin({ agent }), await begin({ agent })];
    await begin();
    await move(gone.id, ['pending'], 'revoked');
    expect(await other.leases.liveOf([agent])).toMatchObject([{ id: one.id }]);
    expect(await other.leases.liveOf([newId(), 'no id'])).toEqual([]);
  });

  it('is listed by connection, and paged newest first', async () => {
    const begun = [await begin(), await begin({ connection: 'other' }), await begin()];
    expect((await store.leases.live('other')).map((one) => one.id)).toEqual([begun[1]?.id]);
    const sorted = begun
      .map((one) => one.id)
      .sort()
      .reverse();
    const first = await store.leases.page({ after: null, limit: 2 });
    const rest = await store.leases.page({ after: first[1]?.id ?? null, limit: 2 });
    expect([...first, ...rest].map((one) => one.id)).toEqual(sorted);
  });
});

describe('an access request', () => {
  const ask = (agent: string): NewAccessRequest => ({
    id: newId(),
    agent,
    details: [
      {
        type: 'countersign',
        connection: 'pg',
        environment: 'staging',
        operations: ['postgres:select'],
        resources: ['public.orders'],
      },
    ],
    reason: 'to read',
    sender: null,
    createdAt: 1000,
  });

  it('more than its agent may have open is refused, however many race', async () => {
    const agent = newId();
    const file = (one: Store, at: string) =>
      one.journal.commit([
        intent({ effects: [{ kind: 'access-request', request: ask(at), mostOpen: 3 }] }),
      ]);
    const racing = Array.from({ length: 12 }, (_, i) => file(i % 2 === 0 ? store : other, agent));
    const outcomes = (await Promise.all(racing)).flat().map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(9);
    expect(await store.accessRequests.countOpen(agent)).toBe(3);
    expect(await file(store, newId())).toMatchObject([{ outcome: 'committed' }]);
  });

  it('is asked, counted, and settled once', async () => {
    const request = ask(newId());
    const asked = intent({ effects: [{ kind: 'access-request', request, mostOpen: 1 }] });
    expect(await store.journal.commit([asked])).toMatchObject([{ outcome: 'committed' }]);
    expect(await other.accessRequests.find(request.id)).toEqual({
      ...request,
      rejection: null,
      statement: null,
    });
    expect(await other.accessRequests.countOpen(request.agent)).toBe(1);
    const settle = { kind: 'settle-access-request', id: request.id, statement: null } as const;
    let wake: (() => void) | null = null;
    const stop = await other.journal.onAuthorityChange(() => wake?.());
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const outcomes = await Promise.all(
      [store, other].map((one) =>
        one.journal.commit([intent({ effects: [{ ...settle, rejection: 'no' }] })]),
      ),
    );
    expect(
      outcomes
        .flat()
        .map(({ outcome }) => outcome)
        .sort(),
    ).toEqual(['committed', 'conflict']);
    // Whoever waits for the answer at another server hears of it.
    await woken;
    await stop();
    expect(await other.accessRequests.countOpen(request.agent)).toBe(0);
    const page = { after: null, limit: 5 };
    expect(await store.accessRequests.page({ ...page, open: true })).toEqual([]);
    expect(await store.accessRequests.page({ ...page, open: false })).toHaveLength(1);
  });
});

describe('a one-time code', () => {
  const invitation = {
    name: 'bob',
    roles: ['approver'],
    groups: ['security', 'platform'],
    sponsor: 'alice',
    expiresAt: Date.now() + 60_000,
  };

  it('of an invitation is spent once, and not when it is past', async () => {
    await store.journal.commit([
      intent({ effects: [{ kind: 'invite', codeHash: 'hash', invitation }] }),
    ]);
    expect(await other.codes.findInvitation('hash', Date.now())).toEqual(invitation);
    expect(await other.codes.findInvitation('hash', invitation.expiresAt)).toBeNull();
    const spend = (one: Store, now: number) =>
      one.journal.commit([
        intent({ effects: [{ kind: 'spend-invitation', codeHash: 'hash', now }] }),
      ]);
    expect(await spend(store, invitation.expiresAt)).toMatchObject([{ outcome: 'conflict' }]);
    const outcomes = await Promise.all([spend(store, Date.now()), spend(other, Date.now())]);
    expect(
      outcomes
        .flat()
        .map(({ outcome }) => outcome)
        .sort(),
    ).toEqual(['committed', 'conflict']);
    expect(await other.codes.findInvitation('hash', Date.now())).toBeNull();
  });

  it('written into the database by hand opens nothing', async () => {
    await store.codes.setGenesisCode('printed');
    await edit(server.asSuperuser(url), "update countersign.genesis_code set code_hash = 'evil'");
    expect(await store.codes.isGenesisCode('evil')).toBe(false);
  });

  it('of genesis is the one of the latest start', async () => {
    await store.codes.setGenesisCode('first');
    await other.codes.setGenesisCode('second');
    expect(await store.codes.isGenesisCode('first')).toBe(false);
    expect(await store.codes.isGenesisCode('second')).toBe(true);
    const spend = intent({ effects: [{ kind: 'spend-genesis-code', codeHash: 'second' }] });
    expect(await store.journal.commit([spend])).toMatchObject([{ outcome: 'committed' }]);
    expect(await store.codes.isGenesisCode('second')).toBe(false);
  });
});
