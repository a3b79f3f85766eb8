/** A description as a terminal would show it, without what every statement ends with. */
import { decodeStatement, describe } from '../../src/index.ts';
import type { Body } from './bodies.ts';
import { type Deployment, type Draft, payloadOf, type Team } from './deployment.ts';

export function said({ state }: Deployment, draft: Draft): ReturnType<typeof describe> {
  return describe(state, decodeStatement(payloadOf(draft)).statement);
}

export function words(t: Team, kind: string, body: Body): string {
  const { headline, facts, warnings } = said(t.broker, t.broker.draft(kind, body));
  const shown = facts.filter(({ label }) => label !== 'sign by' && label !== 'statement');
  return [
    headline,
    ...shown.map(({ label, value }) => `  ${label}: ${value}`),
    ...warnings.map((warning) => `! ${warning}`),
  ].join('\n');
}
