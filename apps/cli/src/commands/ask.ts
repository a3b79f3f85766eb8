/** An agent's question to humans: filed once, then waited for. */
import type { Agent } from '@countersign/client';
import type { AccessRequestView } from '@countersign/contract';
import { agentOf } from '../agent-identity.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { usageFailure } from '../failure.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { requestedDetails, targetOptions } from '../rights.ts';
import { clean } from '../text.ts';

/** Seconds: what the broker holds a poll for at most. */
const LONGEST_POLL = 30;

export function addAsk(program: Registrar): void {
  targetOptions(
    verb(
      program,
      {
        usage: 'ask',
        summary: 'Ask humans for something this agent may not do (agent side).',
        example:
          'countersign ask --connection pg --env staging --op postgres:delete \\\n' +
          '      --resource public.bookings --reason "remove test rows" --wait',
      },
      ask,
    ),
  )
    .option('--reason <text>', 'why, for the humans who read it')
    .option('--request <id>', 'look at a request that was filed before')
    .option('--wait', 'wait until humans have answered');
}

const ask: Act = async (context, given) => {
  const agent = await agentOf(context);
  const id = given.text('request');
  const asked = id === undefined ? await file(agent, given) : await agent.poll(id, 0);
  if (!given.flag('wait')) return print(context, asked);
  context.out.note(`waiting for an answer to ${asked.id} …`);
  let view = asked;
  while (view.status === 'open' || view.status === 'waiting') {
    view = await agent.poll(view.id, LONGEST_POLL);
  }
  return print(context, view);
};

async function file(agent: Agent, given: Parameters<Act>[1]): Promise<AccessRequestView> {
  const details = requestedDetails(given);
  if (details === null) {
    throw usageFailure(
      'Say what you ask for: --connection, --env, --op and --resource.',
      'countersign ask --connection pg --env staging --op postgres:delete --resource public.t',
    );
  }
  const reason = given.text('reason');
  return await agent.ask({
    authorization_details: details,
    ...(reason === undefined ? {} : { reason }),
  });
}

function print(context: Context, view: AccessRequestView): ExitStatus {
  const more = {
    open: 'no human has looked at it yet',
    waiting: 'a grant is proposed and waits for signatures',
    granted: 'ask for a token again',
    rejected: view.rejection ?? 'a human said no',
    lapsed: 'nobody signed in time',
  }[view.status];
  context.out.result(view, [view.id]);
  context.out.note(`${view.status}: ${clean(more)}`);
  if (view.status === 'open' || view.status === 'waiting') {
    context.out.note(`next: countersign ask --request ${view.id} --wait`);
  }
  return view.status === 'rejected' || view.status === 'lapsed' ? EXIT.denied : EXIT.done;
}
