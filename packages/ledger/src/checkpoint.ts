/**
 * C2SP tlog-checkpoint: the ledger's size and root under the log's signature. Whoever kept one can
 * later prove that history was rewritten, since no consistent tree leads from it.
 */
import { inputError } from '@countersign/core';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { isCount, isHash } from './merkle.ts';
import { type NoteSigner, openNote, parseVkey, signNote } from './note.ts';

export interface Checkpoint {
  /** Names the log; SHOULD be a URL without its scheme, and the name of its key. */
  readonly origin: string;
  /** Leaves in the tree. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

const SIZE = /^(?:0|[1-9][0-9]*)$/;

/**
 * The note text: origin, size and base64 root, a line each. Throws `invalid_request` for values it
 * cannot hold.
 */
export function checkpointBody({ origin, size, root }: Checkpoint): string {
  if (origin === '' || /\p{Cc}/u.test(origin) || !origin.isWellFormed()) {
    throw inputError('invalid_request', 'The origin of a checkpoint is one line of text.');
  }
  if (!isCount(size)) {
    throw inputError('invalid_request', 'The size of a checkpoint is a count.');
  }
  if (!isHash(root)) {
    throw inputError('invalid_request', 'The root of a checkpoint has 32 bytes.');
  }
  return `${origin}\n${size}\n${encodeBase64(root)}\n`;
}

/**
 * The checkpoint as a signed note. The caller owns the law that no two checkpoints of a log are
 * inconsistent. Throws as `checkpointBody` and `signNote`.
 */
export async function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): Promise<string> {
  return signNote(checkpointBody(checkpoint), signer);
}

/**
 * The checkpoint that the key has signed. Extension lines are allowed and ignored. The caller
 * compares the origin where one key serves several logs. Throws `invalid_request` for anything
 * malformed or unverified.
 */
export function openCheckpoint(note: string, vkey: string): Checkpoint {
  const text = openNote(note, [parseVkey(vkey)]);
  const lines = text.slice(0, -1).split('\n');
  const [origin = '', decimal = '', encoded = ''] = lines;
  if (lines.length < 3 || lines.includes('')) {
    throw inputError(
      'invalid_request',
      'A checkpoint has at least three lines, none of them empty.',
    );
  }
  const size = Number(decimal);
  if (!SIZE.test(decimal) || !isCount(size)) {
    throw inputError('invalid_request', 'The size in the checkpoint is not a plain decimal count.');
  }
  const root = decodeBase64(encoded);
  if (root === null || !isHash(root)) {
    throw inputError('invalid_request', 'The root in the checkpoint is not base64 of 32 bytes.');
  }
  return { origin, size, root };
}
