export {
  type AccessTokenClaims,
  type Actor,
  type GrantedDetail,
  mintAccessToken,
  verifyAccessToken,
} from './access-token.ts';
export { ARGON2ID_SALT_BYTES, hashArgon2id, verifyArgon2id } from './argon2id.ts';
export {
  type ClientAssertion,
  type ClientAssertionExpectation,
  peekClientId,
  verifyClientAssertion,
} from './client-assertion.ts';
export { type ClientSecretMac, clientSecretMac } from './client-secret.ts';
export {
  type DeviceAssertion,
  type DeviceAssertionExpectation,
  peekDeviceKid,
  verifyDeviceAssertion,
} from './device-assertion.ts';
export { type DpopExpectation, type DpopProof, verifyDpopProof } from './dpop.ts';
export { type OwnTokenExpectation, peekTokenKid, type RegisteredClaims } from './own-token.ts';
export {
  ASYMMETRIC_ALGORITHMS,
  type AsymmetricAlgorithm,
  type JwkSet,
  type PublicJwk,
  parsePublicJwk,
  thumbprint,
} from './public-jwk.ts';
export {
  mintSessionToken,
  type SessionTokenClaims,
  verifySessionToken,
} from './session-token.ts';
export { generateSigningKey, importSigner, type TokenSigner } from './signing-key.ts';
