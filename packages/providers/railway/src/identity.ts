/** Whose a credential is, and which of the named projects it reaches, by Railway's own account. */
import { ProviderError } from '@countersign/provider-kit';
import { z } from 'zod';
import type { Ask } from './ask.ts';
import type { DraftConfig, RailwayConfig, TokenKind } from './config.ts';
import { everyNode, PAGE_INFO, PAGE_SIZE, pageOf } from './pages.ts';

const environmentShape = z.object({ id: z.string(), name: z.string(), isEphemeral: z.boolean() });

/** `<kind>/<id>` of whoever the token belongs to. @throws ProviderError `misconfigured` where it is of another kind */
export async function accountOf(ask: Ask, kind: TokenKind): Promise<string> {
  if (kind === 'project') {
    const shape = z.object({ projectToken: z.object({ projectId: z.string() }) });
    const found = await ask({ query: '{projectToken{projectId}}', shape });
    if (found !== undefined) return `project/${found.projectToken.projectId}`;
  } else if (kind === 'account') {
    const shape = z.object({ me: z.object({ id: z.string() }) });
    const found = await ask({ query: '{me{id}}', shape });
    if (found !== undefined) return `user/${found.me.id}`;
  } else {
    const shape = z.object({
      apiToken: z.object({ workspaces: z.array(z.object({ id: z.string() })) }),
    });
    const [me, found] = [
      await ask({ query: '{me{id}}', shape: z.unknown() }),
      await ask({ query: '{apiToken{workspaces{id}}}', shape }),
    ];
    const [workspace, ...others] = found?.apiToken.workspaces ?? [];
    if (me === undefined && workspace !== undefined && others.length === 0) {
      return `workspace/${workspace.id}`;
    }
  }
  throw new ProviderError(
    'misconfigured',
    `The credential is no ${kind} token that Railway knows.`,
  );
}

/** A project as it stands now. Undefined: the credential does not reach it. */
export async function readProject(
  ask: Ask,
  id: string,
): Promise<RailwayConfig['projects'][number] | undefined> {
  const query = `query($id:String!,$after:String){project(id:$id){name environments(first:${PAGE_SIZE},after:$after){edges{node{id name isEphemeral}} ${PAGE_INFO}}}}`;
  let name = '';
  const environments = await everyNode(async (after) => {
    const answer = await ask({
      query,
      variables: { id, after },
      shape: z.object({
        project: z.object({ name: z.string(), environments: pageOf(environmentShape) }),
      }),
    });
    name = answer?.project.name ?? name;
    return answer?.project.environments;
  });
  if (environments === undefined) return undefined;
  const lasting = environments.filter(({ isEphemeral }) => !isEphemeral);
  return { id, name, environments: lasting.map((each) => ({ id: each.id, name: each.name })) };
}

/** The configuration with what only Railway knows. @throws ProviderError with words for the admin */
export async function completeConfig(ask: Ask, draft: DraftConfig): Promise<RailwayConfig> {
  const account = await accountOf(ask, draft.token);
  const projects: RailwayConfig['projects'] = [];
  for (const id of draft.projects) {
    const project = await readProject(ask, id);
    if (project === undefined) {
      throw new ProviderError('misconfigured', `The credential does not reach project ${id}.`);
    }
    projects.push(project);
  }
  return { endpoint: draft.endpoint, token: draft.token, account, projects };
}
