/** Which secrets an answer shows: looked for in the answer itself, whatever field it came from. */
import type { Kind, State } from './world.ts';

interface Secret {
  readonly kind: Kind;
  readonly id: string;
  readonly value: string;
}

/** Shorter values (`PORT=3000`) stand in answers by chance, and keep no secret. */
const TELLING_LENGTH = 8;

function secretsOf(state: State): Secret[] {
  const secrets: Secret[] = [];
  for (const { id, value } of state.variable.values()) {
    secrets.push({ kind: 'variable', id, value });
  }
  for (const { id, secret } of state.token.values()) {
    secrets.push({ kind: 'token', id, value: secret });
  }
  for (const { id, secret } of state['shell-session'].values()) {
    secrets.push({ kind: 'shell-session', id, value: secret });
  }
  for (const { id, code } of state['invite-code'].values()) {
    secrets.push({ kind: 'invite-code', id, value: code });
  }
  for (const { id, secretAccessKey } of state['bucket-instance'].values()) {
    secrets.push({ kind: 'bucket-instance', id, value: secretAccessKey });
  }
  for (const { id, settings } of state['service-instance'].values()) {
    const value = settings.registryPassword;
    if (typeof value === 'string') secrets.push({ kind: 'service-instance', id, value });
  }
  return secrets.filter(({ value }) => value.length >= TELLING_LENGTH);
}

function collectTexts(value: unknown, into: Set<string>): void {
  if (typeof value === 'string') into.add(value);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, each] of Object.entries(value)) {
    into.add(key);
    collectTexts(each, into);
  }
}

/** Every object whose secret, of 8 characters or more, stands in the answer: as a value, a key, or inside of one. */
export function revealed(state: State, answer: unknown): { kind: Kind; id: string }[] {
  const collected = new Set<string>();
  collectTexts(answer, collected);
  const texts = [...collected].filter((text) => text.length >= TELLING_LENGTH);
  if (texts.length === 0) return [];
  return secretsOf(state).filter(({ value }) => texts.some((text) => text.includes(value)));
}
