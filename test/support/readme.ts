/** The tour as the README tells it: commands, what must show in their output, and exit statuses. */
import { readFileSync } from 'node:fs';

export interface Told {
  readonly command: string;
  /** Lines that must show in its output, `…` for anything. */
  readonly shows: readonly string[];
  readonly exit: number;
  /** 1-based line of the README. */
  readonly line: number;
}

/** Every `$ ` line of the console blocks under a heading. */
export function toldUnder(file: string, heading: string): Told[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const from = lines.indexOf(`## ${heading}`);
  const after = lines.findIndex((line, i) => i > from && line.startsWith('## '));
  const told: { command: string; shows: string[]; exit: number; line: number }[] = [];
  let inside = false;
  for (let i = from; i < (after < 0 ? lines.length : after); i += 1) {
    const text = lines[i] ?? '';
    if (text.startsWith('```')) inside = text === '```console';
    else if (inside && text.startsWith('$ ')) {
      const [command = '', comment = ''] = text.slice(2).split(/ {3}# /);
      const exit = Number(/^exit (\d+)/.exec(comment)?.[1] ?? 0);
      told.push({ command, shows: [], exit, line: i + 1 });
    } else if (inside && text !== '') told.at(-1)?.shows.push(text);
  }
  return told;
}
