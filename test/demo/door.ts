/** Ways to send the agent's requests: with a token of Railway's as it is, or as an agent of a broker. */
import { readFile } from 'node:fs/promises';
import {
  type Agent,
  createAgent,
  createClient,
  ProblemError,
  signingKeyOf,
} from '@countersign/client';
import { Problem, RequestedDetail } from '@countersign/contract';
import { Secret } from '@countersign/core';
import { z } from 'zod';

export interface Answer {
  /** Null: refused. */
  readonly data: unknown;
  /** In the words of whoever refused; empty where nobody did. */
  readonly refused: string;
  /** What a refusal tells an agent to do; null: nothing. */
  readonly told: string | null;
  /** What humans can be asked for; null: nobody said. */
  readonly asked: readonly RequestedDetail[] | null;
}

export interface Door {
  /** @param rights what the token shall be for; left out: everything that is not delete-capable */
  send(query: string, rights?: readonly RequestedDetail[]): Promise<Answer>;
  /** Files an access request; resolves to its id. */
  ask(rights: readonly RequestedDetail[], reason: string): Promise<string>;
  /** Resolves once humans have answered, to what became of it. */
  answered(id: string): Promise<string>;
}

const GraphQLAnswer = z.object({
  data: z.unknown().optional(),
  errors: z.array(z.object({ message: z.string() })).optional(),
});
/** Seconds: what a broker holds a poll for at most. */
const LONGEST_POLL = 30;

/** A token as Railway's tools send it. */
export function bearerDoor(url: string, token: string): Door {
  return tokenDoor(url, { authorization: `Bearer ${token}` });
}

/** What its own environment gives the agent: a project's token, or its identity at a broker. */
export function ownDoor(url: string, env: NodeJS.ProcessEnv): Door {
  const { COUNTERSIGN_AGENT: name, COUNTERSIGN_AGENT_KEY_FILE: file, RAILWAY_TOKEN: token } = env;
  if (name !== undefined && file !== undefined) return brokerDoor(url, name, file);
  return tokenDoor(url, { 'project-access-token': token ?? '' });
}

function tokenDoor(url: string, credential: Readonly<Record<string, string>>): Door {
  return {
    async send(query) {
      const headers = { ...credential, 'content-type': 'application/json' };
      const body = JSON.stringify({ query });
      const response = await fetch(url, { method: 'POST', headers, body });
      const json: unknown = await response.json();
      const problem = Problem.safeParse(json);
      return problem.success ? refusalOf(problem.data) : readAnswer(json);
    },
    ask: () => Promise.reject(new Error('there is nobody to ask')),
    answered: () => Promise.reject(new Error('nobody was asked')),
  };
}

/** RFC 9449: what is delete-capable is bound to the agent's key, so each request is proven by it. */
function brokerDoor(url: string, name: string, keyFile: string): Door {
  const { origin, pathname } = new URL(url);
  const [, connection = '', path = ''] = /^\/gateway\/([^/]+)(\/.*)$/.exec(pathname) ?? [];
  const client = createClient({ server: origin });
  let opened: Promise<Agent> | null = null;
  const open = async (): Promise<Agent> => {
    const key = await signingKeyOf(new Secret('agent key', await readFile(keyFile, 'utf8')));
    return createAgent(client, { name, key });
  };
  const agent = (): Promise<Agent> => {
    opened ??= open();
    return opened;
  };
  return {
    async send(query, rights) {
      try {
        const token = await (await agent()).token(rights ?? null);
        const response = await client.as(token).forward(connection, {
          method: 'POST',
          path,
          contentType: 'application/json',
          body: JSON.stringify({ query }),
        });
        return readAnswer(await response.json());
      } catch (error) {
        if (error instanceof ProblemError) return refusalOf(error.problem);
        throw error;
      }
    },
    async ask(rights, reason) {
      return (await (await agent()).ask({ authorization_details: [...rights], reason })).id;
    },
    async answered(id) {
      for (;;) {
        const { status } = await (await agent()).poll(id, LONGEST_POLL);
        if (status !== 'open' && status !== 'waiting') return status;
      }
    },
  };
}

function readAnswer(json: unknown): Answer {
  const { data, errors } = GraphQLAnswer.parse(json);
  const refused = (errors ?? []).map(({ message }) => message).join('; ');
  return { data: errors === undefined ? (data ?? null) : null, refused, told: null, asked: null };
}

function refusalOf({ code, detail, agent_instruction, request_access }: Problem): Answer {
  const details = z.array(RequestedDetail).safeParse(request_access?.body.authorization_details);
  return {
    data: null,
    refused: `${code}: ${detail}`,
    told: agent_instruction ?? null,
    asked: details.success ? details.data : null,
  };
}
