/**
 * A client whose session may have ended without its profile knowing: the broker withdrew its token keys, or a
 * restored database has never heard of it. It signs in anew, once, and asks the same again.
 */
import type { Client } from '@countersign/client';
import { ProblemError } from '@countersign/client';

/** Answers of the broker that mean the kept session is worth nothing any more. Nothing was done then. */
const SESSION_OVER = ['invalid_token', 'token_expired', 'token_revoked', 'sender_mismatch'];

export function isSessionOver(code: string): boolean {
  return SESSION_OVER.includes(code);
}

/** @param renew signs in anew; called at most once */
export function lastingClient(kept: Client, renew: () => Promise<Client>): Client {
  let present = Promise.resolve(kept);
  let isRenewed = false;

  function renewed(error: unknown): Promise<Client> {
    if (!(error instanceof ProblemError) || !isSessionOver(error.code)) throw error;
    if (!isRenewed) {
      isRenewed = true;
      present = renew();
    }
    return present;
  }

  async function withSession<T>(ask: (client: Client) => Promise<T>): Promise<T> {
    const before = present;
    try {
      return await ask(await before);
    } catch (error) {
      const after = await renewed(error);
      if (after === (await before)) throw error;
      return await ask(after);
    }
  }

  return {
    ...kept,
    call: (name, input) => withSession((client) => client.call(name, input)),
    async *exportLines(query) {
      const lines = await withSession(async (client) => {
        const started = client.exportLines(query);
        return { first: await started.next(), rest: started };
      });
      if (lines.first.done === true) return;
      yield lines.first.value;
      yield* lines.rest;
    },
  };
}
