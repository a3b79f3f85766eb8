/** Agents: workloads with a key or a secret of their own. Registering one grants it nothing. */
import { readFile } from 'node:fs/promises';
import { newPrivateJwk, signingKeyOf } from '@countersign/client';
import { AgentAuthDraft, PublicJwk } from '@countersign/contract';
import { EXIT } from '../exit-status.ts';
import { usageFailure } from '../failure.ts';
import { jsonOf, recordOf } from '../key-file.ts';
import { everyPage } from '../pages.ts';
import { createPrivate } from '../private-files.ts';
import { type Act, type Given, noun, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import {
  newStatementId,
  proposeSigned,
  proposeWithSecret,
  settle,
  standingLines,
  statusAfter,
} from '../statements.ts';
import { table } from '../table.ts';
import { clean, shortIds } from '../text.ts';

export function addAgent(program: Registrar): void {
  const agent = noun(program, 'agent', 'Workloads that ask for tokens. They never sign.');
  verb(
    agent,
    {
      usage: 'add <name>',
      summary: 'Register an agent by its public key, or with a new client secret.',
      example: 'countersign agent add cursor --auth private-key-jwt --jwks cursor.pub.json',
    },
    add,
  )
    .requiredOption('--auth <method>', 'private-key-jwt, or secret (the broker makes one)')
    .option('--jwks <file>', 'a public JWK, or a JWKS of one or two')
    .option('--require-dpop', 'demand DPoP of every token of this agent');
  verb(agent, { usage: 'list', summary: 'Agents.', example: 'countersign agent list' }, list);
  verb(
    agent,
    {
      usage: 'disable <name>',
      summary: 'Disable an agent, for good: its tokens and leases end.',
      example: 'countersign agent disable cursor --reason "retired"',
    },
    disable,
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
  verb(
    agent,
    {
      usage: 'keygen',
      summary: 'Make a key for an agent: the private half to a file, the public half to stdout.',
      example: 'countersign agent keygen --out cursor.jwk > cursor.pub.json',
    },
    keygen,
  ).requiredOption('--out <file>', 'where the private JWK goes (mode 0600)');
}

const add: Act = async (context, given) => {
  const name = given.arg(0);
  const auth = await authOf(given);
  const { answer, clientSecret } = await proposeWithSecret(context, await takeSeat(context), {
    kind: 'agent.register',
    id: newStatementId(),
    body: { name, auth, ...(given.flag('requireDpop') ? { require_dpop: true } : {}) },
  });
  const next = `next: countersign grant propose --agent ${name} …`;
  // A secret whose agent is not there is worth nothing, and is not shown.
  if (clientSecret === null || answer.status !== 'complete') {
    return settle(context, answer, [next]);
  }
  const secret = clientSecret.reveal();
  context.out.result({ ...answer, client_secret: secret }, [
    ...standingLines(answer),
    clean(`client secret: ${secret}`),
    next,
  ]);
  context.out.note(
    'note: the secret is not shown again and not kept by the broker. Put it into a file that only the agent reads (chmod 600) and name that file in COUNTERSIGN_AGENT_SECRET_FILE.',
  );
  return statusAfter(answer);
};

async function authOf(given: Given): Promise<AgentAuthDraft> {
  const [method, file] = [given.need('auth'), given.text('jwks')];
  switch (method) {
    case 'private-key-jwt':
      if (file === undefined) throw usageFailure('Name the public key.', '--jwks FILE');
      return await keysIn(file);
    case 'secret':
      if (file !== undefined) {
        throw usageFailure('An agent has a secret or keys, not both.', '--auth secret');
      }
      return { method: 'client_secret' };
    default:
      throw usageFailure(
        `Agents authenticate by private-key-jwt or secret; ${method} is not available in this version.`,
        '--auth private-key-jwt --jwks FILE, or --auth secret',
      );
  }
}

/** Public members only: a private key in the wrong hands' reach is refused before it travels. */
async function keysIn(file: string): Promise<AgentAuthDraft> {
  const read = await readFile(file, 'utf8').catch(() => null);
  const parsed: unknown = read === null ? undefined : jsonOf(read);
  const listed = recordOf(parsed)?.['keys'];
  const keys = (Array.isArray(listed) ? listed : [parsed]).map((each: unknown) => recordOf(each));
  if (keys.some((jwk) => jwk !== null && ('d' in jwk || 'k' in jwk))) {
    throw usageFailure(
      `${file} holds a private key. It stays with the agent; register its public half.`,
      'countersign agent keygen --out PRIVATE > PUBLIC, then --jwks PUBLIC',
    );
  }
  const auth = AgentAuthDraft.safeParse({
    method: 'private_key_jwt',
    jwks: { keys: keys.map((jwk) => publicMembers(jwk ?? {})) },
  });
  if (!auth.success) {
    throw usageFailure(
      `${file} is no public Ed25519 or P-256 JWK, nor a JWKS of one or two.`,
      'countersign agent keygen --out PRIVATE > PUBLIC',
    );
  }
  return auth.data;
}

/** Exactly the RFC 7638 members; `kid`, `use`, `alg` say nothing that counts. */
function publicMembers(jwk: Readonly<Record<string, unknown>>): unknown {
  const { kty, crv, x, y } = jwk;
  const members = y === undefined ? { kty, crv, x } : { kty, crv, x, y };
  const parsed = PublicJwk.safeParse(members);
  return parsed.success ? parsed.data : members;
}

const list: Act = async (context) => {
  const { client } = await takeSeat(context);
  const agents = await everyPage((query) => client.call('agents', { query }));
  const short = shortIds(agents.map(({ id }) => id));
  context.out.result(
    { agents },
    table(
      ['NAME', 'SIGNS IN BY', 'DPOP', 'STATE', 'ID'],
      agents.map((each) => [
        each.name,
        each.auth_method,
        each.require_dpop ? 'demanded' : 'offered',
        each.disabled_at === null ? 'enabled' : 'disabled',
        short.get(each.id) ?? each.id,
      ]),
    ),
  );
  return EXIT.done;
};

const disable: Act = async (context, given) =>
  settle(
    context,
    await proposeSigned(context, await takeSeat(context), {
      kind: 'agent.disable',
      id: newStatementId(),
      body: { agent: given.arg(0), reason: given.need('reason') },
    }),
  );

const keygen: Act = async (context, given) => {
  const secret = await newPrivateJwk('agent key');
  const { publicJwk, thumbprint } = await signingKeyOf(secret);
  await createPrivate(given.need('out'), `${secret.reveal()}\n`);
  context.out.result(publicJwk, [JSON.stringify(publicJwk)]);
  context.out.note(`note: the private key is in ${given.need('out')}; thumbprint ${thumbprint}`);
  return EXIT.done;
};
