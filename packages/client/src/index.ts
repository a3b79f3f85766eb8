export {
  type Agent,
  type AgentIdentity,
  type AgentToken,
  type Credential,
  createAgent,
} from './agent.ts';
export { type Caller, type Client, type ClientOptions, createClient } from './client.ts';
export { ProblemError } from './problem.ts';
export { clientAssertion, deviceAssertion, dpopProof } from './proofs.ts';
export type { CallInput } from './request.ts';
export { type Session, signIn } from './sign-in.ts';
export { newPrivateJwk, type SigningKey, signingKeyOf } from './signing-key.ts';
