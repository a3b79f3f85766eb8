/**
 * The two streams. stdout is the result and nothing else: with --json one document, else lines for a
 * human. Notes, progress and prompts go to stderr.
 */
import { styleText } from 'node:util';
import type { Explanation } from './failure.ts';
import { clean, plainJson, WIDTH, wrap } from './text.ts';

export interface Streams {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Milliseconds before anybody is told that something takes its time. */
const QUIET = 1000;

export class Output {
  readonly json: boolean;
  readonly #streams: Streams;
  readonly #colour: boolean;

  constructor(streams: Streams, options: { readonly json: boolean; readonly colour: boolean }) {
    this.#streams = streams;
    this.json = options.json;
    this.#colour = options.colour;
  }

  /** The result of a command: the document with --json, else the lines. */
  result(document: unknown, lines: readonly string[]): void {
    if (this.json) this.#streams.stdout.write(`${plainJson(document)}\n`);
    else this.lines(lines);
  }

  /** Lines of a result that is printed in parts; with --json there are none. */
  lines(lines: readonly string[]): void {
    if (!this.json) for (const line of lines) this.#streams.stdout.write(`${line}\n`);
  }

  /** Text as it is, on stdout. */
  raw(text: string): void {
    this.#streams.stdout.write(text);
  }

  /** A line as somebody else wrote it: byte for byte for a program, cleaned for a terminal. */
  verbatim(line: string): void {
    const { stdout } = this.#streams;
    stdout.write(`${stdout.isTTY === true ? clean(line) : line}\n`);
  }

  /** What a human reads before deciding: stdout, or stderr where stdout is for a program. */
  show(lines: readonly string[]): void {
    const stream = this.json ? this.#streams.stderr : this.#streams.stdout;
    for (const line of lines) stream.write(`${line}\n`);
  }

  note(text: string): void {
    for (const line of wrap(clean(text), WIDTH, '  ')) this.#streams.stderr.write(`${line}\n`);
  }

  /** Emphasis that never carries meaning alone. */
  bold(text: string): string {
    return this.#colour ? styleText('bold', text, { validateStream: false }) : text;
  }

  failure(explanation: Explanation): void {
    const { code, message, next, problem } = explanation;
    if (this.json) {
      const error = { code, message, next, ...(problem === undefined ? {} : { problem }) };
      this.#streams.stdout.write(`${plainJson({ error })}\n`);
      return;
    }
    if (problem !== undefined && problem.title !== message) {
      this.#error(`error: ${problem.title} (${code})`);
      this.#error(`  ${message}`);
    } else {
      this.#error(`error: ${message} (${code})`);
    }
    if (problem?.decision !== undefined) this.#error(`  decision: ${problem.decision}`);
    // Not wrapped: it is there to be copied.
    this.#streams.stderr.write(`next: ${clean(next)}\n`);
  }

  #error(text: string): void {
    for (const line of wrap(clean(text), WIDTH, '  ')) this.#streams.stderr.write(`${line}\n`);
  }

  /** Says on a terminal what is being waited for, once it takes more than a second. */
  async progress<T>(label: string, work: Promise<T>): Promise<T> {
    const { stderr } = this.#streams;
    if (stderr.isTTY !== true) return await work;
    const frames = ['-', '\\', '|', '/'];
    let turn = 0;
    let shown = false;
    const began = Date.now();
    const timer = setInterval(() => {
      if (Date.now() - began < QUIET) return;
      shown = true;
      stderr.write(`\r${frames[turn++ % frames.length]} ${label} …`);
    }, 120);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      if (shown) stderr.write(`\r${' '.repeat(label.length + 6)}\r`);
    }
  }
}
