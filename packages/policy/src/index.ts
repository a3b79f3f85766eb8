export type { Cedar } from './cedar.ts';
export { candidatesFor, coveredBy } from './coverage.ts';
export { coveredRights, decide } from './decide.ts';
export type {
  Allowed,
  Ask,
  CoveredRight,
  Denied,
  Facts,
  ForbiddenBy,
  Question,
  ResourceRules,
  Verdict,
} from './facts.ts';
export { createGuardrailEngine, type GuardrailEngine } from './guardrail-engine.ts';
export type { Complaint } from './guardrail-text.ts';
export { forbiddenAmong } from './guardrails.ts';
