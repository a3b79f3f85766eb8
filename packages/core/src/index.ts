export {
  type Code,
  DENIAL_CODES,
  type DenialCode,
  INPUT_CODES,
  type InputCode,
  statusOf,
} from './codes.ts';
export {
  type Catalog,
  type CatalogOperation,
  defaultEffect,
  type EffectRule,
  type EffectScope,
  effectOf,
} from './effect-rules.ts';
export {
  type DeleteCapableEffect,
  EFFECTS,
  type Effect,
  isDeleteCapable,
  isEffect,
  worse,
} from './effects.ts';
export { CountersignError, inputError, UnfaithfulLedger } from './errors.ts';
export { isUuid, isUuidV7, uuidv7 } from './ids.ts';
export { parseJsonText } from './json-text.ts';
export { isNarrowed, isOperation, providerOf } from './operations.ts';
export type { Clock, Random } from './ports.ts';
export { Secret } from './secret.ts';
export { fromInstant, isInstant, MAX_CLOCK_SKEW, toInstant } from './time.ts';
export { VERSION } from './version.ts';
