/** The agent's side: a token, a credential for it. A denial says how to ask humans. */
import { agentOf, orHowToAsk } from '../agent-identity.ts';
import { EXIT } from '../exit-status.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { requestedDetails, targetOptions } from '../rights.ts';
import { clean } from '../text.ts';

export function addToken(program: Registrar): void {
  targetOptions(
    verb(
      program,
      {
        usage: 'token',
        summary: 'Get a token from this agent’s grants (agent side).',
        example: 'countersign token --connection pg --env staging --op postgres:select',
      },
      token,
    ),
  ).option('--bearer', 'bound to no key, for clients of the gateway that make no proofs');
  targetOptions(
    verb(
      program,
      {
        usage: 'exchange',
        summary: 'Get a token and exchange it for a provider credential (agent side).',
        example: 'countersign exchange --connection pg --env staging --json',
      },
      exchange,
    ),
  );
}

const token: Act = async (context, given) => {
  const details = requestedDetails(given);
  const agent = await agentOf(context, { bind: !given.flag('bearer') });
  const minted = await orHowToAsk(details, agent.token(details));
  context.out.result(
    {
      access_token: minted.token.reveal(),
      token_type: minted.key === null ? 'Bearer' : 'DPoP',
      expires_at: new Date(minted.expiresAt).toISOString(),
      authorization_details: minted.authorizationDetails,
    },
    [clean(minted.token.reveal())],
  );
  return EXIT.done;
};

const exchange: Act = async (context, given) => {
  const details = requestedDetails(given);
  const agent = await agentOf(context);
  const minted = await orHowToAsk(details, agent.token(details));
  const credential = await orHowToAsk(details, agent.exchange(minted, null));
  const shape = credential.reveal();
  context.out.result(
    {
      kind: credential.kind,
      credential: shape,
      lease_id: credential.leaseId,
      expires_at: new Date(credential.expiresAt).toISOString(),
    },
    [
      // One member a line, whatever the server put into it: scripts read these.
      ...Object.entries(shape).map(([name, value]) => clean(`${name}=${value}`)),
      `lease_id=${credential.leaseId}`,
      `expires_at=${new Date(credential.expiresAt).toISOString()}`,
    ],
  );
  return EXIT.done;
};
