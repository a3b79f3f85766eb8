/** What an admin should know of a connection to a described API before trusting it. */
import { type ConnectionCheck, ProviderError } from '@countersign/provider-kit';
import type { HttpConfig } from './config.ts';
import type { Compiled } from './description/compiled.ts';
import { renderPath } from './description/path.ts';
import { parsePointer, valuesAt } from './description/pointer.ts';
import { type Ask, NotUnderstood } from './resolve.ts';

/**
 * The account behind the credential, by the API's own account; null where the description does not say how to ask.
 * @throws ProviderError where nothing answers, or not so that it can be understood
 */
export async function accountOf(compiled: Compiled, ask: Ask): Promise<string | null> {
  const { account } = compiled;
  if (account === null) {
    await requireThere(ask);
    return null;
  }
  const answer = await ask(renderPath(account.ask, new Map()));
  const [found, ...others] = valuesAt(answer, parsePointer(account.id) ?? []);
  const isNamed = typeof found === 'string' || Number.isSafeInteger(found);
  if (isNamed && others.length === 0 && String(found).length <= 256) return String(found);
  throw new ProviderError(
    'misconfigured',
    `The API does not say whose credential this is: ${account.ask.text} answers with no name at ${account.id}.`,
  );
}

/** Never throws for what it looks at: an unreachable provider is a finding. */
export async function checkConnection(
  compiled: Compiled,
  config: HttpConfig,
  ask: Ask,
): Promise<ConnectionCheck> {
  try {
    const account = await accountOf(compiled, ask);
    if (account === null) {
      return found(true, `Reached ${config.endpoint}. It was not asked whose credential this is.`);
    }
    return account === config.account
      ? found(true, `Reached ${config.endpoint} with a credential of ${account}.`)
      : found(
          false,
          `The credential is of ${account}, and this connection was signed for ${config.account}.`,
        );
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return found(false, error.message);
  }
}

/** The root of an API says nothing; an answer of any kind says that something answers. */
async function requireThere(ask: Ask): Promise<void> {
  try {
    await ask('/');
  } catch (error) {
    if (error instanceof NotUnderstood) return;
    throw error;
  }
}

function found(ok: boolean, text: string): ConnectionCheck {
  return { ok, findings: [{ ok, text }], escapes: [] };
}
