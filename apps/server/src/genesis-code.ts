/** The one-time code of a start before genesis: whoever can read the server's stdout may begin it. */
import { codeHash, type Deps, newCode } from '@countersign/broker';
import { Secret } from '@countersign/core';

/** A fresh code that voids the one of an earlier start; null once genesis exists. */
export async function offerGenesisCode(deps: Deps): Promise<Secret | null> {
  if (deps.authority.state.broker !== null) return null;
  const code = newCode(deps.random);
  await deps.codes.setGenesisCode(codeHash(code));
  return new Secret('genesis code', code);
}
