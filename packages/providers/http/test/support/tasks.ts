/** A small API that nobody else has, as a description and as a server: what a team would bring. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Secret } from '@countersign/core';
import type { InboundRequest, ProviderConnection } from '@countersign/provider-kit';

export function tasksDescription(base: string) {
  return {
    version: 1,
    name: 'tasks',
    title: 'Tasks',
    base,
    credential: { header: 'authorization', prefix: 'Bearer ' },
    account: { ask: '/v1/me', id: '/login' },
    limits: { body: 65_536 },
    refused: [404, 409, 429],
    places: {
      project: { id: 'project/{project}' },
      task: { ask: '/v1/tasks/{task}', id: 'project/{answer:/project}' },
      moved: { id: 'project/{body:/project}' },
      listed: { id: 'project/{body:/ids/*}' },
    },
    query: ['page'],
    operations: [
      {
        name: 'tasks/list',
        request: 'GET /v1/projects/{project}/tasks',
        effect: 'read',
        summary: 'List tasks.',
        resource: 'project/{project}',
        place: 'project',
        query: ['state', 'label[]'],
      },
      {
        name: 'tasks/get',
        request: 'GET /v1/tasks/{task:integer}',
        effect: 'read',
        summary: 'One task.',
        resource: 'task/{task}',
        place: 'task',
        redact: ['/webhook/secret'],
      },
      {
        name: 'tasks/update',
        request: 'PATCH /v1/tasks/{task:integer}',
        effect: 'write',
        summary: 'Change a task.',
        resource: 'task/{task}',
        place: 'task',
        body: { type: 'json', keys: ['title', 'state', 'project', 'archived'] },
        when: [
          {
            name: 'tasks/update.archive',
            effect: 'delete',
            summary: 'Archive a task for good.',
            at: '{body:/archived}',
            is: [true],
          },
          {
            name: 'tasks/update.close',
            effect: 'delete',
            summary: 'Close a task.',
            at: '{body:/state}',
            unless: ['open', 'doing'],
          },
          {
            name: 'tasks/move',
            effect: 'delete',
            summary: 'Move a task to another project.',
            at: '{body:/project}',
            present: true,
            place: ['task', 'moved'],
          },
        ],
      },
      {
        name: 'tasks/delete',
        request: 'DELETE /v1/tasks/{task:integer}',
        effect: 'delete',
        summary: 'Delete a task.',
        resource: 'task/{task}',
        place: 'task',
      },
      {
        name: 'tasks/purge',
        request: 'DELETE /v1/tasks/done',
        effect: 'delete',
        summary: 'Delete every task that is done.',
        resource: 'tasks/done',
        place: null,
      },
      {
        name: 'projects/delete-many',
        request: 'POST /v1/projects/delete',
        effect: 'delete',
        summary: 'Delete projects.',
        resource: 'project/{body:/ids/*}',
        place: 'listed',
        body: { type: 'json', keys: ['ids'] },
      },
      {
        name: 'files/get',
        request: 'GET /v1/projects/{project}/files/{path:rest}',
        effect: 'read',
        summary: 'A file.',
        resource: 'file/{project}/{path}',
        place: 'project',
      },
      {
        name: 'labels/add',
        request: 'POST /v1/projects/{project}/labels',
        effect: 'write',
        summary: 'Add a label.',
        resource: 'project/{project}',
        place: 'project',
        body: { type: 'form', keys: ['name', 'color', 'meta'] },
      },
    ],
  };
}

interface Received {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | null;
  readonly body: string;
}

export interface TasksApi {
  readonly base: string;
  readonly received: Received[];
  /** By id. */
  readonly tasks: Map<string, { project: string; title: string; webhook: { secret: string } }>;
  close(): Promise<void>;
}

const TOKEN = 'tsk_live_0123456789abcdef';

export async function serveTasks(): Promise<TasksApi> {
  const received: Received[] = [];
  const tasks: TasksApi['tasks'] = new Map([
    ['1', { project: 'alpha', title: 'one', webhook: { secret: 'hook-secret-1' } }],
    ['2', { project: 'beta', title: 'two', webhook: { secret: 'hook-secret-2' } }],
  ]);
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { method = '', url = '', headers } = request;
      received.push({ method, url, authorization: headers.authorization ?? null, body });
      const [, id] = /^\/v1\/tasks\/(\d+)$/.exec(url) ?? [];
      const task = tasks.get(id ?? '');
      if (url === '/v1/me') return answer(200, { login: 'robot' });
      if (id !== undefined && task === undefined) return answer(404, { error: 'no such task' });
      if (id !== undefined && method === 'DELETE') tasks.delete(id);
      return answer(200, task ?? { ok: true });
    });
    function answer(status: number, document: unknown): void {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(document));
    }
  });
  const base = await listening(server);
  return {
    base,
    received,
    tasks,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens nowhere');
  return `http://127.0.0.1:${address.port}`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

export function connectionTo(
  base: string,
  more: Partial<ProviderConnection> = {},
): ProviderConnection {
  return {
    id: '01900000-0000-7000-8000-000000000001',
    brokerTag: 'aaaaaaaa',
    config: { endpoint: base, account: 'robot', ids: ['project/alpha', 'project/beta'] },
    credential: new Secret('tasks', TOKEN),
    ...more,
  };
}

/** `DELETE /v1/tasks/1?page=2`, and a body as JSON unless it is text. */
export function inbound(
  asked: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): InboundRequest {
  const [method = '', target = ''] = asked.split(' ');
  const at = target.indexOf('?');
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  return {
    method,
    path: at < 0 ? target : target.slice(0, at),
    query: at < 0 ? null : target.slice(at + 1),
    headers: new Map(
      Object.entries({
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      }),
    ),
    body: new TextEncoder().encode(text),
  };
}
