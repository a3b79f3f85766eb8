/** One connection on a wire: requests are counted where they end, answers where they are complete. */
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import {
  errorResponse,
  Frames,
  type Message,
  query,
  readyForQuery,
  stringsOf,
} from './pg-frames.ts';
import type { Strike } from './wire-proxy.ts';

interface Rules {
  /** Called at the end of each request with its statement. */
  readonly count: (label: string) => Strike | null;
  readonly lateness: () => number;
}

/** Takes the answers from the server while a step is struck after it was done. */
interface Withholding {
  /** Answers to earlier requests that still pass. */
  before: number;
  /** A session opens with a conversation; only its end is withheld. */
  readonly untilReady: boolean;
  readonly answer: Buffer[];
  readonly complete: () => void;
}

export class WireLink {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #rules: Rules;
  readonly #fromClient = new Frames({ untyped: true });
  readonly #fromServer = new Frames({ untyped: false });
  readonly #statements = new Map<string, string>();
  /** Of a request that has not ended. */
  #request: Buffer[] = [];
  #label = '';
  /** Requests that the server has not answered yet. */
  #unanswered = 0;
  #status = 'I';
  #withholding: Withholding | null = null;
  #whenQuiet: (() => void)[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #striking: Promise<void> = Promise.resolve();

  constructor(client: Socket, server: Socket, rules: Rules) {
    this.#client = client;
    this.#server = server;
    this.#rules = rules;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    client.on('data', (chunk: Buffer) => {
      for (const message of this.#fromClient.push(chunk)) {
        this.#turn = this.#turn.then(() => this.#hear(message));
      }
    });
    server.on('data', (chunk: Buffer) => {
      for (const message of this.#fromServer.push(chunk)) this.#answer(message);
    });
    client.on('close', () => this.#server.end());
    server.on('close', () => {
      // What is said last, of a session that the server ended, is still heard.
      if (this.#withholding === null) client.end();
      else this.#withholding.complete();
      this.#quiet();
    });
  }

  /** Resolves when the strike on this connection, if there was one, is over. */
  async struck(): Promise<void> {
    await this.#striking;
  }

  cut(): void {
    this.#client.destroy();
    this.#server.destroy();
    this.#quiet();
  }

  async #hear(message: Message): Promise<void> {
    const { type, bytes } = message;
    if (type === 'ssl') return void this.#client.write('N');
    this.#request.push(bytes);
    if (type === 'startup') this.#label = 'a session opens';
    if (type === 'Q') this.#label = stringsOf(message, 1)[0] ?? '';
    if (type === 'P') {
      const [name = '', text = ''] = stringsOf(message, 2);
      this.#statements.set(name, text);
    }
    if (type === 'B') {
      const [, name = ''] = stringsOf(message, 2);
      this.#label = this.#statements.get(name) ?? '';
    }
    const ends = type === 'Q' || type === 'S' || type === 'startup';
    // A Flush executes nothing, and a lone Sync only ends what failed: neither is a step.
    if (ends && this.#label !== '') return await this.#step();
    if (type === 'S') this.#unanswered += 1;
    if (ends || 'HXpdcf'.includes(type) || type === 'cancel') this.#forward();
  }

  #forward(): void {
    const request = this.#request.splice(0);
    if (!this.#server.destroyed) this.#server.write(Buffer.concat(request));
  }

  async #step(): Promise<void> {
    const label = withoutLiterals(this.#label);
    const opens = this.#label === 'a session opens';
    this.#label = '';
    const strike = this.#rules.count(label);
    const lateness = this.#rules.lateness();
    if (lateness > 0) await wait(lateness);
    if (strike === null) {
      this.#unanswered += 1;
      return this.#forward();
    }
    this.#striking = this.#strike(strike, opens, /^commit/i.test(label));
    await this.#striking;
  }

  async #strike(strike: Strike, opens: boolean, isCommit: boolean): Promise<void> {
    const answer = strike.when === 'after' ? await this.#doAndWithhold(opens) : null;
    await strike.meanwhile?.();
    if (strike.sees === 'drop') return this.cut();
    if (strike.sees === 'deliver') return this.#deliver(answer);
    await this.#fail(strike.sees, answer !== null, isCommit);
  }

  /** @returns the answer, which the client has not seen. */
  async #doAndWithhold(untilReady: boolean): Promise<Buffer> {
    const answer: Buffer[] = [];
    await new Promise<void>((resolve) => {
      this.#withholding = { before: this.#unanswered, untilReady, answer, complete: resolve };
      this.#unanswered += 1;
      this.#forward();
      if (this.#server.destroyed) resolve();
      // The rest of an opening conversation passes while its end is waited for.
      if (untilReady) this.#turn = Promise.resolve();
    });
    this.#withholding = null;
    return Buffer.concat(answer);
  }

  #deliver(answer: Buffer | null): void {
    if (answer !== null) return void this.#client.write(answer);
    this.#unanswered += 1;
    this.#forward();
  }

  async #fail(
    { severity, sqlstate }: { severity: 'ERROR' | 'FATAL'; sqlstate: string },
    isDone: boolean,
    isCommit: boolean,
  ): Promise<void> {
    if (severity === 'FATAL') {
      this.#client.end(errorResponse(severity, sqlstate));
      return void this.#server.destroy();
    }
    if (isDone) throw new Error('an ERROR says that nothing was done; it cannot come after');
    this.#request = [];
    await new Promise<void>((resolve) => {
      this.#whenQuiet.push(resolve);
      if (this.#unanswered === 0) this.#quiet();
    });
    // A commit that fails leaves no transaction behind.
    if (isCommit) {
      this.#request = [query('ROLLBACK')];
      await this.#doAndWithhold(false);
    }
    const status = isCommit || this.#status === 'I' ? 'I' : 'E';
    this.#client.write(Buffer.concat([errorResponse(severity, sqlstate), readyForQuery(status)]));
  }

  #answer({ type, bytes }: Message): void {
    const held = this.#withholding;
    const isOurs = held !== null && held.before === 0;
    if (isOurs && (!held.untilReady || type === 'Z')) held.answer.push(bytes);
    else if (!this.#client.destroyed) this.#client.write(bytes);
    if (type !== 'Z') return;
    this.#unanswered -= 1;
    this.#status = String.fromCharCode(bytes[5] ?? 0);
    if (held !== null && held.before > 0) held.before -= 1;
    else held?.complete();
    if (this.#unanswered === 0) this.#quiet();
  }

  #quiet(): void {
    for (const resolve of this.#whenQuiet.splice(0)) resolve();
  }
}

/** One line, so that the same step of two runs has the same name. */
function withoutLiterals(sql: string): string {
  return sql
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/'[^']*'/g, "'…'")
    .replaceAll(/cs[lg]_[0-9a-f_]+/g, 'role')
    .trim()
    .slice(0, 120);
}
