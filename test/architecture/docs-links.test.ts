/**
 * What the documentation names exists: every relative link and its heading, every command and option of
 * the command line, every variable. A page that promises something else is worse than none.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { run } from '@countersign/cli';
import { beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SKIPPED = ['node_modules', '.git', '.turbo', 'reports', 'coverage'];

interface Page {
  readonly file: string;
  readonly text: string;
  /** Code blocks apart from prose: links are prose's, commands are both's. */
  readonly prose: string;
}

function markdownIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.includes(entry.name)) return [];
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return markdownIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

function read(file: string): Page {
  const text = readFileSync(file, 'utf8');
  return { file: relative(ROOT, file), text, prose: text.replaceAll(/^```[\s\S]*?^```/gm, '') };
}

const PAGES = markdownIn(ROOT).map(read);

/** As GitHub makes them: lower case, punctuation dropped, spaces to hyphens. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function brokenLinks({ file, prose }: Page): string[] {
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return links.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const to = path === '' ? join(ROOT, file) : resolve(ROOT, dirname(file), path);
    if (!existsSync(to)) return true;
    return anchor !== undefined && !anchorsOf(read(to).prose).includes(anchor);
  });
}

/** What `countersign … --help` prints; the command line itself says what it knows. */
async function helpOf(path: readonly string[]): Promise<string> {
  let printed = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      printed += String(chunk);
      done();
    },
  });
  const status = await run([...path, '--help'], {
    env: {},
    stdin: {},
    stdout: sink,
    stderr: sink,
  });
  return status === 0 ? printed : '';
}

/** Names under `Commands:`, with their usage. */
function commandsIn(help: string): string[] {
  const [, listed = ''] = help.split('\nCommands:\n');
  return [...listed.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name);
}

interface Told {
  readonly page: string;
  readonly line: string;
  readonly words: readonly string[];
}

/** Every `countersign …` in code, up to whatever a shell would end a command with. */
function commandsTold({ file, text }: Page): Told[] {
  const spans = [...text.matchAll(/^```[\s\S]*?^```|`[^`\n]+`/gm)].map(([span]) => span);
  return spans.flatMap((span) =>
    [...span.matchAll(/(?:^|[\s`$(/])countersign ([a-z-]+(?![^\s`])[^\n`|;&>]*)/g)].map(
      ([, rest = '']) => ({
        page: file,
        line: `countersign ${rest}`.trim(),
        words: (rest.split(/ -- | {3}# /)[0] ?? '').split(/\s+/).filter((word) => word !== ''),
      }),
    ),
  );
}

describe('the documentation', () => {
  test('was found', () => {
    expect(PAGES.map((page) => page.file)).toEqual(
      expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'docs/how-to/production.md']),
    );
  });

  test.each(PAGES.map((page) => [page.file, page] as const))('%s: links', (_, page) => {
    expect(brokenLinks(page)).toEqual([]);
  });

  test('a broken link would be found', () => {
    const planted = '[a](nowhere.md) [b](README.md#no-such-heading) [c](#the-tour)';
    expect(brokenLinks({ file: 'README.md', text: planted, prose: planted })).toEqual([
      'nowhere.md',
      'README.md#no-such-heading',
    ]);
  });
});

describe('commands and options', () => {
  const help = new Map<string, string>();
  beforeAll(async () => {
    const learn = async (path: readonly string[]): Promise<void> => {
      const text = await helpOf(path);
      help.set(path.join(' '), text);
      for (const name of commandsIn(text)) if (name !== 'help') await learn([...path, name]);
    };
    await learn([]);
  });

  /** The command that the words name, or null; and the options it does not know. */
  function unknownIn(words: readonly string[]): string[] {
    let path: string[] = [];
    for (const word of words) {
      if (!help.has([...path, word].join(' ').trim())) break;
      path = [...path, word];
    }
    const text = help.get(path.join(' ')) ?? '';
    if (path.length === 0) return [words[0] ?? ''];
    // A noun alone may be spoken of; a noun with a verb it does not have may not.
    const next = words[path.length];
    const verbs = commandsIn(text);
    if (verbs.length > 0 && next !== undefined && /^[a-z-]+$/.test(next)) return [next];
    return words
      .map((word) => /^[[(]?(--[a-z-]+)/.exec(word)?.[1])
      .filter((option) => option !== undefined)
      .filter((option) => !text.includes(`${option} `) && !text.includes(`${option}\n`));
  }

  test('were learned from the command line itself', () => {
    expect(help.size).toBeGreaterThan(30);
    expect(help.get('grant propose')).toContain('--max-uses');
  });

  test.each(
    PAGES.map((page) => [page.file, commandsTold(page)] as const).filter(
      ([, told]) => told.length > 0,
    ),
  )('%s: exist', (_, told) => {
    const wrong = told.flatMap(({ line, words }) =>
      unknownIn(words).map((unknown) => `${unknown} in: ${line}`),
    );
    expect(wrong).toEqual([]);
  });

  test('others would be found', () => {
    expect(unknownIn(['thaw', '--all'])).toEqual(['thaw']);
    expect(unknownIn(['connection', 'lend', 'pg'])).toEqual(['lend']);
    expect(unknownIn(['grant', 'list', '--everything'])).toEqual(['--everything']);
  });
});

describe('variables', () => {
  /** The server's own list: it refuses to start with any other. */
  const known = new Set(
    readFileSync(join(ROOT, 'apps/server/src/config.ts'), 'utf8').match(/COUNTERSIGN_[A-Z_]+/g),
  );

  test.each(PAGES.map((page) => [page.file, page] as const))('%s: exist', (_, { text }) => {
    const told = new Set(text.match(/COUNTERSIGN_[A-Z]+(?:_[A-Z]+)*/g));
    expect([...told].filter((name) => !known.has(name))).toEqual([]);
  });
});
