/**
 * A statement in plain words, made from its own bytes by whoever is asked to sign, never by the server
 * that asks. Names come from the reader's own fold. Pure; rendering (colour, width) is the caller's.
 */
import type { Statement, StatementOf } from '@countersign/contract';
import { isDeleteCapable, isNarrowed } from '@countersign/core';
import { dryRunFacts, dryRunWarnings, sqlFacts } from './describe-script.ts';
import {
  describeEscapes,
  describeFreeze,
  describeRemoval,
  describeUnfreeze,
} from './describe-stops.ts';
import { progressOf, requirementOf } from './requirement.ts';
import { type AuthorityState, holdersOf, registeredKeys } from './state.ts';
import { nameWithMark, readAloud, type Sentence, visible } from './words.ts';

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
    warnings: sentence.warnings ?? [],
  };
}

/** Seconds as people say them: `90 s`, `8 h`, `24 h`, `30 days`. */
export function duration(seconds: number): string {
  if (seconds > 86_400 && seconds % 86_400 === 0) return `${seconds / 86_400} days`;
  if (seconds >= 3600 && seconds % 3600 === 0) return `${seconds / 3600} h`;
  if (seconds > 120 && seconds % 60 === 0) return `${seconds / 60} min`;
  return `${seconds} s`;
}

function needs(state: AuthorityState, statement: Statement): string {
  const progress = progressOf(
    state,
    requirementOf(state, statement),
    state.statements.get(statement.id)?.signatures ?? [],
  );
  const signed = progress.counted.map((id) => nameWithMark(state, id)).join(', ');
  const have = `${progress.have} of ${progress.need} signatures${signed === '' ? '' : ` (${signed})`}`;
  return progress.met ? have : `${have}; missing: ${progress.missing.join('; ')}`;
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
    case 'human.remove':
      return {
        headline: `Remove ${nameWithMark(state, statement.body.human)} and revoke all their keys.`,
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
    case 'environment.set': {
      const { body } = statement;
      return {
        headline: `${body.environment === null ? 'Create' : 'Change'} the environment ${body.name}, class ${body.class}.`,
        facts: [
          {
            label: 'rule',
            value: `${body.quorum} distinct approvers for anything delete-capable`,
          },
          { label: 'DPoP', value: body.require_dpop ? 'demanded of every token' : 'not demanded' },
        ],
        ...(body.class === 'production'
          ? {}
          : { warnings: ['Not of class production: provider ids mapped here are judged milder.'] }),
      };
    }
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
          ...(body.auth.method === 'client_secret'
            ? [
                'Whoever reads its secret is this agent, from anywhere; a key never leaves its machine.',
              ]
            : []),
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

/** People other than this one who could sign an enrolment. */
function signersWithout(state: AuthorityState, human: string): number {
  const able = [...holdersOf(state, 'admin'), ...holdersOf(state, 'approver')];
  return new Set(able.map(({ id }) => id).filter((id) => id !== human)).size;
}

function describeEnrolment(
  state: AuthorityState,
  body: StatementOf<'human.enroll'>['body'],
): Sentence {
  return {
    headline:
      body.human === null
        ? `Enrol ${body.name} as ${body.roles.join(' and ')}.`
        : `Add another key for ${body.name}.`,
    facts: [
      { label: 'fingerprint', value: readAloud(body.fingerprint) },
      { label: 'sponsor', value: nameWithMark(state, body.sponsor) },
    ],
    warnings: [
      `Compare the fingerprint with what ${body.name} reads out to you. If it differs, reject.`,
    ],
  };
}

function describeConnection(
  state: AuthorityState,
  body: StatementOf<'connection.set'>['body'],
): Sentence {
  return {
    headline: `Connect ${body.name}: ${body.provider} at ${visible(body.endpoint)}, as ${visible(body.account)}.`,
    facts: Object.entries(body.mapping).map(([environment, ids]) => {
      const named = state.environments.get(environment);
      return {
        label: `maps to ${named?.name ?? environment}`,
        value: `${ids.join(', ')} (class ${named?.rule.class ?? 'unknown'})`,
      };
    }),
    warnings: Object.keys(body.mapping).some(
      (environment) => state.environments.get(environment)?.rule.class !== 'production',
    )
      ? ['Make sure that nothing mapped outside production is production.']
      : [],
  };
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
  } else if (operations.some((operation) => operation.effect === 'execute')) {
    warnings.push(`What it runs ${agent} chooses, not you: it can do whatever can be done there.`);
  }
  return {
    headline:
      body.sql === null
        ? `Let ${agent} do this ${where}.`
        : `Run this SQL once ${where}, with the rights of the owner of ${resources.join(', ')}.`,
    facts: [
      // Law 1: what it would do comes before anything else that could fill the screen.
      ...(body.sql === null ? [] : dryRunFacts(body.assessment)),
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
      ...(body.assessment === null || body.sql !== null
        ? []
        : [{ label: 'takes with it', value: visible(JSON.stringify(body.assessment.body)) }]),
    ],
    warnings,
  };
}
