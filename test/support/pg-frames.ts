/** Messages of the PostgreSQL protocol as they pass (documentation, "Message Formats"), and no more of it. */

/** `type` is `startup`, `ssl` or `cancel` for the untyped first message, else its letter. */
export interface Message {
  readonly type: string;
  /** Type, length and payload, as it came. */
  readonly bytes: Buffer;
}

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;

/** Cuts a stream of bytes into whole messages; keeps what is not whole yet. */
export class Frames {
  #rest: Buffer = Buffer.alloc(0);
  /** Whether the next message has no type: the first of a client, until it is the startup. */
  #untyped: boolean;

  constructor(options: { readonly untyped: boolean }) {
    this.#untyped = options.untyped;
  }

  push(chunk: Buffer): Message[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: Message[] = [];
    for (;;) {
      const head = this.#untyped ? 0 : 1;
      if (this.#rest.length < head + 4) return messages;
      const end = head + this.#rest.readUInt32BE(head);
      if (this.#rest.length < end) return messages;
      const bytes = Buffer.from(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
      const type = this.#untyped ? untypedOf(bytes) : String.fromCharCode(bytes[0] ?? 0);
      if (type === 'startup') this.#untyped = false;
      messages.push({ type, bytes });
    }
  }
}

function untypedOf(bytes: Buffer): string {
  const code = bytes.readUInt32BE(4);
  if (code === SSL_REQUEST || code === GSS_REQUEST) return 'ssl';
  return code === CANCEL_REQUEST ? 'cancel' : 'startup';
}

/** NUL-terminated strings at the beginning of a payload. */
export function stringsOf({ bytes }: Message, count: number): string[] {
  const found: string[] = [];
  let from = 5;
  while (found.length < count) {
    const end = bytes.indexOf(0, from);
    found.push(bytes.toString('utf8', from, end));
    from = end + 1;
  }
  return found;
}

/** An ErrorResponse as the server would word it. */
export function errorResponse(severity: 'ERROR' | 'FATAL', sqlstate: string): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${sqlstate}`, 'Ma fault on the wire'];
  const payload = Buffer.from(`${fields.join('\0')}\0\0`);
  const head = Buffer.from('E\0\0\0\0');
  head.writeUInt32BE(payload.length + 4, 1);
  return Buffer.concat([head, payload]);
}

/** ReadyForQuery; `I` idle, `T` in a transaction, `E` in a failed one. */
export function readyForQuery(status: string): Buffer {
  return Buffer.from(`Z\0\0\0\x05${status}`, 'latin1');
}

/** A simple Query. */
export function query(sql: string): Buffer {
  const head = Buffer.from('Q\0\0\0\0');
  head.writeUInt32BE(sql.length + 5, 1);
  return Buffer.concat([head, Buffer.from(`${sql}\0`)]);
}
