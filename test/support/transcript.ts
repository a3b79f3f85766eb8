/**
 * Pages that are run: what people typed at their terminals, what was printed in the parts that matter, and
 * how much time went by. The page is the test, so it stays true.
 */
import { readFileSync } from 'node:fs';

/** Something typed at one terminal. */
export interface Typed {
  readonly kind: 'typed';
  /** Whose: the word before `$`. */
  readonly terminal: string;
  readonly command: string;
  readonly exit: number;
  /** Lines that it prints, in this order, among others. */
  readonly shows: readonly string[];
  /** 1-based, on the page. */
  readonly line: number;
}

/** `# 3 days later`: the clock is turned. */
export interface Later {
  readonly kind: 'later';
  readonly seconds: number;
  readonly line: number;
}

/** What stands under one heading. */
export interface Act {
  readonly title: string;
  readonly steps: readonly (Typed | Later)[];
}

const SECONDS = { second: 1, minute: 60, hour: 3_600, day: 86_400, week: 604_800 } as const;
const LATER = /^# (\d+) (second|minute|hour|day|week)s? later/;
const PROMPT = /^([a-z][a-z0-9-]*)\$ (.*)$/;

/** The console blocks under each second-level heading that has any. */
export function actsOf(file: string): Act[] {
  const acts: { title: string; steps: (Typed | Later)[] }[] = [];
  let inside = false;
  let typing: { command: string[]; add: (whole: string) => void } | null = null;
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const [at, text] of lines.entries()) {
    const line = at + 1;
    if (text.startsWith('## ')) acts.push({ title: text.slice(3), steps: [] });
    if (text.startsWith('```')) {
      inside = text === '```console';
      continue;
    }
    const steps = acts.at(-1)?.steps;
    if (!inside || steps === undefined) continue;
    if (typing !== null) {
      typing.command.push(text);
      if (text.endsWith('\\')) continue;
      typing.add(typing.command.join('\n'));
      typing = null;
      continue;
    }
    const later = LATER.exec(text);
    const typed = PROMPT.exec(text);
    if (later !== null) {
      const unit = later[2] as keyof typeof SECONDS; // one of the words that LATER lists
      steps.push({ kind: 'later', seconds: Number(later[1]) * SECONDS[unit], line });
    } else if (typed !== null) {
      const [, terminal = '', first = ''] = typed;
      const add = (whole: string): void => {
        const [command = '', comment = ''] = whole.split(/ {3}# /);
        const exit = Number(/^exit (\d+)/.exec(comment)?.[1] ?? 0);
        steps.push({ kind: 'typed', terminal, command, exit, shows: [], line });
      };
      if (first.endsWith('\\')) typing = { command: [first], add };
      else add(first);
    } else if (text.trim() !== '' && !text.startsWith('# ')) {
      const last = steps.at(-1);
      if (last?.kind !== 'typed') throw new Error(`${file}:${line}: nothing was typed before`);
      steps[steps.length - 1] = { ...last, shows: [...last.shows, text] };
    }
  }
  return acts.filter(({ steps }) => steps.length > 0);
}

/**
 * Words that are not known beforehand. `<grant>` is one word, `<grant…>` the rest of a line; where it is first
 * shown it is learned, and from then on it is that.
 */
const PLACEHOLDER = /<([a-z][a-z0-9-]*)(…?)>/g;

/** @throws Error naming what was learned nowhere */
export function filledIn(text: string, learned: ReadonlyMap<string, string>): string {
  return text.replace(PLACEHOLDER, (_, name: string) => {
    const value = learned.get(name);
    if (value === undefined) throw new Error(`<${name}> was shown by no earlier command`);
    return value;
  });
}

/**
 * Finds the lines in the output, in their order; `…` in a line stands for anything. What they name for the
 * first time is put into `learned`.
 * @returns the first line that was not printed; null when all were
 */
export function firstMissing(
  shows: readonly string[],
  output: string,
  learned: Map<string, string>,
): string | null {
  const printed = output.split('\n').map(words);
  let from = 0;
  for (const line of shows) {
    const { pattern, names } = patternOf(words(line), learned);
    const at = printed.findIndex((text, index) => index >= from && pattern.test(text));
    const found = pattern.exec(printed[at] ?? '');
    if (at < 0 || found === null) return line;
    for (const [index, name] of names.entries()) learned.set(name, found[index + 1] ?? '');
    from = at + 1;
  }
  return null;
}

function patternOf(line: string, learned: ReadonlyMap<string, string>) {
  const names: string[] = [];
  const parts = line.split(/(<[a-z][a-z0-9-]*…?>|…)/);
  const source = parts.map((part) => {
    if (part === '…') return '.*?';
    const [, name, rest] = new RegExp(PLACEHOLDER.source).exec(part) ?? [];
    if (name === undefined) return literally(part);
    const known = learned.get(name);
    if (known !== undefined) return literally(words(known));
    names.push(name);
    return rest === '…' ? '(.+)' : '(\\S+)';
  });
  return { pattern: new RegExp(`^${source.join('')}$`), names };
}

/** Where words stand on a line is the table's business. */
function words(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function literally(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&');
}
