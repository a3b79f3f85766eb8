/** The decision for one operation, step by step. It decides nothing. */
import { EXIT } from '../exit-status.ts';
import { dependencyFacts, signatureFacts, standingFacts } from '../grant-lines.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { clean, factLines, WIDTH, wrap } from '../text.ts';

export function addExplain(program: Registrar): void {
  verb(
    program,
    {
      usage: 'explain',
      summary: 'Why an agent may do something, or may not: the decision, step by step.',
      example:
        'countersign explain --agent cursor --connection pg --env staging \\\n' +
        '      --op postgres:delete --resource public.bookings',
    },
    explain,
  )
    .requiredOption('--agent <name>', 'the agent')
    .requiredOption('--connection <name>', 'the connection')
    .requiredOption('--env <name>', 'the environment')
    .requiredOption('--op <operation>', 'the operation')
    .option('--resource <id>', 'the resource');
}

/** What is not over: why it does not hold, and until when, is worth knowing. */
const HOLDS_BACK: readonly string[] = ['suspended', 'cooling_off', 'waiting'];

const explain: Act = async (context, given) => {
  const { client } = await takeSeat(context);
  const resource = given.text('resource');
  const view = await client.call('explain', {
    body: {
      agent: given.need('agent'),
      connection: given.need('connection'),
      environment: given.need('env'),
      operation: given.need('op'),
      ...(resource === undefined ? {} : { resource }),
    },
  });
  context.out.result(view, [
    ...view.steps.flatMap(({ ok, step, text }) =>
      wrap(`${ok ? 'ok ' : 'NO '} ${clean(step)}: ${clean(text)}`, WIDTH, '    '),
    ),
    ...view.grants.flatMap((grant) => [
      ...wrap(
        `grant ${grant.id}: ${clean([grant.allows ? `${grant.status}, by this one` : grant.status, ...grant.reasons].join('; '))}`,
        WIDTH,
        '    ',
      ),
      ...(grant.allows || HOLDS_BACK.includes(grant.status)
        ? factLines([
            ...standingFacts(grant),
            ['signed by', `${grant.signatures.length}`],
            ...signatureFacts(grant),
            ...dependencyFacts(grant),
          ])
        : []),
    ]),
    context.out.bold(view.allowed ? 'allowed' : `denied: ${view.code ?? 'unknown'}`),
  ]);
  return EXIT.done;
};
