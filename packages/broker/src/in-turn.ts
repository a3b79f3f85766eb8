/** Where the pace of an agent is kept: around each decision it asks for. */
import { denied, oauthErrorOf } from './denying.ts';
import type { Deps } from './deps.ts';
import type { Decided } from './use-cases.ts';

/**
 * Decides in the agent's turn. What is refused for its pace is summed up like every repeated denial, and
 * its proof or assertion is not remembered: it has opened nothing.
 */
export async function inTurn<T>(
  deps: Deps,
  { agent, stage }: { readonly agent: string; readonly stage: string },
  decide: () => Promise<Decided<T>>,
): Promise<Decided<T>> {
  const end = deps.pace.begin(agent);
  if (end === null) return await tooFast(deps, { agent, stage });
  try {
    return await decide();
  } finally {
    end();
  }
}

export async function tooFast(
  deps: Deps,
  { agent, stage }: { readonly agent: string; readonly stage: string },
): Promise<Decided<never>> {
  return await denied(deps, {
    agent,
    stage,
    code: 'rate_limited',
    detail: 'This agent asks more often, or for more at once, than one agent may.',
    oauthError: oauthErrorOf('rate_limited'),
    once: [],
  });
}
