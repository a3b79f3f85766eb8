/**
 * `oidc-provider`, the certified OpenID server for Node, as its documentation sets it up for machine
 * clients: client_credentials, private_key_jwt, JWT access tokens signed with EdDSA, its in-memory
 * adapter. It keeps no ledger and survives no restart; it is here to say what a good server costs.
 */
import type { JWK } from 'jose';
import Provider from 'oidc-provider';

const { PORT, CLIENT_JWK = '{}', SIGNING_JWK = '{}' } = process.env;
const issuer = `http://localhost:${PORT}`;
const resource = `${issuer}/resource`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'cursor',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'EdDSA',
      id_token_signed_response_alg: 'EdDSA',
      jwks: { keys: [JSON.parse(CLIENT_JWK)] },
    },
  ],
  jwks: { keys: [JSON.parse(SIGNING_JWK) as JWK & { kty: string }] },

  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: '',
        audience: resource,
        accessTokenTTL: 300,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'EdDSA' } },
      }),
    },
  },
});
provider.listen(Number(PORT), '127.0.0.1', () => process.stdout.write('listening\n'));
