/** The names of metrics in docs/reference/metrics.md: the first cell of each row that is one of ours. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './broker-process.ts';

export async function documentedMetrics(): Promise<string[]> {
  const page = await readFile(join(ROOT, 'docs/reference/metrics.md'), 'utf8');
  return [...page.matchAll(/^\| `(countersign_\w+)`/gm)].map(([, name = '']) => name);
}
