import { describe, expect, test } from 'vitest';
import { createDenialLog, type DeniedDecision, type Intent, type Journal } from '../src/index.ts';

/** A journal that keeps what was committed and refuses once-ids it has seen. */
function journalInMemory() {
  const entries: { type: string; body: Readonly<Record<string, unknown>> }[] = [];
  const seen = new Set<string>();
  const commit = async (intents: readonly Intent[]) =>
    intents.map((intent) => {
      if (intent.once.some((once) => seen.has(once.id))) return { outcome: 'replayed' as const };
      for (const once of intent.once) seen.add(once.id);
      for (const { type, body } of intent.entries) entries.push({ type, body });
      return { outcome: 'committed' as const, index: 0, time: '', authorityVersion: 0 };
    });
  const remember = async (once: { id: string }): Promise<boolean> => {
    if (seen.has(once.id)) return false;
    seen.add(once.id);
    return true;
  };
  // Only what the log uses; the rest of the port belongs to others.
  return { entries, remember, journal: { commit } as unknown as Journal };
}

function open() {
  let now = 1_000_000;
  const memory = journalInMemory();
  const log = createDenialLog({
    journal: memory.journal,
    remember: memory.remember,
    clock: { now: () => now },
    random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
  });
  const pass = (ms: number): void => {
    now += ms;
  };
  return { ...memory, log, pass };
}

const DENIED: DeniedDecision = {
  agent: 'a',
  code: 'not_granted',
  stage: 'issue',
  asked: { connection: 'pg' },
  reason: 'no',
  once: [],
};

describe('denials in the ledger', () => {
  test('a looping agent makes two entries a minute: the first, and the sum', async () => {
    const { log, entries, pass } = open();
    const first = await log.record(DENIED);
    for (let i = 0; i < 999; i += 1) expect(await log.record(DENIED)).toBe(first);
    expect(entries).toHaveLength(1);
    pass(60_000);
    await log.flush(false);
    expect(entries).toHaveLength(2);
    expect(entries[1]).toMatchObject({
      type: 'denials.summed',
      body: { first, agent: 'a', code: 'not_granted', count: 1000 },
    });
    const next = await log.record(DENIED);
    expect(next).not.toBe(first);
  });

  test('denials that differ stand apart', async () => {
    const { log, entries } = open();
    await log.record(DENIED);
    await log.record({ ...DENIED, code: 'needs_signature' });
    await log.record({ ...DENIED, agent: 'b' });
    await log.record({ ...DENIED, asked: { connection: 'other' } });
    expect(entries).toHaveLength(4);
  });

  test('a replayed proof is not a denial of its kind, first or summed', async () => {
    const { log, entries } = open();
    const once = [{ id: 'proof', expiresAt: 2_000_000 }];
    expect(await log.record({ ...DENIED, once })).not.toBeNull();
    expect(await log.record({ ...DENIED, once })).toBeNull();
    expect(await log.record({ ...DENIED, agent: 'b', once })).toBeNull();
    expect(entries).toHaveLength(1);
  });

  test('strangers are only ever summed up', async () => {
    const { log, entries, pass } = open();
    for (let i = 0; i < 500; i += 1) log.unauthenticated('invalid_token');
    log.unauthenticated('unauthenticated');
    await log.flush(false);
    expect(entries).toHaveLength(0);
    pass(60_000);
    await log.flush(false);
    expect(entries).toEqual([
      {
        type: 'unauthenticated.summed',
        body: expect.objectContaining({ counts: { invalid_token: 500, unauthenticated: 1 } }),
      },
    ]);
  });

  test('a stop writes what was counted', async () => {
    const { log, entries } = open();
    await log.record(DENIED);
    await log.record(DENIED);
    log.unauthenticated('replayed');
    await log.flush(true);
    expect(entries.map((entry) => entry.type)).toEqual([
      'decision',
      'denials.summed',
      'unauthenticated.summed',
    ]);
  });
});
