/** Environments and connections in plain words: what a rule asks for, and what belongs where. */
import type { StatementOf } from '@countersign/contract';
import { isLooser } from './rules.ts';
import type { AuthorityState } from './state.ts';
import { duration, type Sentence, visible } from './words.ts';

type Rule = StatementOf<'environment.set'>['body'];

export function describeEnvironment(state: AuthorityState, body: Rule): Sentence {
  const present = state.environments.get(body.environment ?? '')?.rule;
  const loosened = present !== undefined && isLooser(present, body);
  return {
    headline:
      present === undefined
        ? `Create the environment ${body.name}, class ${body.class}.`
        : `Change the environment ${present.name}, class ${body.class}.`,
    facts: [
      ...lines(body).map(({ label, value }, at) => {
        const was = present === undefined ? value : lines(present)[at]?.value;
        return { label, value: was === value ? value : `${was} → ${value}` };
      }),
      // Whoever changes a class changes it for all that is in it.
      ...(present !== undefined && present.class !== body.class
        ? [{ label: 'holds', value: held(state, body.environment) }]
        : []),
    ],
    warnings: [
      ...(loosened
        ? ['This loosens the rule: what it asked for until now it asks for no more.']
        : []),
      ...(present?.class === 'production' && body.class !== 'production'
        ? ['It is production no more: what counted as a deletion there may count as a write.']
        : []),
      ...(body.class === 'production'
        ? []
        : ['Not of class production: provider ids mapped here are judged milder.']),
    ],
  };
}

/** Every provider id that is mapped there. */
function held(state: AuthorityState, environment: string | null): string {
  const ids = [...state.mapped].filter(([, where]) => where.environment === environment);
  return ids.length === 0 ? 'nothing' : ids.map(([id]) => id).join(', ');
}

function lines(rule: Rule): { readonly label: string; readonly value: string }[] {
  const groups = rule.groups.map((group) => `one of ${group}`);
  const verified =
    rule.user_verified === 0 ? [] : [`${rule.user_verified} with user-verified keys`];
  return [
    { label: 'name', value: rule.name },
    { label: 'class', value: rule.class },
    {
      label: 'rule',
      value: [
        `${rule.quorum} distinct approvers for anything delete-capable`,
        ...groups,
        ...verified,
      ].join(', '),
    },
    { label: 'cool-off', value: rule.cool_off === 0 ? 'none' : duration(rule.cool_off) },
    { label: 'DPoP', value: rule.require_dpop ? 'demanded of every token' : 'not demanded' },
  ];
}

export function describeConnection(
  state: AuthorityState,
  body: StatementOf<'connection.set'>['body'],
): Sentence {
  const present = state.connections.get(body.connection ?? '')?.body;
  const where = `${body.provider} at ${visible(body.endpoint)}, as ${visible(body.account)}`;
  const moves = present?.endpoint !== body.endpoint || present.account !== body.account;
  return {
    headline:
      present === undefined
        ? `Connect ${body.name}: ${where}.`
        : `Change the connection ${body.name}: ${where}.`,
    facts: [
      ...(present !== undefined && moves
        ? [{ label: 'was', value: `${visible(present.endpoint)}, as ${visible(present.account)}` }]
        : []),
      ...(present !== undefined && present.credential !== body.credential
        ? [{ label: 'credential', value: 'another one' }]
        : []),
      ...(present === undefined ? [] : settings(present.config, body.config)),
      ...Object.entries(body.mapping).map(([environment, ids]) => {
        const named = state.environments.get(environment);
        return {
          label: `maps to ${named?.name ?? environment}`,
          value: `${ids.join(', ')} (class ${named?.rule.class ?? 'unknown'})`,
        };
      }),
      ...unmapped(state, present?.mapping ?? {}, body.mapping),
    ],
    warnings: [
      ...moved(state, body.mapping),
      ...(Object.keys(body.mapping).some(
        (environment) => state.environments.get(environment)?.rule.class !== 'production',
      )
        ? ['Make sure that nothing mapped outside production is production.']
        : []),
      ...(present === undefined
        ? []
        : [
            'Delete-capable grants that pin what changes here are suspended until they are signed anew.',
          ]),
    ],
  };
}

/** Members of the configuration that become others: which server, and who vouches for it. */
function settings(
  before: Config,
  after: Config,
): { readonly label: string; readonly value: string }[] {
  const said = (value: unknown): string =>
    value === undefined ? 'not set' : visible(JSON.stringify(value));
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].sort().flatMap((member) => {
    const [was, is] = [said(before[member]), said(after[member])];
    return was === is ? [] : [{ label: visible(member), value: `${was} → ${is}` }];
  });
}

type Config = StatementOf<'connection.set'>['body']['config'];
type Mapping = StatementOf<'connection.set'>['body']['mapping'];

function unmapped(
  state: AuthorityState,
  before: Mapping,
  after: Mapping,
): { readonly label: string; readonly value: string }[] {
  const kept = new Set(Object.values(after).flat());
  return Object.entries(before).flatMap(([environment, ids]) => {
    const gone = ids.filter((id) => !kept.has(id));
    const name = state.environments.get(environment)?.name ?? environment;
    return gone.length === 0 ? [] : [{ label: `leaves ${name}`, value: gone.join(', ') }];
  });
}

/** Ids that are, or once were, mapped into another environment than they will be. */
function moved(state: AuthorityState, mapping: Mapping): string[] {
  return Object.entries(mapping).flatMap(([environment, ids]) =>
    ids.flatMap((id) => {
      const others = (state.everMapped.get(id) ?? []).filter((other) => other !== environment);
      if (others.length === 0) return [];
      const names = others.map((other) => state.environments.get(other)?.name ?? other).join(', ');
      const to = state.environments.get(environment)?.name ?? environment;
      return [`${id} moves to ${to}, and was mapped into ${names}.`];
    }),
  );
}
