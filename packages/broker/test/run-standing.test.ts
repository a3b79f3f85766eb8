/** Law 4: a run is decided on what its token is worth when it is written down, not only when it was shown. */
import { dpopProof } from '@countersign/client';
import { Secret } from '@countersign/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { authenticateAgent } from '../src/authenticate.ts';
import { runGrant } from '../src/run-grant.ts';
import { ISSUER } from './support/broker-in-memory.ts';
import { type Forwarding, forwarding } from './support/forwarding.ts';
import { AGENT, RESIZE } from './support/granted.ts';

let broker: Forwarding;
beforeEach(async () => {
  broker = await forwarding([RESIZE]);
});
afterEach(() => broker.stop());

/** The grant runs nothing, which is said once all before it was passed. */
const REACHED = { code: 'invalid_request', message: 'No SQL is run under this grant.' };

async function shown() {
  const { deps, key, state } = broker;
  const [grant = ''] = state.grants.keys();
  const token = await broker.token();
  const request = { method: 'POST', url: `${ISSUER}/v1/grants/${grant}/run` };
  const accessToken = new Secret('token', token);
  const proof = await dpopProof(key, { ...request, now: Date.now(), accessToken });
  const caller = await authenticateAgent(deps, { scheme: 'DPoP', token, proof, ...request });
  return () => runGrant(deps, caller, grant, { sql: null, resource: null });
}

test('under a token that stands it is decided, whatever else was signed meanwhile', async () => {
  const run = await shown();
  broker.moved();
  await expect(run()).rejects.toMatchObject(REACHED);
});

test('a token whose key was withdrawn since it was shown runs nothing', async () => {
  const run = await shown();
  broker.withDeps({
    tokenKeys: { ...broker.deps.tokenKeys, verifying: async () => ({ keys: [] }) },
  });
  broker.moved();
  await expect(run()).rejects.toMatchObject({ code: 'invalid_token' });
});

test('a token bound to a key that its agent lost since it was shown runs nothing', async () => {
  const run = await shown();
  broker.state.names.set(`agent-key/${broker.key.thumbprint}`, AGENT);
  const agent = broker.state.agents.get(AGENT);
  if (agent === undefined) throw new Error('there is the agent');
  broker.state.agents.set(AGENT, { ...agent, credentials: ['another'] });
  broker.moved();
  await expect(run()).rejects.toMatchObject({ code: 'token_revoked' });
});
