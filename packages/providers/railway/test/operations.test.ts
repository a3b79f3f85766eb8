/** What each mutation does, row by row. A row's title begins with the mutation that it is about. */
import { describe, expect, test } from 'vitest';
import { MUTATIONS } from '../src/simulator/operations.ts';
import { ACCESS } from './rows/access.ts';
import { EDGES } from './rows/edges.ts';
import { MACHINES } from './rows/machines.ts';
import { PROJECTS } from './rows/projects.ts';
import { SERVICES } from './rows/services.ts';
import { SETTINGS } from './rows/settings.ts';
import { STORAGE } from './rows/storage.ts';
import { expectRow } from './support/rows.ts';

const ROWS = [...STORAGE, ...SERVICES, ...PROJECTS, ...EDGES, ...ACCESS, ...MACHINES, ...SETTINGS];

describe('an operation', () => {
  test.each(ROWS)('$does', expectRow);

  test('of each name has a row', () => {
    const subjects = new Set(ROWS.map(({ does }) => does.split(' ')[0]));
    expect(Object.keys(MUTATIONS).filter((field) => !subjects.has(field))).toEqual([]);
  });
});
