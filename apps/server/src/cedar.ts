/** Cedar's engine for guardrails: WebAssembly that Node reads from its package, on demand. */
import { createRequire } from 'node:module';
import type { Cedar } from '@countersign/policy';

/** A fresh instance: the module holds one for ever, and one that trapped is not to be asked again. */
export function loadCedar(): Cedar {
  // One of its own for each: a lasting one would keep every instance that it ever loaded.
  const require = createRequire(import.meta.url);
  delete require.cache[require.resolve('@cedar-policy/cedar-wasm/nodejs')];
  const cedar: Cedar = require('@cedar-policy/cedar-wasm/nodejs');
  return cedar;
}
