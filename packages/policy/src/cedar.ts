/**
 * The part of Cedar that guardrails need, as a port: what carries the WebAssembly reads a file to load it,
 * and this package does no I/O. After a trap an instance is never asked again, so whoever supplies one
 * supplies a fresh one each time.
 */
import type * as CedarNode from '@cedar-policy/cedar-wasm/nodejs';

export type Cedar = Pick<
  typeof CedarNode,
  | 'policySetTextToParts'
  | 'policyToJson'
  | 'preparsePolicySet'
  | 'statefulIsAuthorized'
  | 'validate'
>;

export type CedarError = CedarNode.DetailedError;
