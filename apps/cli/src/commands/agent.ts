/** Agents: workloads with a key or a secret of their own. Registering one grants it nothing. */
import { readFile } from 'node:fs/promises';
import { newPrivateJwk, signingKeyOf } from '@countersign/client';
import { AgentAuthDraft, PublicJwk, type StatementAnswer } from '@countersign/contract';
import type { Secret } from '@countersign/core';
import type { Context } from '../context.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { usageFailure } from '../failure.ts';
import { jsonOf, recordOf } from '../key-file.ts';
import { everyPage } from '../pages.ts';
import { createPrivate } from '../private-files.ts';
import { type Act, collect, type Given, noun, type Registrar, verb } from '../registrar.ts';
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

const JWKS = 'a public JWK, or a JWKS of one or two; may be given twice';

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
    .option('--jwks <file>', JWKS, collect)
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
    noun(agent, 'credential', 'What an agent signs in with.'),
    {
      usage: 'set <name>',
      summary: 'Give an agent other keys, or a new secret; what it had before is refused at once.',
      example:
        'countersign agent credential set cursor --auth private-key-jwt \\\n' +
        '      --jwks cursor.pub.json --jwks next.pub.json --reason "rotation"',
    },
    setCredential,
  )
    .requiredOption('--auth <method>', 'private-key-jwt, or secret (the broker makes a new one)')
    .option('--jwks <file>', JWKS, collect)
    .option('--require-dpop', 'demand DPoP of every token of this agent')
    .option('--no-require-dpop', 'demand it no more')
    .requiredOption('--reason <text>', 'your words, for the others and the ledger');
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
  return settleWithSecret(context, answer, clientSecret, [
    `next: countersign grant propose --agent ${name} …`,
  ]);
};

const setCredential: Act = async (context, given) => {
  const name = given.arg(0);
  const auth = await authOf(given);
  const { answer, clientSecret } = await proposeWithSecret(context, await takeSeat(context), {
    kind: 'agent.credential.set',
    id: newStatementId(),
    body: {
      agent: name,
      auth,
      ...(given.flag('requireDpop') ? { require_dpop: true } : {}),
      ...(given.isOff('requireDpop') ? { require_dpop: false } : {}),
      reason: given.need('reason'),
    },
  });
  return settleWithSecret(context, answer, clientSecret, [
    `next: countersign grant list --agent ${name}`,
  ]);
};

/** A secret whose statement did not take effect is worth nothing, and is not shown. */
function settleWithSecret(
  context: Context,
  answer: StatementAnswer,
  clientSecret: Secret | null,
  more: readonly string[],
): ExitStatus {
  if (clientSecret === null || answer.status !== 'complete') return settle(context, answer, more);
  const secret = clientSecret.reveal();
  context.out.result({ ...answer, client_secret: secret }, [
    ...standingLines(answer),
    clean(`client secret: ${secret}`),
    ...more,
  ]);
  context.out.note(
    'note: the secret is not shown again and not kept by the broker. Put it into a file that only the agent reads (chmod 600) and name that file in COUNTERSIGN_AGENT_SECRET_FILE.',
  );
  return statusAfter(answer);
}

async function authOf(given: Given): Promise<AgentAuthDraft> {
  const [method, files] = [given.need('auth'), given.list('jwks')];
  switch (method) {
    case 'private-key-jwt':
      if (files.length === 0) throw usageFailure('Name the public key.', '--jwks FILE');
      return await keysIn(files);
    case 'secret':
      if (files.length > 0) {
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

async function keysIn(files: readonly string[]): Promise<AgentAuthDraft> {
  const keys = (await Promise.all(files.map(publicKeysIn))).flat();
  const auth = AgentAuthDraft.safeParse({ method: 'private_key_jwt', jwks: { keys } });
  if (!auth.success) {
    throw usageFailure(
      `${files.join(' and ')} ${files.length > 1 ? 'are' : 'is'} no public Ed25519 or P-256 JWK, nor a JWKS of one or two.`,
      'countersign agent keygen --out PRIVATE > PUBLIC',
    );
  }
  return auth.data;
}

/** Public members only: a private key in the wrong hands' reach is refused before it travels. */
async function publicKeysIn(file: string): Promise<unknown[]> {
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
  return keys.map((jwk) => publicMembers(jwk ?? {}));
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
