/** A root credential is used only when it is the one that humans signed for, whatever was sealed. */
import type { Connection } from '@countersign/authority';
import { Secret } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { commitmentTo, openConnection } from '../src/connection-credential.ts';
import type { Deps } from '../src/deps.ts';
import { codeHash, newCode } from '../src/one-time-code.ts';

const SALT = Buffer.alloc(32, 1).toString('base64url');
const SIGNED = new Secret('signed', 'the password that was signed for');

function opening(salt: string, credential: Secret) {
  const connection = {
    id: 'pg',
    name: 'pg',
    setBy: 'statement',
    since: '2026-11-20T12:00:00.000Z',
    former: [],
    body: {
      provider: 'postgres',
      endpoint: 'e',
      account: 'a',
      config: {},
      credential: commitmentTo(SALT, SIGNED),
    },
    // Only what opening a connection reads of it.
  } as unknown as Connection;
  const deps = {
    authority: { state: { broker: Buffer.alloc(32, 2).toString('base64url') } },
    providers: new Map([['postgres', {}]]),
    sealed: { open: async () => ({ salt, credential }) },
  } as unknown as Deps;
  return openConnection(deps, connection);
}

describe('a sealed credential', () => {
  test('is used when it is the one signed for', async () => {
    expect((await opening(SALT, SIGNED)).opened.credential.reveal()).toBe(SIGNED.reveal());
  });

  test.each([
    ['another credential', SALT, new Secret('x', 'another password')],
    ['another salt', Buffer.alloc(32, 3).toString('base64url'), SIGNED],
  ])('is refused when the seal opens to %s', async (_, salt, credential) => {
    await expect(opening(salt, credential)).rejects.toMatchObject({ code: 'broker_unavailable' });
  });
});

describe('a one-time code', () => {
  test('looks like no option, and is the same however it is typed', () => {
    for (let seed = 0; seed < 256; seed += 1) {
      const code = newCode({ bytes: (length) => new Uint8Array(length).fill(seed) });
      expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){4}$/);
      expect(codeHash(` ${code.toLowerCase().replaceAll('-', ' ')} `)).toBe(codeHash(code));
    }
  });
});
