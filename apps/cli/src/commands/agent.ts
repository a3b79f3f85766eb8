/** Agents: workloads with a key of their own. Registering one grants it nothing. */
import { readFile } from 'node:fs/promises';
import { newPrivateJwk, signingKeyOf } from '@countersign/client';
import { AgentAuth, PublicJwk } from '@countersign/contract';
import { EXIT } from '../exit-status.ts';
import { usageFailure } from '../failure.ts';
import { jsonOf, recordOf } from '../key-file.ts';
import { everyPage } from '../pages.ts';
import { createPrivate } from '../private-files.ts';
import { type Act, noun, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { table } from '../table.ts';
import { shortIds } from '../text.ts';

export function addAgent(program: Registrar): void {
  const agent = noun(program, 'agent', 'Workloads that ask for tokens. They never sign.');
  verb(
    agent,
    {
      usage: 'add <name>',
      summary: 'Register an agent by its public key.',
      example: 'countersign agent add cursor --auth private-key-jwt --jwks cursor.pub.json',
    },
    add,
  )
    .requiredOption('--auth <method>', 'private-key-jwt')
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
  const method = given.need('auth');
  if (method !== 'private-key-jwt') {
    throw usageFailure(
      `Agents authenticate by private-key-jwt; ${method} is not available in this version.`,
      '--auth private-key-jwt --jwks FILE',
    );
  }
  const file = given.text('jwks');
  if (file === undefined) throw usageFailure('Name the public key.', '--jwks FILE');
  const answer = await proposeSigned(context, await takeSeat(context), {
    kind: 'agent.register',
    id: newStatementId(),
    body: {
      name: given.arg(0),
      auth: await authOf(file),
      ...(given.flag('requireDpop') ? { require_dpop: true } : {}),
    },
  });
  return settle(context, answer, [`next: countersign grant propose --agent ${given.arg(0)} …`]);
};

/** Public members only: a private key in the wrong hands' reach is refused before it travels. */
async function authOf(file: string): Promise<AgentAuth> {
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
  const auth = AgentAuth.safeParse({
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
