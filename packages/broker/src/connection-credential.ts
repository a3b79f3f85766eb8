/** A connection with its root credential opened for one use, checked against what humans signed. */
import { createHash } from 'node:crypto';
import type { Connection } from '@countersign/authority';
import { CountersignError, Secret } from '@countersign/core';
import type { Provider, ProviderConnection } from '@countersign/provider-kit';
import type { Deps } from './deps.ts';
import type { CredentialBinding } from './ports.ts';

/** SHA-256 of salt and credential: what the statement commits to, so that signers know it is this one. */
export function commitmentTo(salt: string, credential: Secret): string {
  return createHash('sha256')
    .update(Buffer.from(salt, 'base64url'))
    .update(credential.reveal(), 'utf8')
    .digest('base64url');
}

/** Eight characters by which a provider's names show which broker made them. */
function brokerTag(fingerprint: string): string {
  return Buffer.from(fingerprint, 'base64url').subarray(0, 4).toString('hex');
}

function bindingOf(broker: string, connection: Connection): CredentialBinding {
  const { endpoint, account } = connection.body;
  return { broker, connection: connection.id, endpoint, account };
}

/** @throws CountersignError `broker_unavailable` when it does not open or is not the one signed for */
export async function openConnection(
  deps: Pick<Deps, 'authority' | 'providers' | 'sealed'>,
  connection: Connection,
): Promise<{ readonly provider: Provider; readonly opened: ProviderConnection }> {
  const provider = deps.providers.get(connection.body.provider);
  const { broker } = deps.authority.state;
  if (provider === undefined || broker === null) {
    throw new CountersignError(
      'broker_unavailable',
      'The provider of this connection is not here.',
    );
  }
  const { salt, credential } = await deps.sealed.open(
    connection.setBy,
    bindingOf(broker, connection),
  );
  // Law 1: the credential is the one the statement commits to, whatever the database holds now.
  if (commitmentTo(salt, credential) !== connection.body.credential) {
    throw new CountersignError(
      'broker_unavailable',
      `The stored credential of ${connection.name} is not the one that was signed for.`,
    );
  }
  return {
    provider,
    opened: {
      id: connection.setBy,
      brokerTag: brokerTag(broker),
      config: connection.body.config,
      credential: new Secret(`credential of ${connection.name}`, credential.reveal()),
    },
  };
}
