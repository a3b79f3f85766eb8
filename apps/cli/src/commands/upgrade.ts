/**
 * Which grants something would touch, before it is done: a new version's catalogs, and what one thinks of
 * signing. It changes nothing and asks nobody for a signature.
 */
import {
  type AuthorityState,
  counted,
  stateWithCatalog,
  stateWithStatement,
  type TouchedGrant,
  touchedGrants,
} from '@countersign/authority';
import { Statement, type StatementOf } from '@countersign/contract';
import { type Catalog, VERSION } from '@countersign/core';
import { parseCount } from '../duration.ts';
import { EXIT } from '../exit-status.ts';
import { failed, usageFailure } from '../failure.ts';
import { idNamed, ownAuthority } from '../own-authority.ts';
import { type Act, collect, type Given, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { newStatementId } from '../statements.ts';
import { table } from '../table.ts';
import { clean, shortIds, WIDTH, wrap } from '../text.ts';
import { type CatalogPlan, planCatalog } from '../upgrade-plan.ts';
import { effectsGiven } from './catalog.ts';

export function addUpgrade(program: Registrar): void {
  verb(
    program,
    {
      usage: 'upgrade',
      summary: 'Which grants this version would touch, before its server starts.',
      example: 'countersign upgrade --plan',
    },
    upgrade,
  )
    .option('--plan', 'say it and do nothing; there is nothing else that upgrade does')
    .option('--adopt <provider>', 'as if its catalog were adopted then')
    .option('--effect <op=effect>', 'with --adopt: your own word on an operation', collect)
    .option('--drop-effect <op>', 'with --adopt: as the catalog says', collect)
    .option('--without-human <name>', 'as if this human were removed; may be several', collect)
    .option('--env <name>', 'as if the rule of this environment were another:')
    .option('--quorum <n>', 'with --env: that many approvers')
    .option('--group <name>', 'with --env: a group that must give one; may be several', collect);
}

interface Plan {
  readonly catalogs: readonly CatalogPlan[];
  readonly grants: readonly (TouchedGrant & {
    readonly agent: string;
    readonly connection: string;
    readonly environment: string;
  })[];
}

const upgrade: Act = async (context, given) => {
  if (!given.flag('plan')) {
    throw usageFailure(
      'Upgrading is installing the new version and starting its server.',
      'countersign upgrade --plan   (what that would touch)',
    );
  }
  requireOptionsTogether(given);
  const { builtInCatalogs } = await import('@countersign/server');
  const seat = await takeSeat(context);
  const state = await ownAuthority(context, seat);
  const { version } = await seat.client.call('broker', {});
  const plan = await planOf(state, builtInCatalogs(), given);
  const { catalogs, grants } = plan;
  context.out.result({ installed: VERSION, server: version, catalogs, grants }, [
    `this installation: ${VERSION}; the server: ${clean(version)}`,
    ...catalogs.flatMap(catalogLines),
    '',
    ...grantLines(grants),
  ]);
  return grants.length === 0 ? EXIT.done : EXIT.failed;
};

function requireOptionsTogether(given: Given): void {
  if (effectsGiven(given).length > 0 && given.text('adopt') === undefined) {
    throw usageFailure('An effect of your own is part of adopting a catalog.', '--adopt PROVIDER');
  }
  const asksForRule = given.text('quorum') !== undefined || given.list('group').length > 0;
  if (asksForRule !== (given.text('env') !== undefined)) {
    throw usageFailure('A rule is of one environment.', '--env production --quorum 3');
  }
}

async function planOf(
  state: AuthorityState,
  installed: readonly Catalog[],
  given: Given,
): Promise<Plan> {
  let after = installed.reduce(stateWithCatalog, state);
  for (const statement of hypotheses(after, given)) {
    after = await stateWithStatement(after, statement);
  }
  // A clock of this terminal that is behind must not bring an expired grant back.
  const now = Math.max(Date.now(), Date.parse(state.time));
  return {
    catalogs: installed.map((catalog) => planCatalog(state, catalog)),
    grants: touchedGrants(state, after, now).map((touched) => ({
      ...touched,
      ...placeOf(state, touched.grant),
    })),
  };
}

/** What the options suppose, in the order in which it is said in their help. */
function* hypotheses(state: AuthorityState, given: Given): Generator<Statement> {
  const provider = given.text('adopt');
  if (provider !== undefined) {
    yield supposed(state, 'catalog.adopt', adoption(state, provider, effectsGiven(given)));
  }
  for (const name of given.list('withoutHuman')) {
    const human = idNamed(state, 'human', name);
    yield supposed(state, 'human.remove', { human, reason: 'a plan' });
  }
  const environment = given.text('env');
  if (environment !== undefined) {
    const present = state.environments.get(idNamed(state, 'environment', environment));
    const [quorum, groups] = [given.text('quorum'), given.list('group')];
    if (present === undefined) return;
    yield supposed(state, 'environment.set', {
      ...present.rule,
      environment: present.id,
      ...(quorum === undefined ? {} : { quorum: parseCount(quorum, '--quorum', 2) }),
      ...(groups.length === 0 ? {} : { groups: [...new Set(groups)].sort() }),
    });
  }
}

function adoption(
  state: AuthorityState,
  provider: string,
  effects: ReturnType<typeof effectsGiven>,
): StatementOf<'catalog.adopt'>['body'] {
  const digest = state.latestCatalog.get(provider);
  if (digest === undefined) {
    throw failed(
      'not_found',
      `No catalog of ${provider} was recorded, nor is one built in.`,
      'countersign catalog list',
    );
  }
  const own = new Map(state.adopted.get(provider)?.effects);
  for (const { operation, effect } of effects) {
    if (effect === null) own.delete(operation);
    else own.set(operation, effect);
  }
  return {
    provider,
    digest,
    effects: [...own]
      .map(([operation, effect]) => ({ operation, effect }))
      .sort((a, b) => (a.operation < b.operation ? -1 : 1)),
    reason: 'a plan',
  };
}

/** A statement nobody signs, around a body. */
function supposed<K extends Statement['kind']>(
  state: AuthorityState,
  kind: K,
  body: StatementOf<K>['body'],
): Statement {
  const at = { issued_at: state.time, sign_by: state.time };
  const read = Statement.safeParse({
    ...{ v: 1, kind, id: newStatementId(), broker: state.broker, ...at },
    body,
  });
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw usageFailure(
    `This could not be signed: ${issue?.path.join('.') ?? kind}: ${issue?.message ?? 'not valid'}.`,
    'countersign upgrade --help',
  );
}

function placeOf(state: AuthorityState, grant: string) {
  const statement = state.statements.get(grant)?.decoded.statement;
  const body = statement?.kind === 'grant.create' ? statement.body : null;
  return {
    agent: state.agents.get(body?.agent ?? '')?.name ?? '',
    connection: state.connections.get(body?.connection ?? '')?.name ?? '',
    environment: state.environments.get(body?.environment ?? '')?.name ?? '',
  };
}

function catalogLines({ provider, recorded, operations }: CatalogPlan): string[] {
  const known = recorded ? 'recorded already' : 'recorded when a server of this version starts';
  if (operations.length === 0) return [`${clean(provider)}: ${known}; no effect changes`];
  return [
    `${clean(provider)}: ${known}`,
    ...table(
      ['OPERATION', 'CHANGE', 'NOW', 'THEN'],
      operations.map(({ operation, change, before, after }) => [
        operation,
        change === 'lowered' ? 'lowered, once adopted' : change,
        before ?? 'denied',
        after ?? 'denied',
      ]),
      { fixed: [1, 2, 3] },
    ),
  ];
}

function grantLines(grants: Plan['grants']): string[] {
  if (grants.length === 0) return ['No grant would be touched.'];
  const short = shortIds(grants.map(({ grant }) => grant));
  return [
    `${counted(grants.length, 'grant')} would hold no more:`,
    ...table(
      ['ID', 'NOW', 'THEN', 'AGENT', 'ENV', 'CONNECTION'],
      grants.map(({ grant, before, after, agent, environment, connection }) => [
        short.get(grant) ?? grant,
        before,
        before === 'waiting' ? 'refused' : after,
        agent,
        environment,
        connection,
      ]),
      { fixed: [0, 1, 2] },
    ),
    ...grants.flatMap(({ grant, reasons }) =>
      wrap(`${short.get(grant) ?? grant}: ${clean(reasons.join('; '))}`, WIDTH, '  '),
    ),
  ];
}
