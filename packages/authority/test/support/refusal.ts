/** What tests expect of an outcome: acceptance with a status, or a refusal with code and telling words. */
import { expect } from 'vitest';
import type { Outcome } from './deployment.ts';

export function expectRefusal(outcome: Outcome, code: string, words: RegExp): void {
  expect(outcome).toEqual({ ok: false, code, message: expect.stringMatching(words) });
}

export function expectComplete(outcome: Outcome): void {
  expect(outcome).toMatchObject({ ok: true, status: 'complete' });
}

export function expectCoolingOff(outcome: Outcome): void {
  expect(outcome).toMatchObject({ ok: true, status: 'cooling_off' });
}

export function expectPending(outcome: Outcome, missing: RegExp): void {
  expect(outcome).toEqual({ ok: true, status: 'pending', missing: expect.stringMatching(missing) });
}
