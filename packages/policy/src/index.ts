export {
  type Candidate,
  type Coverage,
  candidatesFor,
  cover,
  grantCovers,
} from './coverage.ts';
export { decide } from './decide.ts';
export {
  rightsAsked,
  type Unreadable,
} from './expand.ts';
export {
  type Allowed,
  ANY_RESOURCE,
  type Ask,
  type CoveredRight,
  type Denied,
  type Facts,
  type Obligations,
  type Question,
  type ResourceRules,
  type Right,
  type Step,
  type Verdict,
} from './facts.ts';
