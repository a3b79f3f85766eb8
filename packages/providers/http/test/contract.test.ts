import { Secret } from '@countersign/core';
import { describeProviderContract } from '@countersign/provider-kit/contract-suite';
import { openUpstream } from '@countersign/provider-kit/upstream';
import { compile } from '../src/description/index.ts';
import { createHttpProvider } from '../src/index.ts';
import { connectionTo, inbound, serveTasks, tasksDescription } from './support/tasks.ts';

describeProviderContract('a described API', async () => {
  const api = await serveTasks();
  const upstream = openUpstream();
  const compiled = compile(tasksDescription(api.base));
  const connection = connectionTo(api.base);
  return {
    provider: createHttpProvider(compiled, { clock: { now: () => Date.now() }, upstream }),
    connection,
    unreachable: connectionTo('http://127.0.0.1:1', {
      id: '01900000-0000-7000-8000-000000000002',
      credential: new Secret('tasks', 'nobody-knows-this'),
    }),
    samples: [
      {
        operation: 'tasks:tasks/delete',
        valid: ['task/1', 'task/a@b'],
        invalid: ['task/', 'task/1/', 'task/1/2', 'task/%31', 'task/1 ', 'Task/1', 'task/..', ''],
      },
      {
        operation: 'tasks:files/get',
        valid: ['file/alpha/a/b.txt', 'file/alpha/%C3%A4'],
        invalid: [
          'file/alpha',
          'file/alpha/',
          'file/alpha/a//b',
          'file/alpha/../b',
          'file/alpha/ä',
        ],
      },
      { operation: 'tasks:tasks/purge', valid: ['tasks/done'], invalid: ['tasks/open', 'tasks'] },
    ],
    gateway: {
      understood: [
        inbound('GET /v1/tasks/1'),
        inbound('PATCH /v1/tasks/1', { title: 'new', project: 'beta' }),
        inbound('DELETE /v1/tasks/2'),
      ],
      strange: [
        inbound('GET /v1/tasks/1/'),
        inbound('GET /v1/../v1/tasks/1'),
        inbound('TRACE /v1/tasks/1'),
        inbound('PATCH /v1/tasks/1', '{"title":"a","title":"b"}'),
      ],
    },
    end: async () => {
      await upstream.close();
      await api.close();
    },
  };
});
