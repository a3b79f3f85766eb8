/** The real engine, as the server loads it. */
import { createRequire } from 'node:module';
import type * as CedarNode from '@cedar-policy/cedar-wasm/nodejs';
import type { AuthorityState, Guardrail } from '@countersign/authority';
import { type Cedar, createGuardrailEngine, type GuardrailEngine } from '../../src/index.ts';

const require = createRequire(import.meta.url);
const MODULE = '@cedar-policy/cedar-wasm/nodejs';

export function loadCedar(): Cedar & Pick<typeof CedarNode, 'preparseSchema'> {
  delete require.cache[require.resolve(MODULE)];
  const cedar: typeof CedarNode = require(MODULE);
  return cedar;
}

export const engine: GuardrailEngine = createGuardrailEngine({
  load: loadCedar,
  elapsed: () => 0,
});

function guardrailOf(name: string, policy: string): Guardrail {
  return {
    id: `${name}-id`,
    name,
    policy,
    reason: 'because',
    author: 'alice',
    at: '2026-11-20T09:00:00.000Z',
    soleUntil: null,
    removedAt: null,
  };
}

/** The same authority with these guardrails standing. */
export function guarded(
  state: AuthorityState,
  texts: Readonly<Record<string, string>>,
): AuthorityState {
  const guardrails = Object.entries(texts).map(([name, policy]) => guardrailOf(name, policy));
  return { ...state, guardrails: new Map(guardrails.map((each) => [each.id, each])) };
}
