/**
 * What an agent sees of the answer to a commit of what was staged: that is sent with the values of its variables,
 * which the agent may not read, and an error of Railway's may quote them.
 */
import { isObject } from './judgement.ts';

const SAID = { message: 'Railway refused it. What it said may hold values that were staged.' };

/** @param answer whole, as it came */
export function withoutWords(answer: Uint8Array): Uint8Array {
  const parsed = parse(answer);
  const { data, errors } = isObject(parsed) ? parsed : {};
  const isRefused = !isObject(data) || errors !== undefined;
  const shown = {
    data: isObject(data) ? data : null,
    ...(isRefused ? { errors: [SAID] } : {}),
  };
  return new TextEncoder().encode(JSON.stringify(shown));
}

function parse(answer: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(answer));
  } catch {
    return null;
  }
}
