/** Invitations: a one-use code that lets a joiner propose their own enrolment. Not authority. */
import { nameKey } from '@countersign/authority';
import { inputError, Secret, uuidv7 } from '@countersign/core';
import { decideAndCommit } from './decide-and-commit.ts';
import { UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { entryIntent } from './intents.ts';
import { codeHash, newCode } from './one-time-code.ts';
import { requireRole } from './roles.ts';
import type { HumanCaller, UseCases } from './use-cases.ts';

const LIFE = 86_400_000;

/** @throws CountersignError `forbidden`, `conflict` */
export async function invite(
  deps: Deps,
  caller: HumanCaller,
  wanted: {
    readonly name: string;
    readonly roles: readonly string[];
    readonly groups: readonly string[];
  },
): Promise<Awaited<ReturnType<UseCases['invite']>>> {
  return await decideAndCommit(deps, async ({ now }) => {
    const { state } = deps.authority;
    requireRole(state, caller, ['admin', 'approver']);
    const { broker } = state;
    if (broker === null) throw inputError('conflict', 'There is no genesis yet.');
    if (state.names.has(nameKey('human', wanted.name))) {
      throw inputError('conflict', `The name ${wanted.name} is taken; names are never reused.`);
    }
    const code = newCode(deps.random);
    const invitation = {
      name: wanted.name,
      roles: [...new Set(wanted.roles)].sort(),
      groups: [...new Set(wanted.groups)].sort(),
      sponsor: caller.human,
      expiresAt: now + LIFE,
    };
    const { roles, groups } = invitation;
    const body = { human: caller.human, name: invitation.name, roles, groups };
    return {
      intent: {
        ...entryIntent(uuidv7(deps.clock, deps.random), 'human.invited', body),
        effects: [{ kind: 'invite', codeHash: codeHash(code), invitation }],
      },
      async settle({ outcome }) {
        if (outcome !== 'committed') throw UNAVAILABLE();
        return {
          code: new Secret('invitation code', code),
          url: deps.issuer,
          broker,
          expiresAt: invitation.expiresAt,
        };
      },
    };
  });
}
