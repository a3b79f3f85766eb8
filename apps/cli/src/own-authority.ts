/**
 * Authority as this terminal computes it from the ledger's signatures (Law 1): what is shown to a
 * signer comes from here, never from what a server says a statement means.
 */
import { type AuthorityState, nameKey } from '@countersign/authority';
import { replayAuthority } from '@countersign/verify';
import type { Context } from './context.ts';
import { failed, unverified } from './failure.ts';
import { withoutLostTime } from './lost-time.ts';
import type { Seat } from './session.ts';

/** @throws Failure `verification_failed` when the ledger is not this broker's, or has become shorter */
export async function ownAuthority(context: Context, seat: Seat): Promise<AuthorityState> {
  const { profile, client } = seat;
  const replay = await context.out.progress(
    'checking every signature of this broker',
    replayAuthority(client.exportLines({ authority: true }), { trust: profile.broker }),
  );
  if (!replay.ok) {
    throw unverified(`${replay.finding.reason} Nothing was signed.`, 'countersign audit verify');
  }
  const gaps = [...replay.state.restorations.values()];
  const newest = withoutLostTime(profile, gaps).seen.at(-1);
  if (newest !== undefined && replay.size < newest.size) {
    throw unverified(
      `The ledger counts ${replay.size} entries; ${newest.size} were verified here before.`,
      'countersign audit verify',
    );
  }
  return replay.state;
}

type Kind = 'human' | 'environment' | 'agent' | 'connection' | 'guardrail';

/** The id behind a name, or a full id of that kind. @throws Failure `not_found` */
export function idNamed(state: AuthorityState, kind: Kind, nameOrId: string): string {
  const id = state.names.get(nameKey(kind, nameOrId));
  if (id !== undefined) return id;
  const things = {
    human: 'humans',
    environment: 'environments',
    agent: 'agents',
    guardrail: 'guardrails',
  } as const;
  const known = kind === 'connection' ? state.connections : state[things[kind]];
  if (known.has(nameOrId)) return nameOrId;
  const noun = kind === 'environment' ? 'env' : kind;
  throw failed('not_found', `There is no ${kind} ${nameOrId}.`, `countersign ${noun} list`);
}
