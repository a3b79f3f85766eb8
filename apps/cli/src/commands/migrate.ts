/** Schema changes: SQL that humans read and sign, run by the broker once; or an agent's own, where granted. */

import { readFile } from 'node:fs/promises';
import { counted } from '@countersign/authority';
import type { RunView } from '@countersign/contract';
import { agentOf, orHowToAsk } from '../agent-identity.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { usageFailure } from '../failure.ts';
import { grantLimits } from '../grant-limits.ts';
import { everyPage } from '../pages.ts';
import { resolveId } from '../profile.ts';
import { type Act, type Given, noun, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { clean } from '../text.ts';

/** Milliseconds: longer than the longest run, and what is around it. */
const PATIENCE = 330_000;
const USUAL_SCHEMA = 'public';

export function addMigrate(program: Registrar): void {
  const migrate = noun(
    program,
    'migrate',
    'SQL that the broker runs with a schema owner’s rights.',
  );
  verb(
    migrate,
    {
      usage: 'propose',
      summary: 'Try SQL, undo it, and propose a grant that holds exactly it, to be run once.',
      example:
        'countersign migrate propose --connection pg --env production --sql add-column.sql \\\n' +
        '      --reason "room for notes"',
    },
    propose,
  )
    .requiredOption('--connection <name>', 'the connection')
    .requiredOption('--env <name>', 'the environment')
    .requiredOption('--sql <file>', 'the SQL, 16 KiB at most; no BEGIN or COMMIT in it')
    .option('--schema <name>', 'whose owner it runs as', USUAL_SCHEMA)
    .option('--agent <name>', 'which agent may run it too; left out where there is only one')
    .option('--ttl <duration>', 'how long it may take, e.g. 2m')
    .option('--valid <duration>', 'how long the grant stands once signed, e.g. 8h')
    .requiredOption('--reason <text>', 'your words, for the others and the ledger');
  verb(
    migrate,
    {
      usage: 'run [id]',
      summary: 'Run a signed migration; or, as an agent, what its grant lets it.',
      example: 'countersign migrate run 01999f5e-7a40',
    },
    run,
  )
    .option('--grant <id>', 'as the agent of COUNTERSIGN_AGENT, under this grant (agent side)')
    .option('--sql <file>', 'the agent’s own SQL, where the grant holds none (agent side)')
    .option('--schema <name>', 'the schema, where the grant names several');
}

const propose: Act = async (context, given) => {
  const agent = given.text('agent');
  const sql = await readSql(given.need('sql'));
  const answer = await proposeSigned(context, await takeSeat(context), {
    kind: 'grant.create',
    id: newStatementId(),
    body: {
      ...(agent === undefined ? {} : { agent }),
      connection: given.need('connection'),
      environment: given.need('env'),
      sql,
      resource: given.need('schema'),
      ...grantLimits(given),
      reason: given.need('reason'),
    },
  });
  return settle(context, answer, [`  run it then: countersign migrate run ${answer.id}`]);
};

const run: Act = async (context, given) => {
  const [grant, id] = [given.text('grant'), given.arg(0)];
  if ((grant === undefined) === (id === '')) {
    throw usageFailure(
      'Name the migration you signed, or, as an agent, --grant; not both.',
      'countersign migrate run ID, or countersign migrate run --grant ID --sql FILE',
    );
  }
  return grant === undefined
    ? await runAsHuman(context, given)
    : await runAsAgent(context, given, grant);
};

async function runAsHuman(context: Context, given: Given): Promise<ExitStatus> {
  if (given.text('sql') !== undefined) {
    throw usageFailure(
      'A signed migration holds its SQL; --sql is for an agent.',
      'countersign migrate run ID',
    );
  }
  const { client } = await takeSeat(context);
  const grants = await everyPage((query) => client.call('grants', { query }));
  const id = resolveId(
    given.arg(0),
    grants.filter(({ sql }) => sql !== null).map((each) => each.id),
    'migration',
  );
  const view = await context.out.progress(
    'running',
    client.call('runGrant', {
      params: { id },
      body: resourceOf(given),
      signal: AbortSignal.timeout(PATIENCE),
    }),
  );
  return report(context, view);
}

async function runAsAgent(context: Context, given: Given, grant: string): Promise<ExitStatus> {
  const file = given.text('sql');
  const body = {
    ...(file === undefined ? {} : { sql: await readSql(file) }),
    ...resourceOf(given),
  };
  const agent = await agentOf(context);
  const signal = AbortSignal.timeout(PATIENCE);
  return report(context, await orHowToAsk(null, agent.run(grant, body, signal)));
}

function resourceOf(given: Given): { readonly resource?: string } {
  const resource = given.text('schema');
  return resource === undefined ? {} : { resource };
}

async function readSql(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw usageFailure(`The SQL file ${file} cannot be read.`, '--sql FILE');
  }
}

function report(context: Context, view: RunView): ExitStatus {
  const { changes, failure } = view;
  if (failure !== null) {
    const where = failure.position === null ? '' : ` at character ${failure.position}`;
    const what = failure.name === null ? failure.code : `${failure.code} (${failure.name})`;
    context.out.result(view, [clean(`failed: ${what}${where}; all of it was undone`)]);
    return EXIT.failed;
  }
  context.out.result(view, [
    `${view.outcome}: ${view.id}`,
    ...(changes === null
      ? []
      : [
          `  ${changes.created} created, ${changes.altered} altered, ${changes.dropped} dropped, ${counted(changes.rows, 'row')} touched`,
        ]),
  ]);
  return EXIT.done;
}
