/** Law 1: what is read out of the ledger is the description that was signed, or it is not used. */
import { describe, expect, test } from 'vitest';
import { compile } from '../src/description/index.ts';
import { readCatalog } from '../src/index.ts';
import { tasksDescription } from './support/tasks.ts';

const { catalog } = compile(tasksDescription('https://api.tasks.example'));
const read = (change: object) => () => readCatalog({ ...catalog, ...change });

describe('a catalog as the ledger holds it', () => {
  test('is the one that was compiled, again and again', () => {
    const again = readCatalog(JSON.parse(JSON.stringify(catalog))).catalog;
    expect(JSON.stringify(again)).toBe(JSON.stringify(catalog));
  });

  test.each<[string, object]>([
    [
      'an operation called something milder',
      {
        operations: catalog.operations.map((each) => ({ ...each, effects: [{ effect: 'read' }] })),
      },
    ],
    ['an operation less', { operations: catalog.operations.slice(1) }],
    [
      'another template',
      {
        description: {
          ...catalog.description,
          operations: JSON.parse(
            JSON.stringify(catalog.description?.['operations']).replace(
              'GET /v1/tasks',
              'GET /v2/tasks',
            ),
          ),
        },
      },
    ],
    ['no description', { description: undefined }],
    ['a member nobody knows', { description: { ...catalog.description, hooks: [] } }],
    ['another version', { description: { ...catalog.description, version: 2 } }],
  ])('is not used with %s', (_name, change) => {
    expect(read(change)).toThrow();
  });
});
