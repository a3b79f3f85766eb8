/** Each finding of `doctor` is documented, and nothing is that it does not find. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FINDING_IDS } from '@countersign/contract';
import { expect, test } from 'vitest';

const PAGE = fileURLToPath(new URL('../../docs/reference/doctor.md', import.meta.url));

test('the documentation lists what doctor can find, in its order', () => {
  const [, list = ''] = readFileSync(PAGE, 'utf8').split(/^\| finding .*$/m);
  const rows = list.matchAll(/^\| `([a-z_]+)` +\|/gm);
  expect([...rows].map(([, id]) => id)).toEqual([...FINDING_IDS]);
});
