export { candidatesFor } from './coverage.ts';
export { decide } from './decide.ts';
export type {
  Allowed,
  Ask,
  CoveredRight,
  Denied,
  Facts,
  Question,
  ResourceRules,
  Verdict,
} from './facts.ts';
