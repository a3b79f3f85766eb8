/** What an admin should know of a Railway connection before trusting it: whose token it is, and how far it reaches. */
import { type ConnectionCheck, ProviderError } from '@countersign/provider-kit';
import { z } from 'zod';
import type { Ask } from './ask.ts';
import type { RailwayConfig } from './config.ts';
import { accountOf, readProject } from './identity.ts';
import { everyNode, PAGE_INFO, PAGE_SIZE, pageOf } from './pages.ts';
import type { Comparison } from './schema.ts';

type Finding = ConnectionCheck['findings'][number];

/** Names in one finding; more are counted. */
const NAMED = 10;

/** Never throws for what it looks at: an unreachable provider is a finding. */
export async function checkConnection(
  config: RailwayConfig,
  ask: Ask,
  compare: () => Promise<Comparison>,
): Promise<ConnectionCheck> {
  try {
    const findings = [
      await accountFinding(config, ask),
      await reachFinding(config, ask),
      ...(await projectFindings(config, ask)),
      ...schemaFindings(await compare()),
    ];
    const essential = findings.filter(({ essential }) => essential);
    return {
      ok: essential.every(({ ok }) => ok),
      findings: findings.map(({ ok, text }) => ({ ok, text })),
      escapes: [],
    };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { ok: false, findings: [{ ok: false, text: error.message }], escapes: [] };
  }
}

/** Without an essential one no request could be judged. */
type Found = Finding & { readonly essential: boolean };

async function accountFinding(config: RailwayConfig, ask: Ask): Promise<Found> {
  const account = await accountOf(ask, config.token);
  const ok = account === config.account;
  const text = ok
    ? `Reached Railway with a token of ${account}.`
    : `The token is of ${account}, and this connection was signed for ${config.account}.`;
  return { ok, text, essential: true };
}

/** What the token could do besides, in anybody's hands. */
async function reachFinding({ token, projects }: RailwayConfig, ask: Ask): Promise<Found> {
  if (token === 'project') {
    const text = 'A project token reaches one environment, and whatever of the project it shares.';
    return { ok: true, text, essential: false };
  }
  const query = `query($after:String){projects(first:${PAGE_SIZE},after:$after){edges{node{id}} ${PAGE_INFO}}}`;
  const shape = z.object({ projects: pageOf(z.object({ id: z.string() })) });
  const reached = await everyNode(
    async (after) => (await ask({ query, variables: { after }, shape }))?.projects,
  );
  const besides = (reached ?? []).filter(({ id }) => !projects.some((each) => each.id === id));
  return besides.length === 0
    ? {
        ok: true,
        text: 'The token reaches no project but those of this connection.',
        essential: false,
      }
    : {
        ok: false,
        text: `The token reaches ${besides.length} more projects than this connection is for; nothing is forwarded to those.`,
        essential: false,
      };
}

async function projectFindings(config: RailwayConfig, ask: Ask): Promise<readonly Found[]> {
  const findings: Found[] = [];
  for (const signed of config.projects) {
    const present = await readProject(ask, signed.id);
    if (present === undefined) {
      const text = `Project ${signed.name} (${signed.id}) is gone or out of reach.`;
      findings.push({ ok: false, text, essential: true });
      continue;
    }
    const known = new Set(signed.environments.map(({ id }) => id));
    const fresh = present.environments.filter(({ id }) => !known.has(id));
    findings.push({
      ok: fresh.length === 0,
      text:
        fresh.length === 0
          ? `Project ${present.name} has the environments ${listed(present.environments.map(({ name }) => name))}.`
          : `Project ${present.name} has environments that this connection was signed without: ${listed(fresh.map(({ name }) => name))}. What reaches them is denied until they are mapped.`,
      essential: false,
    });
  }
  return findings;
}

function schemaFindings({ drift, added }: Comparison): readonly Found[] {
  const findings: Found[] = [];
  if (drift.size > 0) {
    const text = `Railway changed ${drift.size} fields that this version knows otherwise; what uses them is denied: ${listed([...drift].sort())}.`;
    findings.push({ ok: false, text, essential: false });
  }
  if (added.size > 0) {
    const text = `Railway has ${added.size} fields, arguments or values that this version does not know; what uses them is denied: ${listed([...added].sort())}.`;
    findings.push({ ok: false, text, essential: false });
  }
  if (findings.length > 0) return findings;
  return [{ ok: true, text: 'Railway’s schema is as this version knows it.', essential: false }];
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMED;
  return more > 0 ? `${names.slice(0, NAMED).join(', ')} and ${more} more` : names.join(', ');
}
