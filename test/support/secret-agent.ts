/** An agent with a client secret, registered by a person as the command line does it. */
import { createAgent, createClient, type SigningKey } from '@countersign/client';
import type { DraftAnswer } from '@countersign/contract';
import { Secret } from '@countersign/core';
import type { Deployment } from './deployment.ts';
import { envelopeOf, newId, type Person } from './people.ts';

interface SecretAgent {
  readonly name: string;
  readonly id: string;
  readonly secret: Secret;
  /** The agent with its secret and this key; null: with a key of its own making. */
  as(key: SigningKey | null): ReturnType<typeof createAgent>;
}

/** Drafts only: the broker makes a secret, and nobody signs for it. */
export async function draftSecretAgent(
  person: Person,
  name: string,
  more: { readonly id?: string; readonly requireDpop?: boolean } = {},
): Promise<DraftAnswer & { readonly secret: Secret }> {
  const answer = await person.client.call('draft', {
    body: {
      kind: 'agent.register',
      id: more.id ?? newId(),
      body: {
        name,
        auth: { method: 'client_secret' },
        ...(more.requireDpop === undefined ? {} : { require_dpop: more.requireDpop }),
      },
    },
  });
  if (answer.client_secret === undefined) throw new Error('the draft brought no secret');
  return { ...answer, secret: new Secret('client secret', answer.client_secret) };
}

export async function registerSecretAgent(
  { alice, broker }: Deployment,
  name: string,
  more: { readonly requireDpop?: boolean } = {},
): Promise<SecretAgent> {
  const { statement, secret } = await draftSecretAgent(alice, name, more);
  const { id } = await alice.client.call('propose', {
    body: { envelope: await envelopeOf(statement, alice.privateJwk) },
  });
  return {
    name,
    id,
    secret,
    as: (key) => createAgent(createClient({ server: broker.url }), { name, secret, key }),
  };
}
