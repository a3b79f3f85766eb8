/** The report of identities for a terminal of 80 columns: who can delete production, then everybody. */
import { counted, duration } from '@countersign/authority';
import type {
  AgentReport,
  GrantReport,
  HumanReport,
  IdentitiesView,
  IdentityReport,
  ProductionReport,
} from '@countersign/contract';
import type { Context } from './context.ts';
import { table } from './table.ts';
import { clean, factLines, minuteOf, shortIds, WIDTH, wrap } from './text.ts';

type Bold = Pick<Context['out'], 'bold'>;
type Fact = readonly [label: string, value: string];
type Head = Pick<IdentitiesView, 'from' | 'until' | 'counted' | 'production'>;

export function reportLines(out: Bold, head: Head, identities: readonly IdentityReport[]) {
  const humans = identities.filter((each) => each.kind === 'human');
  const agents = identities.filter((each) => each.kind === 'agent');
  return [
    ...periodLines(head),
    '',
    ...productionLines(out, head.production ?? []),
    ...(humans.length === 0 ? [] : ['', out.bold('HUMANS'), ...humanLines(humans)]),
    ...(agents.length === 0 ? [] : ['', out.bold('AGENTS'), ...agentLines(agents)]),
  ];
}

/** One identity, with all that is known of it. */
export function identityLines(out: Bold, head: Head, identity: IdentityReport): string[] {
  return [
    ...periodLines(head),
    '',
    ...(identity.kind === 'agent' ? agentDetail(out, identity) : humanDetail(out, identity)),
  ];
}

function periodLines({ from, until, counted }: Head): string[] {
  const all = counted.entries === counted.of;
  return [
    `${minuteOf(from)} to ${minuteOf(until)}, ${counted.of} entries`,
    ...(all
      ? []
      : wrap(
          `! Only ${counted.entries} of them are counted yet: later uses and denials are missing. Ask again in a minute.`,
          WIDTH,
          '  ',
        )),
  ];
}

function productionLines(out: Bold, production: readonly ProductionReport[]): string[] {
  return [
    out.bold('WHO CAN DELETE PRODUCTION NOW'),
    ...(production.length === 0
      ? ['No environment is of the class production.']
      : production.flatMap(environmentLines)),
  ];
}

function environmentLines(production: ProductionReport): string[] {
  const { environment, grants, coming } = production;
  return [
    grants.length === 0
      ? `${clean(environment)}: nobody`
      : `${clean(environment)}: ${counted(grants.length, 'grant')}`,
    ...grants.flatMap((grant) => grantLines(grant, 'now')),
    ...coming.flatMap((grant) => grantLines(grant, comingWord(grant))),
    ...wrap(`  the next one: ${nextWords(production)}`, WIDTH, '    '),
  ];
}

function comingWord({ status, from, reasons }: GrantReport): string {
  if (status === 'cooling_off')
    return `from ${from === null ? 'the end of its cool-off' : minuteOf(from)}`;
  return clean(reasons.join('; '));
}

function nextWords(production: ProductionReport): string {
  const {
    quorum,
    groups,
    user_verified: verified,
    cool_off: coolOff,
    signers,
    lacking,
  } = production;
  const names = signers.map(({ name, groups: of, vouched_by_one: byOne }) =>
    [
      name,
      ...(of.length === 0 ? [] : [`(${of.join(' ')})`]),
      ...(byOne ? ['(vouched for by one person)'] : []),
    ].join(' '),
  );
  const rule = [
    `${quorum} of ${names.length === 0 ? 'nobody' : names.join(', ')}`,
    ...groups.map((group) => `one of group ${group}`),
    ...(verified === 0 ? [] : [`${verified} with user-verified keys`]),
    ...(coolOff === 0 ? [] : [`then ${duration(coolOff)} of cool-off`]),
    ...(lacking.length === 0 ? [] : [`which nobody can meet now: ${lacking.join('; ')}`]),
  ];
  return clean(rule.join('; '));
}

function grantLines(grant: GrantReport, when: string): string[] {
  const { id, agent, connection, until, uses_left: uses, allows, signatures, used_at: at } = grant;
  const facts = [
    `${agent} on ${connection}`,
    when,
    ...(until === null ? [] : [`until ${minuteOf(until)}`]),
    uses === null ? 'any number of uses' : `${counted(uses, 'use')} left`,
    at === null ? 'never used' : `last used ${minuteOf(at)}`,
  ];
  const signed = signatures
    .filter(({ counts }) => counts)
    .map(({ name, vouched_by_one: byOne }) =>
      byOne ? `${name} (vouched for by one person)` : name,
    );
  return [
    ...wrap(`  ${clean(facts.join(', '))}`, WIDTH, '    '),
    ...allows.flatMap(({ effect, operations, resources }) =>
      wrap(
        `    ${effect}: ${clean(`${operations.join(', ')} on ${resources.join(', ')}`)}`,
        WIDTH,
        '      ',
      ),
    ),
    ...wrap(`    on the signatures of ${clean(signed.join(', ') || 'nobody')}`, WIDTH, '      '),
    `    grant ${clean(id)}`,
  ];
}

function humanLines(humans: readonly HumanReport[]): string[] {
  return table(
    ['NAME', 'ROLES', 'STATE', 'KEYS', 'SIGNED', 'LAST', 'NOTE'],
    humans.map((human) => [
      human.name,
      human.roles.join(' '),
      human.state,
      `${human.keys.filter((key) => key.revoked_at === null).length}`,
      `${sum(human.signed)}`,
      human.last_signed_at?.slice(0, 10) ?? 'never',
      human.vouched_by_one ? 'vouched for by one' : '',
    ]),
    { fixed: [2, 3, 4, 5] },
  );
}

function agentLines(agents: readonly AgentReport[]): string[] {
  return table(
    ['NAME', 'STATE', 'GRANTS', 'UNUSED', 'LEASES', 'ALLOWED', 'DENIED', 'LAST'],
    agents.map((agent) => [
      agent.name,
      agent.state,
      `${agent.grants.length}`,
      `${agent.grants.filter(({ used_at: at }) => at === null).length}`,
      `${agent.leases.length}`,
      `${sum(agent.allowed)}`,
      `${sum(agent.denied)}`,
      agent.last_allowed_at === null ? 'never' : minuteOf(agent.last_allowed_at),
    ]),
    { fixed: [1, 2, 3, 4, 5, 6, 7] },
  );
}

function agentDetail(out: Bold, agent: AgentReport): string[] {
  const { authenticated_by: last, leases, grants } = agent;
  const short = shortIds(leases.map(({ id }) => id));
  return [
    out.bold(clean(`agent ${agent.name}, ${agent.state}`)),
    ...factLines([
      ['registered', `${minuteOf(agent.registered_at)} by ${agent.registered_by}`],
      ...(agent.disabled_at === null ? [] : [['disabled', minuteOf(agent.disabled_at)] as const]),
      ...agent.credentials.map(({ kind, thumbprint }): Fact => [kind, thumbprint]),
      ['authenticated', last === null ? 'never' : `${minuteOf(last.at)} by ${last.credential}`],
      ['allowed', counts(agent.allowed.map(({ stage, count }) => [stage, count]))],
      ['  last', agent.last_allowed_at === null ? 'never' : minuteOf(agent.last_allowed_at)],
      ['denied', counts(agent.denied.map(({ code, count }) => [code, count]))],
      ['  last', agent.last_denied_at === null ? 'never' : minuteOf(agent.last_denied_at)],
      ...leases.map(
        (lease): Fact => [
          `lease ${short.get(lease.id) ?? lease.id}`,
          [
            `${lease.environment} on ${lease.connection}, until ${minuteOf(lease.expires_at)}`,
            ...(lease.trouble === null ? [] : [lease.trouble]),
          ].join('; '),
        ],
      ),
      ['id', agent.id],
    ]),
    ...(grants.length === 0
      ? ['It holds no grant.']
      : [`It holds ${counted(grants.length, 'grant')}:`]),
    ...grants.flatMap((grant) =>
      grantLines(grant, [grant.environment, grant.status, ...grant.reasons].join(': ')),
    ),
  ];
}

function humanDetail(out: Bold, human: HumanReport): string[] {
  const { signed_in_by: last } = human;
  const mark = human.vouched_by_one ? ', vouched for by one person' : '';
  return [
    out.bold(clean(`human ${human.name}, ${human.state}${mark}`)),
    ...factLines([
      ['roles', human.roles.join(', ')],
      ['groups', human.groups.join(', ') || 'none'],
      ['enrolled', minuteOf(human.enrolled_at)],
      ...(human.removed_at === null ? [] : [['removed', minuteOf(human.removed_at)] as const]),
      ...human.keys.map(
        (key): Fact => [
          `${key.type} key`,
          [
            `${key.kid} since ${minuteOf(key.added_at)}`,
            ...(key.revoked_at === null ? [] : [`revoked ${minuteOf(key.revoked_at)}`]),
            ...(key.frozen ? ['frozen'] : []),
          ].join(', '),
        ],
      ),
      ['signed', counts(human.signed.map(({ kind, count }) => [kind, count]))],
      ['  last', human.last_signed_at === null ? 'never' : minuteOf(human.last_signed_at)],
      ['proposed', `${human.proposed}`],
      ['vetoed', `${human.vetoed}`],
      ['signed in', last === null ? 'never' : `${minuteOf(last.at)} by ${last.credential}`],
      ['id', human.id],
    ]),
  ];
}

function counts(each: readonly (readonly [what: string, count: number])[]): string {
  return each.map(([what, count]) => `${count} × ${what}`).join(', ') || 'none';
}

function sum(counted: readonly { readonly count: number }[]): number {
  return counted.reduce((total, { count }) => total + count, 0);
}
