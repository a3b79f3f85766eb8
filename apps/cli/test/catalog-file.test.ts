/**
 * Descriptions of APIs on the way to being signed: drafted, looked over and tried without any broker, whatever the
 * files hold. In this process, as people type it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NOTES } from '../../../test/support/notes.ts';
import { run } from '../src/run.ts';

let home = '';

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'countersign-cli-catalog-'));
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

class Kept extends Writable {
  text = '';
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function typed(...argv: readonly string[]) {
  const [stdout, stderr] = [new Kept(), new Kept()];
  const env = { COUNTERSIGN_HOME: home, COUNTERSIGN_SERVER: 'http://127.0.0.1:1' };
  const status = await run(argv, { env, stdin: {}, stdout, stderr });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

async function file(name: string, content: unknown): Promise<string> {
  const path = join(home, name);
  const isText = typeof content === 'string' || Buffer.isBuffer(content);
  await writeFile(path, isText ? content : JSON.stringify(content));
  return path;
}

const unwrapped = (text: string): string => text.replace(/\s+/g, ' ');

const openapi = (more: object) => ({
  openapi: '3.0.3',
  info: { title: 'Notes', version: '1' },
  servers: [{ url: 'https://notes.example/api/v2' }],
  ...more,
});

describe('a description', () => {
  test('is drafted from OpenAPI, with the worst where nothing is said', async () => {
    const document = openapi({
      paths: {
        '/notes/{id}': {
          parameters: [{ name: 'id', in: 'path', schema: { type: 'integer' } }],
          get: { operationId: 'notes/get', summary: 'One note' },
          delete: { operationId: 'notes/delete', summary: 'Delete a note' },
        },
        '/notes/{id}/purge': { post: { operationId: 'notes/purge', summary: 'Purge it' } },
        '/notes/{id}/keys': { get: { operationId: 'notes/keys', summary: 'Show its API keys' } },
      },
    });
    const ran = await typed('catalog', 'import', await file('o.json', document), '--name', 'notes');
    const drafted = JSON.parse(ran.stdout);
    expect(drafted).toMatchObject({
      base: 'https://notes.example',
      operations: [
        { name: 'notes/get', request: 'GET /api/v2/notes/{id:integer}', effect: 'read' },
        { name: 'notes/delete', effect: 'delete' },
        { name: 'notes/purge', effect: 'delete' },
        { name: 'notes/keys', effect: 'reveal' },
      ],
    });
    const linted = await typed('catalog', 'lint', await file('drafted.json', drafted));
    expect([linted.status, linted.stdout]).toEqual([
      1,
      'untested: no examples: nobody can see what it makes of a request.\n1 to look at.\n',
    ]);
  });

  test('is looked over, and tried on its examples', async () => {
    const path = await file('notes.json', NOTES);
    expect(await typed('catalog', 'lint', path)).toEqual({
      status: 0,
      stdout: 'Nothing to say of it.\n',
      stderr: '',
    });
    expect(await typed('catalog', 'test', path)).toEqual({
      status: 0,
      stdout: [
        'ok   DELETE /notes/1: notes/delete on note/1 in book/staging',
        'ok   PATCH /notes/1: notes/edit, notes/edit.hide on note/1 in book/staging',
        'ok   PURGE /notes/1: refused: unknown_operation',
        '3 examples, all as expected.',
        '',
      ].join('\n'),
      stderr: '',
    });
    const more = [{ request: 'GET /notes/x', expect: { operations: ['notes/get'] } }];
    const wrong = await typed('catalog', 'test', path, '--examples', await file('m.json', more));
    expect(wrong.status).toBe(1);
    expect(wrong.stdout).toContain('BAD  GET /notes/x: refused: unknown_operation');
  });

  test('that is none is refused before anybody is asked', async () => {
    const path = await file('broken.json', { ...NOTES, base: 'http://notes.example' });
    const refused = await typed('catalog', 'adopt', 'notes', '--file', path, '--reason', 'x');
    expect([refused.status, refused.stdout]).toEqual([1, '']);
    expect(unwrapped(refused.stderr)).toContain('no description of an API. base: an https origin');
    const none = await typed('catalog', 'adopt', 'nobody', '--shipped', '--reason', 'x');
    expect([none.status, none.stderr]).toEqual([1, expect.stringContaining('github, neon')]);
  });
});

const paths = { '/x': { post: {} } };

describe('what no description can be drafted from is refused with what to do', () => {
  test.each<[string, string, unknown, readonly string[], RegExp]>([
    ['a name that is none', 'o.json', openapi({ paths }), ['--name', 'My API'], /name: a letter/],
    ['no operation at all', 'o.json', openapi({ paths: {} }), [], /no operation/],
    ['Swagger 2', 'o.json', { swagger: '2.0', paths }, [], /openapi is 3.0 or later/],
    ['YAML', 'o.yaml', 'openapi: 3.0.0', [], /is YAML; only JSON is read/],
    ['no address of a schema', 's.graphql', 'type Query { a: Int }', [], /give --base-url/],
  ])('%s', async (_what, name, content, options, words) => {
    const argv = ['catalog', 'import', await file(name, content), '--name', 'x', ...options];
    const ran = await typed(...argv);
    expect([ran.status, ran.stdout]).toEqual([2, '']);
    expect(unwrapped(ran.stderr)).toMatch(words);
    expect(ran.stderr).toMatch(/\nnext: (?:countersign catalog import --help|the same document )/);
  });
});

const deepList = `${'['.repeat(100_000)}Int${']'.repeat(100_000)}`;

describe('a hostile file', () => {
  test.each<[string, string, unknown]>([
    ['nothing', 'empty.json', ''],
    ['no JSON', 'text.json', '\u001b[2J\u202eno JSON'],
    ['a byte order mark', 'bom.json', Buffer.from('\ufeff{"openapi":"3.0.0"}')],
    ['UTF-16', 'wide.json', Buffer.from('{"openapi":"3.0.0"}', 'utf16le')],
    ['a member twice', 'twice.json', '{"openapi":"3.0.0","openapi":"3.0.1"}'],
    ['a prototype', 'proto.json', '{"__proto__":{"openapi":"3.0.0","paths":{}}}'],
    ['a hundred thousand levels', 'deep.json', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['a schema of as many', 'deep.graphql', `type Query { a(x: ${deepList}): Int }`],
    [
      'a header that is two',
      'header.json',
      openapi({
        paths,
        components: {
          securitySchemes: { a: { type: 'apiKey', in: 'header', name: 'X-Key\r\nHost' } },
        },
      }),
    ],
    [
      'a credential in its address',
      'base.json',
      openapi({ paths, servers: [{ url: 'http://a:b@c.example' }] }),
    ],
    [
      'an address by its number',
      'meta.json',
      openapi({ paths, servers: [{ url: 'http://169.254.169.254/' }] }),
    ],
    ['no address', 'none.json', openapi({ paths, servers: [{ url: '/relative' }] })],
  ])('with %s is refused in words that steer nothing', async (_what, name, content) => {
    const ran = await typed('catalog', 'import', await file(name, content), '--name', 'x');
    expect([1, 2]).toContain(ran.status);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(/^error:\s/);
    expect(ran.stderr).not.toMatch(/[^\P{Cc}\n]|\p{Cf}|^\s+at /mu);
  });

  test('with names that steer a terminal is drafted in text that does not, and means the same', async () => {
    const name = 'q\u001b[2J\u009b31m\u202ex';
    const get = { parameters: [{ in: 'query', name }], summary: name };
    const path = await file('steer.json', openapi({ paths: { '/x': { get } } }));
    const { status, stdout } = await typed('catalog', 'import', path, '--name', 'x');
    expect(status).toBe(0);
    expect(stdout).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    expect(JSON.parse(stdout).operations[0].query).toEqual([name]);
  });
});
