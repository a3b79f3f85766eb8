/** What operations can do, in 80 columns, whatever an API calls them: a name that people type is never cut. */
import { expect, test } from 'vitest';
import { operationLines } from '../src/commands/catalog.ts';

const operation = (name: string, summary: string) => ({
  ...{ name, summary, request: null, own: null },
  production: { whole: 'delete', narrowed: 'write' } as const,
  elsewhere: { whole: 'write', narrowed: 'write' } as const,
});

test('operations with short names are a table', () => {
  expect(operationLines([operation('postgres:update', 'Changes rows.')])).toEqual([
    'OPERATION        PRODUCTION           ELSEWHERE  YOURS  WHAT IT DOES AT WORST',
    'postgres:update  delete, parts write  write             Changes rows.',
  ]);
});

test('names that leave no room have lines of their own, and all that is said of them', () => {
  const name = 'github:security-advisories/update-repository-advisory.publish';
  const summary = 'Let everybody see a security advisory.';
  const own = { ...operation(name, summary), own: 'delete' as const };
  expect(operationLines([own, operation('github:meta/get', 'What is here.')])).toEqual([
    name,
    '  production delete, parts write; elsewhere write; yours delete. Let everybody',
    '  see a security advisory.',
    'github:meta/get',
    '  production delete, parts write; elsewhere write. What is here.',
  ]);
});
