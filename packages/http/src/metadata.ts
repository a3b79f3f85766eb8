/** The two discovery documents, so that clients need no configuration but the issuer. */
import { JWT_BEARER, routes, TOKEN_EXCHANGE } from '@countersign/contract';

/** `Ed25519` is RFC 9864's name for what `EdDSA` was; clients announce either. */
export const DPOP_ALGORITHMS = ['EdDSA', 'Ed25519', 'ES256'] as const;

/** RFC 9728 section 3.1. */
export function resourceMetadataUrl(issuer: string): string {
  return `${issuer}${routes.resourceMetadata.path}`;
}

/** RFC 8414 section 2. */
export function authorizationServerMetadata(issuer: string): Readonly<Record<string, unknown>> {
  return {
    issuer,
    token_endpoint: `${issuer}${routes.token.path}`,
    jwks_uri: `${issuer}${routes.jwks.path}`,
    grant_types_supported: ['client_credentials', TOKEN_EXCHANGE, JWT_BEARER],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: [
      'private_key_jwt',
      'client_secret_basic',
      'client_secret_post',
    ],
    token_endpoint_auth_signing_alg_values_supported: DPOP_ALGORITHMS,
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    authorization_details_types_supported: ['countersign'],
    protected_resources: [issuer],
    service_documentation: `${issuer}${routes.openapi.path}`,
  };
}

/** RFC 9728 section 2. */
export function protectedResourceMetadata(issuer: string): Readonly<Record<string, unknown>> {
  return {
    resource: issuer,
    resource_name: 'Countersign',
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    dpop_bound_access_tokens_required: false,
    authorization_details_types_supported: ['countersign'],
    resource_documentation: `${issuer}${routes.openapi.path}`,
  };
}

/** What someone sees who opens the issuer in a browser. */
export function welcome(issuer: string, version: string): string {
  return [
    `Countersign ${version}: a least-privilege token broker for AI agents.`,
    'Nothing delete-capable until a second human has signed.',
    '',
    `API description        ${issuer}${routes.openapi.path}`,
    `Authorization server   ${issuer}${routes.metadata.path}`,
    `Protected resource     ${resourceMetadataUrl(issuer)}`,
    `Token keys             ${issuer}${routes.jwks.path}`,
    '',
  ].join('\n');
}
