/**
 * Which fold this is. State that other code folded is not this one's, were it only for a mistake that was
 * mended since: so a snapshot says whose it is, by a digest of all that takes part in folding.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

const PACKAGES = ['core', 'contract', 'ledger', 'authority'] as const;

/** base64url SHA-256 over the sources of the fold and the versions of what they stand on. */
export function foldVersion(): string {
  const { resolve } = createRequire(import.meta.url);
  const digest = createHash('sha256');
  for (const name of PACKAGES) {
    const source = dirname(resolve(`@countersign/${name}`));
    const files = readdirSync(source, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    for (const file of [...files, join(source, '../package.json')]) {
      digest.update(`${name}/${relative(source, file)}\n`);
      digest.update(readFileSync(file)).update('\n');
    }
  }
  return digest.digest('base64url');
}
