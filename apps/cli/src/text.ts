/** Text for a terminal of 80 columns. What others wrote is cleaned first: it may not steer the screen. */
export const WIDTH = 80;
/** A longer label has a line of its own. */
const LONGEST_LABEL = 28;

const STEERING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Replaces whatever could move the cursor, change colours or hide itself. */
export function clean(text: string): string {
  return text.replace(STEERING, '\u{fffd}');
}

/** The same document on one line, with all of that escaped: JSON itself escapes little of it. */
export function plainJson(document: unknown): string {
  return escaped(JSON.stringify(document));
}

/** The same on lines of its own, as a file is written. */
export function plainJsonLines(document: unknown): string[] {
  return JSON.stringify(document, null, 2).split('\n').map(escaped);
}

function escaped(text: string): string {
  return text.replace(STEERING, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

export function lengthOf(text: string): number {
  return [...text].length;
}

/** At most `width` characters, the last an ellipsis where some are missing. */
export function clip(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width
    ? text
    : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/**
 * Breaks at spaces; a word longer than the line is cut. Lines after the first are indented; spaces
 * that the text begins with stay.
 */
export function wrap(text: string, width: number, indent = ''): string[] {
  const begin = /^ */.exec(text)?.[0] ?? '';
  const [first = '', ...others] = text.slice(begin.length).split(' ');
  const lines: string[] = [];
  let line = '';
  const room = () => Math.max(8, lines.length === 0 ? width : width - lengthOf(indent));
  for (const word of [begin + first, ...others]) {
    if (line !== '' && lengthOf(line) + 1 + lengthOf(word) <= room()) {
      line = `${line} ${word}`;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (lengthOf(line) > room()) {
      const characters = [...line];
      const cut = room();
      lines.push(characters.slice(0, cut).join(''));
      line = characters.slice(cut).join('');
    }
  }
  lines.push(line);
  return lines.map((each, index) => (index === 0 ? each : `${indent}${each}`));
}

/**
 * SQL on lines that can be pasted: broken at spaces outside of quoted names and strings only, and
 * never cut, so a line may be longer than `width`. Every line is indented.
 */
export function wrapSql(sql: string, width: number, indent: string): string[] {
  const words = sql.match(/(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|[^\s"'])+/g) ?? [];
  const lines: string[] = [];
  for (const word of words) {
    const line = `${lines.at(-1) ?? ''} ${word}`;
    if (lines.length > 0 && lengthOf(indent) + lengthOf(line) <= width) {
      lines[lines.length - 1] = line;
    } else lines.push(word);
  }
  return lines.map((line) => `${indent}${line}`);
}

/** One word to a POSIX shell, quoted only where it must be. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Label and value in two columns; values are wrapped under themselves. */
export function factLines(facts: readonly (readonly [label: string, value: string])[]): string[] {
  const lengths = facts.map(([label]) => lengthOf(label)).filter((n) => n <= LONGEST_LABEL);
  const longest = Math.max(0, ...lengths);
  return facts.flatMap(([rawLabel, rawValue]) => {
    const [label, value] = [clean(rawLabel), clean(rawValue)];
    if (lengthOf(label) > longest) {
      return [...wrap(`  ${label}`, WIDTH, '  '), ...wrap(`      ${value}`, WIDTH, '      ')];
    }
    const padding = ' '.repeat(longest - lengthOf(label));
    return wrap(`  ${label}${padding}  ${value}`, WIDTH, ' '.repeat(longest + 4));
  });
}

/** `2026-11-20 12:00:05Z` of an instant. */
export function shortTime(instant: string): string {
  return clean(instant)
    .replace('T', ' ')
    .replace(/\.\d{3}Z$/, 'Z');
}

/** The same to the minute, for lists: `2026-11-20 12:00Z`. */
export function minuteOf(instant: string): string {
  return shortTime(instant).replace(/:\d\dZ$/, 'Z');
}

/**
 * For each id the shortest prefix that no other has, of eight characters at least.
 * @param others ids that are not shown and could be meant: a prefix is of none of them either
 */
export function shortIds(
  ids: readonly string[],
  others: readonly string[] = [],
): ReadonlyMap<string, string> {
  const known = [...new Set([...ids, ...others])];
  return new Map(
    [...new Set(ids)].map((id) => {
      let length = 8;
      while (
        length < id.length &&
        known.some((other) => other !== id && other.startsWith(id.slice(0, length)))
      ) {
        length += 1;
      }
      return [id, id.slice(0, id[length - 1] === '-' ? length + 1 : length)];
    }),
  );
}
