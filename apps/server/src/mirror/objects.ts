/** What bounds an object of a mirror, in which others may write too. */
import { type CountersignError, inputError } from '@countersign/core';

/** Bytes. An entry has at most 64 KiB, its note a third more. */
export const LARGEST_OBJECT = 1_048_576;

/** For what no server of ours has written, so that it counts as not signed and not as a mirror that is away. */
export function noObject(name: string): CountersignError {
  return inputError('invalid_request', `${name} is no object of a mirror, or larger than any.`);
}
