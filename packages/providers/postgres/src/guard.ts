/**
 * The socket that the driver gets: it opens the transport and authenticates by itself, so the driver
 * never holds the root password and cannot be talked into sending it. Only SCRAM-SHA-256 in which the
 * server proves itself ends in an open connection; cleartext, MD5 and `trust` end in a closed one.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Random, Secret } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { clientFinal, clientFirstBare, isPlainPassword, isServerFinal } from './scram.ts';
import { type Address, openTransport } from './transport.ts';

/** The protocol's own numbers (PostgreSQL documentation, section "Message Formats"). */
const AUTHENTICATION = 'R'.charCodeAt(0);
const ERROR_RESPONSE = 'E'.charCodeAt(0);
const NOTICE_RESPONSE = 'N'.charCodeAt(0);
const [OK, SASL, SASL_CONTINUE, SASL_FINAL] = [0, 10, 11, 12];
const MECHANISM = 'SCRAM-SHA-256';
/** Bytes a server may send in one message before it has proven itself. */
const LONGEST_MESSAGE = 16384;

const CLOSED = 'PostgreSQL closed the connection.';

type Expected =
  | { readonly next: 'sasl' }
  | { readonly next: 'continue'; readonly firstBare: string }
  | { readonly next: 'final'; readonly serverFinal: string }
  | { readonly next: 'ok' }
  | { readonly next: 'nothing' };

export class GuardedSocket extends Duplex {
  readonly #address: Address;
  readonly #password: Secret;
  readonly #random: Random;
  readonly #opening = new AbortController();
  #transport: Socket | null = null;
  #expected: Expected = { next: 'sasl' };
  #unread: Buffer = Buffer.alloc(0);
  #judged: Promise<void> = Promise.resolve();

  constructor(address: Address, password: Secret, random: Random) {
    super({ allowHalfOpen: false });
    this.#address = address;
    this.#password = password;
    this.#random = random;
  }

  /** As of net.Socket; the driver says goodbye only to an open one. */
  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open';
  }

  override _construct(done: (error?: Error) => void): void {
    openTransport(this.#address, this.#opening.signal).then(
      (transport) => {
        this.#transport = transport;
        transport.on('data', (chunk: Buffer) => this.#receive(chunk));
        transport.on('error', (error) => this.destroy(error));
        // Always an error: on a quiet close the driver would connect again, for ever.
        transport.on('close', () => {
          void this.#judged.then(() => this.destroy(new ProviderError('unavailable', CLOSED)));
        });
        done();
      },
      (error: unknown) => done(error instanceof Error ? error : new Error('unreachable')),
    );
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#transport === null) done(new Error('not connected'));
    else this.#transport.write(chunk, done);
  }

  override _read(): void {
    this.#transport?.resume();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#transport === null) done();
    else this.#transport.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#opening.abort();
    this.#transport?.destroy();
    done(error);
  }

  #receive(chunk: Buffer): void {
    if (this.#expected.next === 'nothing') {
      if (!this.push(chunk)) this.#transport?.pause();
      return;
    }
    this.#judged = this.#judged
      .then(() => this.#judge(chunk))
      .catch((error: unknown) => {
        this.destroy(error instanceof Error ? error : new Error('authentication failed'));
      });
  }

  /** Passes on what a server may say before it is authenticated, message by whole message. */
  async #judge(chunk: Buffer): Promise<void> {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    while (this.#expected.next !== 'nothing' && this.#unread.length >= 5) {
      const end = 1 + this.#unread.readUInt32BE(1);
      if (end < 5 || end > LONGEST_MESSAGE) throw refusal('sent a message of an impossible length');
      if (this.#unread.length < end) return;
      const message = this.#unread.subarray(0, end);
      this.#unread = this.#unread.subarray(end);
      const kind = message[0];
      if (kind === AUTHENTICATION) await this.#authenticate(message);
      else if (kind === ERROR_RESPONSE || kind === NOTICE_RESPONSE) this.push(message);
      else throw refusal('spoke before it authenticated');
    }
    if (this.#expected.next !== 'nothing' || this.#unread.length === 0) return;
    this.push(this.#unread);
    this.#unread = Buffer.alloc(0);
  }

  async #authenticate(message: Buffer): Promise<void> {
    if (message.length < 9) throw refusal('sent an empty authentication request');
    const request = message.readUInt32BE(5);
    const body = message.subarray(9);
    const expected = this.#expected;
    if (request === SASL && expected.next === 'sasl') this.#begin(body);
    else if (request === SASL_CONTINUE && expected.next === 'continue') {
      await this.#prove(expected.firstBare, body.toString('utf8'));
    } else if (request === SASL_FINAL && expected.next === 'final') {
      if (!isServerFinal(expected.serverFinal, body.toString('utf8'))) {
        throw refusal('could not prove that it knows the password');
      }
      this.#expected = { next: 'ok' };
    } else if (request === OK && expected.next === 'ok') {
      this.#expected = { next: 'nothing' };
      this.push(message);
    } else {
      throw refusal(request === OK ? 'asked for no password' : 'asked for the password itself');
    }
  }

  #begin(mechanisms: Buffer): void {
    if (!mechanisms.toString('latin1').split('\0').includes(MECHANISM)) {
      throw refusal(`does not offer ${MECHANISM}`);
    }
    const firstBare = clientFirstBare(Buffer.from(this.#random.bytes(18)).toString('base64'));
    const first = Buffer.from(`n,,${firstBare}`);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(first.length);
    this.#expected = { next: 'continue', firstBare };
    this.#respond(Buffer.concat([Buffer.from(`${MECHANISM}\0`), length, first]));
  }

  async #prove(firstBare: string, serverFirst: string): Promise<void> {
    const password = this.#password.reveal();
    if (!isPlainPassword(password)) {
      throw new ProviderError(
        'misconfigured',
        'The root password must be printable ASCII: other characters have more than one form in SCRAM. Set another with ALTER ROLE … PASSWORD.',
      );
    }
    const final = await clientFinal(password, firstBare, serverFirst);
    if (final === null) throw refusal('sent a SCRAM challenge that is malformed or too weak');
    this.#expected = { next: 'final', serverFinal: final.serverFinal };
    this.#respond(Buffer.from(final.message));
  }

  /** SASLInitialResponse and SASLResponse: `p`, length, payload. */
  #respond(payload: Buffer): void {
    const header = Buffer.alloc(5);
    header.write('p', 0, 'latin1');
    header.writeUInt32BE(payload.length + 4, 1);
    this.#transport?.write(Buffer.concat([header, payload]));
  }
}

function refusal(what: string): ProviderError {
  return new ProviderError(
    'misconfigured',
    `The server ${what}. Countersign authenticates with scram-sha-256 only: set it for this role in pg_hba.conf and give the role a SCRAM password. The password was not sent.`,
  );
}
