/**
 * An API that nobody has heard of, added with one file and no code: drafted, looked over, tried, signed by two, and
 * from then on judged like any other. What really happened there its server's own record says.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createClient } from '@countersign/client';
import type { RequestedDetail } from '@countersign/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { verifyLedger } from '../support/ledger.ts';
import { NOTES } from '../support/notes.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

const TOKEN = 'notes_live_4f1c0d6a9b';

let deployment: Deployment;
let carol: Terminal;
let base: string;
let close: () => Promise<void>;
const done: { method: string; url: string; token: string | undefined }[] = [];

beforeAll(async () => {
  const notes: Record<string, string> = { 1: 'staging', 2: 'production' };
  const server = createServer((request, response) => {
    const { method = '', url = '' } = request;
    const [, id = ''] = /^\/notes\/(\d+)$/.exec(url) ?? [];
    // Each team has a book of that name.
    const ofTeam = url.endsWith('?team=press') ? 'production' : 'staging';
    const book = url.startsWith('/books/drafts') ? ofTeam : notes[id];
    if (method !== 'GET')
      done.push({ method, url, token: request.headers['x-notes-key']?.toString() });
    if (method === 'DELETE') delete notes[id];
    response.writeHead(id !== '' && book === undefined ? 404 : 200, {
      'content-type': 'application/json',
    });
    response.end(JSON.stringify({ id, book, owner: { apiKey: 'k-very-secret' }, login: 'robot' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  carol = await openTerminal(deployment, 'carol', ['admin', 'approver']);
});
afterAll(async () => {
  await carol.close();
  await deployment.stop();
  await close();
});

const described = () => ({
  ...NOTES,
  base,
  account: { ask: '/me', id: '/login' },
  places: {
    ...NOTES.places,
    book: { ask: '/books/{book}', query: ['team'], id: 'book/{answer:/book}' },
  },
  operations: [
    {
      name: 'books/edit',
      request: 'PATCH /books/{book}',
      effect: 'write',
      summary: 'Edit a book.',
      resource: 'book/{book}',
      place: 'book',
      query: ['team'],
      body: { type: 'json', keys: ['title'] },
    },
    {
      name: 'notes/get',
      request: 'GET /notes/{note:integer}',
      effect: 'read',
      summary: 'One note.',
      resource: 'note/{note}',
      place: 'note',
      redact: ['/owner/apiKey'],
    },
    ...NOTES.operations,
  ],
  examples: NOTES.examples,
});

async function file(name: string, document: unknown): Promise<string> {
  const path = join(carol.home, name);
  await writeFile(path, JSON.stringify(document));
  return path;
}

const at = { connection: 'notes', environment: 'staging' };
const on = (operations: readonly string[], note = '1') => details(operations, [`note/${note}`], at);

async function send(method: string, path: string, wanted: RequestedDetail[], body?: unknown) {
  const { cursor, broker } = deployment;
  const token = await cursor.agent.token(wanted);
  const answer = await createClient({ server: broker.url })
    .as(token)
    .forward('notes', {
      method,
      path,
      ...(body === undefined
        ? {}
        : { contentType: 'application/json', body: JSON.stringify(body) }),
    });
  return await answer.json();
}

describe('a description', () => {
  test('of a host that is judged completely is refused', async () => {
    const { client } = deployment.alice;
    const record = async (more: object): Promise<unknown> =>
      await client.call('recordCatalog', { body: { description: { ...described(), ...more } } });
    await expect(record({ base: 'https://backboard.railway.com' })).rejects.toThrow(
      /backboard\.railway\.com is spoken to by a built-in/,
    );
    await expect(record({ name: 'railway' })).rejects.toThrow(/railway is built in/);
  });

  test('counts for nothing until two have signed, since a PATCH is called a write', async () => {
    const path = await file('notes.json', described());
    const ran = await carol.run(['catalog', 'adopt', 'notes', '--file', path, '--reason', 'ours']);
    expect(ran.status, ran.stderr).toBe(4);
    expect(ran.stdout).toContain(`by humans, for requests to ${base}`);
    expect(ran.stdout).toContain('sent there as x-notes-key');
    expect(ran.stdout).toContain('1 read, 2 write, 2 delete');
    for (const line of ran.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const { alice, bob } = deployment;
    const listed = await carol.run(['catalog', 'list']);
    expect(listed.stdout).toMatch(/^notes +0 +1 +none: nothing counts/m);
    await expect(connect()).rejects.toMatchObject({ code: 'invalid_request' });
    const { items } = await alice.client.call('statements', { query: { pending: 'true' } });
    expect(await bob.sign(items[0]?.id ?? '')).toMatchObject({ status: 'complete' });
    const shown = await carol.run(['catalog', 'show', 'notes']);
    expect(shown.stdout).toMatch(/^notes:notes\/edit.hide +delete +delete/m);
    const exported = await carol.json(['catalog', 'export', 'notes']);
    expect(exported).toMatchObject(described());
  });
});

async function connect(): Promise<void> {
  const { alice, bob } = deployment;
  const ids = ['book/staging', 'book/production'];
  const answer = await alice.propose(
    {
      kind: 'connection.set',
      body: {
        name: 'notes',
        provider: 'notes',
        config: { ids },
        environments: { staging: ['book/staging'], production: ['book/production'] },
      },
    },
    { salt: randomBytes(32).toString('base64url'), value: TOKEN },
  );
  if (answer.status === 'pending') await bob.sign(answer.id);
}

describe('an agent of that API', () => {
  beforeAll(async () => {
    await connect();
    await deployment.grant({
      ...at,
      operations: ['notes:notes/get', 'notes:notes/edit'],
      resources: ['note/1', 'note/2'],
    });
    await deployment.grant({ ...at, operations: ['notes:books/edit'], resources: ['book/drafts'] });
  });

  test('reads and writes what was granted, and sees no secret', async () => {
    const granted = on(['notes:notes/get', 'notes:notes/edit']);
    expect(await send('GET', '/notes/1', granted)).toMatchObject({
      book: 'staging',
      owner: { apiKey: '[redacted]' },
    });
    await send('PATCH', '/notes/1', granted, { text: 'new' });
    expect(done.splice(0)).toEqual([{ method: 'PATCH', url: '/notes/1', token: TOKEN }]);
  });

  test.each<[string, string, string, unknown, string]>([
    ['what would destroy', 'DELETE', '/notes/1', undefined, 'needs_signature'],
    ['a value that would', 'PATCH', '/notes/1', { hidden: 'yes' }, 'needs_signature'],
    ['one that only looks harmless', 'PATCH', '/notes/1', { hidden: 'false' }, 'needs_signature'],
    ['its name in capitals', 'PATCH', '/notes/1', { HIDDEN: true }, 'unknown_operation'],
    ['its name in brackets', 'PATCH', '/notes/1', { 'hidden[]': true }, 'needs_signature'],
    ['a note behind another', 'PATCH', '/notes/1%2F..%2F2', {}, 'ambiguous_request'],
    ['a note in other digits', 'PATCH', '/notes/%D9%A1', {}, 'unknown_operation'],
    ['another environment', 'PATCH', '/notes/2', { text: 'x' }, 'environment_mismatch'],
    ['what is not there', 'PATCH', '/notes/3', { text: 'x' }, 'resource_not_granted'],
    ['what nobody described', 'POST', '/notes/1', {}, 'unknown_operation'],
    ['two readings', 'PATCH', '/notes/1/', {}, 'ambiguous_request'],
  ])('is refused %s', async (_what, method, path, body, code) => {
    const wanted = details(['notes:notes/get', 'notes:notes/edit'], ['note/1', 'note/2'], at);
    await expect(send(method, path, wanted, body)).rejects.toMatchObject({ code });
    expect(done).toEqual([]);
  });

  test('reaches no other team’s book by the name that its own has', async () => {
    const wanted = details(['notes:books/edit'], ['book/drafts'], at);
    await send('PATCH', '/books/drafts', wanted, { title: 'x' });
    expect(done.splice(0)).toEqual([{ method: 'PATCH', url: '/books/drafts', token: TOKEN }]);
    await expect(
      send('PATCH', '/books/drafts?team=press', wanted, { title: 'x' }),
    ).rejects.toMatchObject({ code: 'environment_mismatch' });
    expect(done).toEqual([]);
  });

  test('is told which operations there are, from the catalog alone', async () => {
    const wanted = on(['notes:notes/get']);
    await expect(send('POST', '/notes/1', wanted)).rejects.toThrow(
      /This path knows notes:notes\/get \(GET \/notes\/\{note:integer\}\), notes:notes\/edit/,
    );
    const me = await deployment.cursor.agent.me();
    expect(me.may_request).toContainEqual({
      operation: 'notes:notes/delete',
      summary: 'Delete a note.',
      request: 'DELETE /notes/{note:integer}',
    });
  });

  test('destroys what two humans signed, once', async () => {
    const { alice, bob, cursor } = deployment;
    const wanted = on(['notes:notes/delete']);
    await expect(cursor.agent.token(wanted)).rejects.toMatchObject({ code: 'needs_signature' });
    const asked = await cursor.agent.ask({ authorization_details: wanted, reason: 'old' });
    const drafted = await alice.propose({
      kind: 'grant.create',
      body: { request: asked.id, reason: 'ok' },
    });
    await expect(cursor.agent.token(wanted)).rejects.toMatchObject({ code: 'needs_signature' });
    await bob.sign(drafted.id);
    expect(await send('DELETE', '/notes/1', wanted)).toMatchObject({ book: 'staging' });
    expect(done.splice(0)).toEqual([{ method: 'DELETE', url: '/notes/1', token: TOKEN }]);
    await expect(send('DELETE', '/notes/1', wanted)).rejects.toMatchObject({
      code: 'grant_exhausted',
    });
    expect(done).toEqual([]);
  });
});

describe('another description', () => {
  test('of GitHub’s twelve hundred operations is adopted as well, and nothing of it offered to whose work is elsewhere', async () => {
    const { alice, bob, cursor } = deployment;
    const ran = await carol.run(['catalog', 'adopt', 'github', '--shipped', '--reason', 'ours']);
    expect(ran.status, ran.stderr).toBe(4);
    expect(ran.stdout).toContain('by humans, for requests to https://api.github.com');
    const { items } = await alice.client.call('statements', { query: { pending: 'true' } });
    expect(await bob.sign(items.at(-1)?.id ?? '')).toMatchObject({ status: 'complete' });
    const listed = await carol.run(['catalog', 'list']);
    expect(listed.stdout).toMatch(/^github +12\d\d +1 +/m);
    const me = await cursor.agent.me();
    expect(me.may_request.some(({ operation }) => operation.startsWith('github:'))).toBe(false);
  });

  test('leaves a ledger that anybody can verify', async () => {
    expect(await verifyLedger(deployment.bob)).toMatchObject({ ok: true });
  });
});
