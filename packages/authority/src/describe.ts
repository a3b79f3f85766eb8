/**
 * A statement in plain words, made from its own bytes by whoever is asked to sign, never by the server
 * that asks. Names come from the reader's own fold. Pure; rendering (colour, width) is the caller's.
 */
import type { Statement, StatementOf } from '@countersign/contract';
import { isDeleteCapable, isNarrowed } from '@countersign/core';
import { isOvertaken } from './basis.ts';
import { deletionFacts, deletionWarnings } from './describe-deletion.ts';
import { describeEnrolment, describeRecovery } from './describe-humans.ts';
import { describeConnection, describeEnvironment } from './describe-objects.ts';
import {
  describeAdoption,
  describeGuardrail,
  describeGuardrailRemoval,
  describeRestore,
} from './describe-rules.ts';
import { dryRunFacts, dryRunWarnings, sqlFacts } from './describe-script.ts';
import {
  describeEscapes,
  describeFreeze,
  describeRemoval,
  describeUnfreeze,
} from './describe-stops.ts';
import { progressOf } from './progress.ts';
import { delayOf, requirementOf, slowPathOf } from './requirement.ts';
import { type AuthorityState, holdersOf, registeredKeys, secondHumanEver } from './state.ts';
import { duration, nameWithMark, nameWithMarkBetween, readAloud, type Sentence } from './words.ts';

export interface Description {
  /** One sentence. */
  readonly headline: string;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  /** What a signer must not overlook. */
  readonly warnings: readonly string[];
}

/** What a statement means to the humans who would sign it. */
export function describe(state: AuthorityState, statement: Statement): Description {
  const sentence = sentences(state, statement);
  return {
    headline: sentence.headline,
    facts: [
      ...sentence.facts,
      { label: 'needs', value: needs(state, statement) },
      { label: 'sign by', value: statement.sign_by },
      { label: 'statement', value: statement.id },
    ],
    warnings: [...(sentence.warnings ?? []), ...waiting(state, statement)],
  };
}

function needs(state: AuthorityState, statement: Statement): string {
  const progress = progressOf(
    state,
    requirementOf(state, statement),
    state.statements.get(statement.id)?.signatures ?? [],
  );
  const delay = delayOf(state, statement);
  const afterwards = delay > 0 ? `, then ${duration(delay)} in which any human may veto` : '';
  const signed = progress.counted.map((id) => nameWithMark(state, id)).join(', ');
  const have = `${progress.have} of ${progress.need} signatures${signed === '' ? '' : ` (${signed})`}`;
  return progress.met
    ? `${have}${afterwards}`
    : `${have}; missing: ${progress.missing.join('; ')}${afterwards}`;
}

/** What a signer must know of the time it takes. */
function waiting(state: AuthorityState, statement: Statement): string[] {
  const record = state.statements.get(statement.id);
  const waits = record?.status === 'pending' || record?.status === 'cooling_off';
  if (waits && isOvertaken(state, record)) {
    return [
      'What it changes was changed since it was proposed: it can take effect no more. Propose it anew.',
    ];
  }
  const slow = slowPathOf(statement);
  return slow !== null && secondHumanEver(state)
    ? [
        `Not to sign it does not stop it: ${duration(slow.after / 1000)} after it was proposed one admin's signature is enough, unless it is rejected.`,
      ]
    : [];
}

function sentences(state: AuthorityState, statement: Statement): Sentence {
  switch (statement.kind) {
    case 'genesis':
      return {
        headline: `Begin this broker, with ${statement.body.name} as its first admin and approver.`,
        facts: [],
      };
    case 'human.enroll':
      return describeEnrolment(state, statement.body);
    case 'recover':
      return describeRecovery(state, statement.body);
    case 'human.remove':
      return {
        headline: `Remove ${nameWithMarkBetween(state, statement.body.human)} and revoke all their keys.`,
        facts: [{ label: 'reason', value: statement.body.reason }],
        warnings: [
          'Delete-capable grants they signed stop at once.',
          ...(signersWithout(state, statement.body.human) < 2
            ? ['Fewer than two people would be left, and it takes two to enrol another one.']
            : []),
        ],
      };
    case 'key.revoke': {
      const owner = state.keys.get(statement.body.key)?.human ?? '';
      return {
        headline: `Revoke a key of ${nameWithMark(state, owner)}.`,
        facts: [
          { label: 'key', value: readAloud(statement.body.key) },
          { label: 'reason', value: statement.body.reason },
        ],
        warnings: ['Delete-capable grants signed with it stop at once.'],
      };
    }
    case 'environment.set':
      return describeEnvironment(state, statement.body);
    case 'agent.register': {
      const { body } = statement;
      return {
        headline: `Register the agent ${body.name}.`,
        facts: [
          { label: 'signs in by', value: body.auth.method },
          { label: 'DPoP', value: body.require_dpop ? 'demanded of every token' : 'not demanded' },
        ],
        warnings: [
          'By itself this grants nothing.',
          ...(body.auth.method === 'client_secret' ? [SECRET_WARNING] : []),
        ],
      };
    }
    case 'agent.credential.set': {
      const { body } = statement;
      const agent = state.agents.get(body.agent);
      return {
        headline: `Change how the agent ${agent?.name ?? body.agent} signs in.`,
        facts: [
          { label: 'signs in by', value: body.auth.method },
          { label: 'DPoP', value: body.require_dpop ? 'demanded of every token' : 'not demanded' },
          { label: 'reason', value: body.reason },
        ],
        warnings: [
          ...(agent?.requireDpop === true && !body.require_dpop
            ? ['DPoP is demanded no more: whoever copies a token of it can use it.']
            : []),
          ...(body.auth.method === 'client_secret' ? [SECRET_WARNING] : []),
          'What it signed in with before is refused at once, unless it is named again.',
          'Delete-capable grants that pin it are suspended until they are signed anew.',
        ],
      };
    }
    case 'agent.disable':
      return {
        headline: `Disable the agent ${state.agents.get(statement.body.agent)?.name ?? statement.body.agent}, for good.`,
        facts: [{ label: 'reason', value: statement.body.reason }],
      };
    case 'connection.set':
      return describeConnection(state, statement.body);
    case 'connection.remove':
      return describeRemoval(state, statement.body);
    case 'freeze':
      return describeFreeze(state, statement.body);
    case 'unfreeze':
      return describeUnfreeze(state, statement.body);
    case 'escape.accept':
      return describeEscapes(state, statement.body);
    case 'catalog.adopt':
      return describeAdoption(state, statement.body);
    case 'guardrail.add':
      return describeGuardrail(state, statement.body);
    case 'guardrail.remove':
      return describeGuardrailRemoval(state, statement.body);
    case 'restore.accept':
      return describeRestore(statement.body);
    case 'prune':
      return {
        headline: `Forget the details of decisions before ${statement.body.before}.`,
        facts: [{ label: 'reason', value: statement.body.reason }],
        warnings: ['What was decided then can be counted afterwards, and read no more.'],
      };
    case 'grant.create':
      return describeGrant(state, statement.body);
    case 'grant.revoke': {
      const grant = state.grants.get(statement.body.grant);
      const agent = state.agents.get(grant?.body.agent ?? '')?.name ?? 'an agent';
      return {
        headline: `Revoke a grant of ${agent}; its open sessions are cut.`,
        facts: [
          { label: 'grant', value: statement.body.grant },
          { label: 'reason', value: statement.body.reason },
        ],
      };
    }
    case 'statement.reject': {
      const target = state.statements.get(statement.body.statement)?.decoded.statement;
      return {
        headline: `Reject: ${target === undefined ? statement.body.statement : sentences(state, target).headline}`,
        facts: [{ label: 'reason', value: statement.body.reason }],
      };
    }
  }
}

const SECRET_WARNING =
  'Whoever reads its secret is this agent, from anywhere; a key never leaves its machine.';

/** People other than this one who could sign an enrolment. */
function signersWithout(state: AuthorityState, human: string): number {
  const able = [...holdersOf(state, 'admin'), ...holdersOf(state, 'approver')];
  return new Set(able.map(({ id }) => id).filter((id) => id !== human)).size;
}

function describeGrant(state: AuthorityState, body: StatementOf<'grant.create'>['body']): Sentence {
  const environment = state.environments.get(body.environment);
  const agent = state.agents.get(body.agent)?.name ?? body.agent;
  const connection = state.connections.get(body.connection)?.name ?? body.connection;
  const operations = body.permissions.flatMap((permission) => permission.operations);
  const dangerous = operations.filter((operation) => isDeleteCapable(operation.effect));
  const warnings: string[] = [];
  if (dangerous.length > 0) {
    const words = [...new Set(dangerous.map((op) => `${op.name} (${op.effect})`))].join(', ');
    warnings.push(`Delete-capable: ${words}. What it does cannot be taken back.`);
  }
  if (
    body.permissions.some(
      (permission) =>
        permission.operations.some((op) => op.name.endsWith(':update')) &&
        permission.resources.some(isNarrowed),
    )
  ) {
    warnings.push('A column list narrows what can be overwritten, not how many rows.');
  }
  if (body.sender !== null && !registeredKeys(state.agents.get(body.agent)).includes(body.sender)) {
    warnings.push(`Tokens are bound to a key of the access request: ${readAloud(body.sender)}`);
  }
  const where = `in ${environment?.name ?? body.environment} on ${connection}`;
  const resources = [...new Set(body.permissions.flatMap((permission) => permission.resources))];
  if (body.sql !== null) {
    warnings.unshift(...dryRunWarnings(body.assessment));
  } else {
    warnings.unshift(...deletionWarnings(state, body));
  }
  if (body.sql === null && operations.some((operation) => operation.effect === 'execute')) {
    warnings.push(`What it runs ${agent} chooses, not you: it can do whatever can be done there.`);
  }
  return {
    headline:
      body.sql === null
        ? `Let ${agent} do this ${where}.`
        : `Run this SQL once ${where}, with the rights of the owner of ${resources.join(', ')}.`,
    facts: [
      // Law 1: what it would do comes before anything else that could fill the screen.
      ...(body.sql === null ? deletionFacts(body) : dryRunFacts(body.assessment)),
      ...(body.sql === null ? [] : sqlFacts(body.sql)),
      ...(body.sql === null ? [] : [{ label: 'run by', value: `${agent}, or who signs this` }]),
      ...body.permissions.map((permission) => ({
        label: permission.operations.map((op) => `${op.name} (${op.effect})`).join(', '),
        value: permission.resources.join(', '),
      })),
      {
        label: 'uses',
        value: body.max_uses === null ? 'unlimited' : `${body.max_uses}`,
      },
      { label: 'each lease', value: `at most ${duration(body.ttl)}` },
      { label: 'stands for', value: `${duration(body.valid_for)} once it is signed` },
      { label: 'reason', value: body.reason },
    ],
    warnings,
  };
}
