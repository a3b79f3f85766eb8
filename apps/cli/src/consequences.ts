/** What signing would take with it: grants that would hold no more, by this terminal's own fold. */
import {
  type AuthorityState,
  counted,
  stateWithStatement,
  touchedGrants,
} from '@countersign/authority';
import type { Statement } from '@countersign/contract';
import { clean, shortIds, WIDTH, wrap } from './text.ts';

/** Kinds of which one cannot see that they end grants. The others say so by what they are. */
const FAR_REACHING: readonly Statement['kind'][] = [
  'agent.credential.set',
  'catalog.adopt',
  'connection.remove',
  'connection.set',
  'environment.set',
  'human.enroll',
  'human.remove',
  'key.revoke',
];
/** Grants that are named; more are counted. */
const NAMED = 12;

export async function consequenceLines(
  state: AuthorityState,
  statement: Statement,
): Promise<string[]> {
  if (!FAR_REACHING.includes(statement.kind)) return [];
  const now = Math.max(Date.now(), Date.parse(state.time));
  const touched = touchedGrants(state, await stateWithStatement(state, statement), now);
  if (touched.length === 0) return [];
  const short = shortIds(touched.map(({ grant }) => grant));
  const named = touched.slice(0, NAMED).map(({ grant }) => {
    const body = state.grants.get(grant)?.body;
    const agent = state.agents.get(body?.agent ?? '')?.name ?? 'waiting';
    const environment = state.environments.get(body?.environment ?? '')?.name;
    const place = environment === undefined ? agent : `${agent} in ${environment}`;
    return `${short.get(grant) ?? grant} (${place})`;
  });
  const more = touched.length > NAMED ? `, and ${touched.length - NAMED} more` : '';
  const text = `! ${counted(touched.length, 'grant')} would hold no more: ${named.join(', ')}${more}`;
  return wrap(clean(text), WIDTH, '  ');
}
