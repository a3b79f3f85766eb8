/** Cedar's engine for guardrails: WebAssembly that Node reads from its package, on demand. */
import { createRequire } from 'node:module';
import type { Cedar } from '@countersign/policy';

const require = createRequire(import.meta.url);

/** A fresh instance: the module holds one for ever, and one that trapped is not to be asked again. */
export function loadCedar(): Cedar {
  delete require.cache[require.resolve('@cedar-policy/cedar-wasm/nodejs')];
  const cedar: Cedar = require('@cedar-policy/cedar-wasm/nodejs');
  return cedar;
}
