/** Where the demo is shown: numbered scenes, at a pace to read by, and claims that were looked at first. */
import { styleText } from 'node:util';

const WIDTH = 80;
/** Milliseconds after a line, after a claim, and before a scene, where somebody watches. */
const PACE = { line: 150, claim: 400, scene: 700 } as const;

interface Claim {
  readonly text: string;
  readonly held: boolean;
  /** What was so instead; null where it held. */
  readonly instead: string | null;
}

export interface Scene {
  readonly number: number;
  readonly title: string;
  readonly claims: Claim[];
}

export interface StageOptions {
  /** Takes the lines; null: nobody watches. */
  readonly write: ((text: string) => unknown) | null;
  readonly paced: boolean;
  readonly colour: boolean;
}

export class Stage {
  readonly scenes: Scene[] = [];
  readonly #options: StageOptions;
  #silent = false;
  /** Lines of others, word for word, that were shown in whole. */
  readonly #quoted = new Set<string>();

  constructor(options: StageOptions) {
    this.#options = options;
  }

  /** Whether everything that was claimed was so. */
  get held(): boolean {
    return this.scenes.every(({ claims }) => claims.every(({ held }) => held));
  }

  /** Nothing is shown from here on. */
  silence(): void {
    this.#silent = true;
  }

  async scene(title: string): Promise<void> {
    const number = this.scenes.length + 1;
    this.scenes.push({ number, title, claims: [] });
    await this.#pause(PACE.scene);
    this.#print('');
    this.#print(this.#style('bold', `── ${number}. ${title} ${'─'.repeat(WIDTH)}`.slice(0, WIDTH)));
    await this.#pause(PACE.scene);
  }

  /** Words of the demo's own. */
  async tell(text: string): Promise<void> {
    for (const line of wrap(text, WIDTH)) await this.#line(line);
  }

  /** A line that somebody else wrote; only its beginning where it was shown before. */
  async quote(who: string, text: string): Promise<void> {
    const lead = `  ${who} | `;
    const room = WIDTH - lead.length;
    const lines = wrap(clean(text), room);
    const shown =
      this.#quoted.has(text) && lines.length > 1 ? [`${text.slice(0, room - 2)} …`] : lines;
    this.#quoted.add(text);
    for (const line of shown) await this.#line(`${this.#style('dim', lead)}${line}`);
  }

  /** A command as typed, and what it printed. */
  async typed(who: string, command: string, output: readonly string[]): Promise<void> {
    await this.#line(this.#style('bold', `${who}$ ${command}`));
    for (const line of output) await this.#line(clean(line));
  }

  /** Shown as what it is: so, or not so and what was so instead. */
  async claim(text: string, held: boolean, instead: () => string): Promise<void> {
    const claim = { text, held, instead: held ? null : instead() };
    this.scenes.at(-1)?.claims.push(claim);
    const [mark, colour] = held ? (['✓', 'green'] as const) : (['✗ NOT SO:', 'red'] as const);
    const lines = wrap(
      claim.instead === null ? text : `${text} Instead: ${claim.instead}`,
      WIDTH - 12,
    );
    for (const [at, line] of lines.entries()) {
      this.#print(this.#style(colour, at === 0 ? `${mark} ${line}` : `  ${line}`));
    }
    await this.#pause(PACE.claim);
  }

  async #line(text: string): Promise<void> {
    this.#print(text);
    await this.#pause(PACE.line);
  }

  #print(text: string): void {
    if (!this.#silent) this.#options.write?.(`${text.trimEnd()}\n`);
  }

  #style(how: 'bold' | 'dim' | 'green' | 'red', text: string): string {
    return this.#options.colour ? styleText(how, text, { validateStream: false }) : text;
  }

  async #pause(milliseconds: number): Promise<void> {
    if (!this.#options.paced) return;
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
}

/** What others wrote steers no terminal. */
function clean(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
