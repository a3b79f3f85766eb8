/**
 * The keys that sign tokens and sessions, in their turn: next, present, previous. The next is published
 * before it signs; a previous one verifies until everything it signed has ended. Their times are fixed
 * when they are made, so every server knows whose turn it is without being told.
 */
import { type Clock, CountersignError, type Random, uuidv7 } from '@countersign/core';
import {
  generateSigningKey,
  importSigner,
  type JwkSet,
  type PublicJwk,
  parsePublicJwk,
  peekTokenKid,
  type TokenSigner,
  thumbprint,
} from '@countersign/tokens';
import type { BrokerLog } from './deps.ts';
import type { TokenKeyChange, TokenKeyRows, TokenKeySet } from './ports.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Milliseconds a key signs before the next one takes its turn. */
const TURN = 30 * DAY;
/** Milliseconds the next key is published before it signs: twice what a JWKS may be cached for. */
const LEAD = 10 * MINUTE;
/** Milliseconds the longest token lives, a session, and the skew of two servers' clocks. */
const LONGEST_TOKEN = 8 * 60 * MINUTE + 10_000;
/** Milliseconds a key may be late for its end, when no server runs to make the next. */
const SLACK = DAY;
/** Milliseconds between two looks for the sake of a token whose key is not known. */
const LOOK_AGAIN = 1_000;

type TokenKeyState = 'next' | 'present' | 'previous';

/** A key as everybody may know it. Times in milliseconds. */
export interface TokenKeyView {
  readonly kid: string;
  readonly state: TokenKeyState;
  readonly madeAt: number;
  readonly signsFrom: number;
  /** From then on it verifies nothing. */
  readonly endsAt: number;
}

interface Turn extends TokenKeyView {
  readonly publicJwk: PublicJwk;
  readonly signer: TokenSigner;
}

export interface TokenKeys {
  /** The key whose turn it is. @throws CountersignError `broker_unavailable` when there is none */
  signer(): TokenSigner;
  /** What a token may be signed by; looks again, now and then, for a key it names and nobody knows. */
  verifying(token: string): Promise<JwkSet>;
  /** Every key that verifies now or will, for the JWKS. */
  published(): readonly TokenSigner[];
  list(): readonly TokenKeyView[];
  refresh(): Promise<void>;
  /** Makes the next key when its time comes, and lets those go that have ended. */
  maintain(): Promise<void>;
  /** Publishes a next key, unless one is; or, `atOnce`, ends every key there is and signs with a new one. */
  rotate(atOnce: boolean): Promise<void>;
}

interface Standing {
  readonly rows: TokenKeyRows;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: BrokerLog;
}

export async function createTokenKeys({ rows, clock, random, log }: Standing): Promise<TokenKeys> {
  let set: TokenKeySet = { keys: [], foreign: [], floor: null, ledgerTime: 0 };
  const signers = new Map<string, Promise<TokenSigner>>();
  let turns: readonly Omit<Turn, 'state'>[] = [];
  let looking: Promise<void> | null = null;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let reads = 0;
  let latest = 0;

  // Law 4: time never runs behind the ledger, so a clock set back brings no key back.
  const nowOf = (at: TokenKeySet) => Math.max(clock.now(), at.ledgerTime);

  async function load(): Promise<void> {
    lookedAt = performance.now();
    reads += 1;
    const turnOfRead = reads;
    const read = withRemembered(await rows.read(), set.keys);
    const loaded = await Promise.all(
      inTurn(read).map(async ({ privateJwk, publicJwk, ...times }) => {
        const signer = signers.get(times.kid) ?? importSigner(privateJwk);
        signers.set(times.kid, signer);
        return { ...times, publicJwk: parsePublicJwk(publicJwk), signer: await signer };
      }),
    );
    // A slow read must not undo what a later one said.
    if (turnOfRead < latest) return;
    latest = turnOfRead;
    set = read;
    turns = loaded;
    // A private key that signs no more is not kept.
    for (const kid of signers.keys()) {
      if (!loaded.some((turn) => turn.kid === kid)) signers.delete(kid);
    }
  }

  /** Shared by whoever waits for it, and never more often than once a second. */
  function lookAgain(): Promise<void> {
    looking ??= new Promise<void>((resolve) => {
      setTimeout(resolve, Math.max(0, lookedAt + LOOK_AGAIN - performance.now()));
    })
      .then(load)
      .finally(() => {
        looking = null;
      });
    return looking;
  }

  function standing(): readonly Turn[] {
    const now = nowOf(set);
    const present = presentOf(turns, now);
    return turns.flatMap((turn): Turn[] => {
      if (now >= turn.endsAt) return [];
      const isNext = turn.signsFrom > now;
      return [{ ...turn, state: turn.kid === present ? 'present' : isNext ? 'next' : 'previous' }];
    });
  }

  /** due: only when its time has come, which another server may have seen first. @returns whether it made one */
  async function rotate(why: 'due' | 'asked' | 'leak'): Promise<boolean> {
    const atOnce = why === 'leak';
    const { publicJwk, privateJwk } = await generateSigningKey();
    const kid = await thumbprint(publicJwk);
    const isMade = await rows.change(async (at) => {
      const now = nowOf(at);
      const known = inTurn(at);
      const present = presentOf(known, now);
      if (why === 'due' && !isDue(known, now)) return null;
      // Nobody waits for a key that is to replace none.
      const signsFrom = atOnce || present === null ? now : now + LEAD;
      if (!atOnce && known.some((key) => key.signsFrom > now)) return null;
      // The floor parts it from those that go; the time may stand still, at that of the ledger.
      const madeAt = atOnce ? Math.max(now, ...known.map((key) => key.madeAt + 1)) : now;
      const turn = { madeAt, signsFrom, endsAt: signsFrom + TURN + SLACK + LONGEST_TOKEN };
      const body = { key: 'token', from: present, to: kid, at_once: atOnce };
      return {
        add: { publicJwk, privateJwk, ...turn },
        remove: atOnce ? known.map((key) => key.kid) : [],
        floor: atOnce ? madeAt : null,
        entry: { id: uuidv7(clock, random), type: 'keys.rotated', body },
        isUrgent: atOnce,
      };
    });
    await load();
    return isMade;
  }

  const keys: TokenKeys = {
    signer() {
      const present = standing().find(({ state }) => state === 'present');
      if (present === undefined) {
        throw new CountersignError('broker_unavailable', 'There is no key to sign tokens with.');
      }
      return present.signer;
    },
    async verifying(token) {
      const kid = peekTokenKid(token);
      if (kid !== null && !turns.some((turn) => turn.kid === kid)) await lookAgain();
      return { keys: standing().map(({ publicJwk }) => publicJwk) };
    },
    published: () => standing().map(({ signer }) => signer),
    list: () =>
      standing().map(({ kid, state, madeAt, signsFrom, endsAt }) => ({
        kid,
        state,
        madeAt,
        signsFrom,
        endsAt,
      })),
    refresh: load,
    async maintain() {
      await load();
      for (const row of set.foreign) {
        // Law 1: an edited row has no effect, and is reported.
        log.warn({ row }, 'a token key in the database is not as it was sealed, and is none');
      }
      if (isDue(turns, nowOf(set)) && (await rotate('due'))) {
        log.info({ kid: turns.at(-1)?.kid }, 'there is a new token key');
      }
      if (set.keys.length > standing().length) {
        await rows.change(async (at) => retire(at, nowOf(at)));
        set = {
          ...set,
          keys: set.keys.filter((key) => standing().some(({ kid }) => kid === key.kid)),
        };
        await load();
      }
    },
    async rotate(atOnce) {
      await rotate(atOnce ? 'leak' : 'asked');
    },
  };
  await load();
  return keys;
}

type Scheduled = Pick<TokenKeyView, 'kid' | 'madeAt' | 'signsFrom' | 'endsAt'>;

/**
 * Law 1: a row that is gone takes nothing back. What this server has seen it goes on knowing, until the
 * key's own end or the floor, which the head vouches for; else deleting the present key would bring the
 * one before it back.
 */
function withRemembered(read: TokenKeySet, seen: TokenKeySet['keys']): TokenKeySet {
  const { floor } = read;
  const gone = seen.filter(
    (key) =>
      (floor === null || key.madeAt >= floor) && !read.keys.some(({ kid }) => kid === key.kid),
  );
  return { ...read, keys: [...read.keys, ...gone] };
}

/** In the order of their turns, each ended by the one after it as soon as all that it signed has. */
function inTurn(set: TokenKeySet): TokenKeySet['keys'] {
  const sorted = [...set.keys].sort((a, b) => a.signsFrom - b.signsFrom || a.madeAt - b.madeAt);
  return sorted.map((key, i) => {
    const after = sorted[i + 1];
    if (after === undefined) return key;
    return { ...key, endsAt: Math.min(key.endsAt, after.signsFrom + LONGEST_TOKEN) };
  });
}

/** Whose turn it is: the latest that has begun and will outlive what it signs. */
function presentOf(turns: readonly Scheduled[], now: number): string | null {
  const begun = turns.filter(
    ({ signsFrom, endsAt }) => signsFrom <= now && now < endsAt - LONGEST_TOKEN,
  );
  return begun.at(-1)?.kid ?? null;
}

/** Whether the next key should be made: none signs, or the present one's turn ends soon. */
function isDue(turns: readonly Scheduled[], now: number): boolean {
  const present = turns.find(({ kid }) => kid === presentOf(turns, now));
  const hasNext = turns.some(({ signsFrom }) => signsFrom > now);
  return present === undefined || (!hasNext && now >= present.signsFrom + TURN - LEAD);
}

/** Law 1: with the rows of ended keys goes the floor, below which no row counts that is put back. */
function retire(set: TokenKeySet, now: number): TokenKeyChange | null {
  const known = inTurn(set);
  const left = known.filter((key) => now < key.endsAt);
  const ended = known.filter((key) => now >= key.endsAt);
  if (ended.length === 0 || left.length === 0) return null;
  return {
    add: null,
    remove: ended.map(({ kid }) => kid),
    floor: Math.min(...left.map(({ madeAt }) => madeAt)),
    entry: null,
    isUrgent: false,
  };
}
