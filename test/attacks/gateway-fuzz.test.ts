/**
 * Requests that nobody chose, before the running broker: documents, variables and HTTP by grammars, from agents with
 * and without grants. What happened the simulated Railway says. `npm run test:long` sends a hundred thousand;
 * COUNTERSIGN_TEST_REQUESTS and COUNTERSIGN_TEST_SEED send as many of another seed.
 */
import { dpopProof } from '@countersign/client';
import type { Effect } from '@countersign/provider-railway/simulator';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dial, untilClosed } from '../support/http-wire.ts';
import { verifyLedger } from '../support/ledger.ts';
import { brokenLaws } from './gateway-fuzz/law.ts';
import { type Attempt, anyAttempt, bytesOf, type Wire, wiresOf } from './gateway-fuzz/requests.ts';
import { type Scene, setScene } from './gateway-fuzz/scene.ts';

const isLong = process.env['COUNTERSIGN_TEST_LONG'] === '1';
const REQUESTS = Number(process.env['COUNTERSIGN_TEST_REQUESTS'] ?? (isLong ? 100_000 : 5_000));
const SEED = Number(process.env['COUNTERSIGN_TEST_SEED'] ?? Math.floor(Date.now() / 86_400_000));
/** In flight at a time, in a world of their own. */
const TOGETHER = 20;
/** Milliseconds for one, on a machine that is busy. */
const EACH = 1_000;
/** Milliseconds after which nobody waits for an answer. */
const PATIENCE = 20_000;
const TARGET = '/gateway/railway/graphql/v2';

/** So many meet all of it. */
const ENOUGH = 1_000;

/** Whatever a run does not meet it has not tried. */
const SURELY = [
  'forwarded',
  'ambiguous_request',
  'environment_mismatch',
  'grant_exhausted',
  'needs_signature',
  'invalid_token',
  'not_granted',
  'resource_not_granted',
  'unknown_operation',
  'unparseable_request',
] as const;

let scene: Scene;

beforeAll(async () => {
  scene = await setScene();
});
afterAll(() => scene?.stop());

test('random requests delete nothing without the second human, and touch nothing elsewhere', {
  timeout: 60_000 + REQUESTS * EACH,
}, async () => {
  const { railway, volume, known } = scene;
  const { staging } = railway.rental;
  const others = new Set(
    railway.simulator.world
      .where('environment')
      .map(({ id }) => id)
      .filter((id) => id !== staging.id),
  );
  const verdicts = new Map<string, number>();
  const effects = new Map<string, number>();
  let deletions = 0;
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (g) => {
      railway.renew();
      const attempts = Array.from({ length: TOGETHER }, () => {
        const attempt = anyAttempt(g, known, volume);
        return { attempt, wires: wiresOf(g, attempt, TARGET) };
      });
      const met = await Promise.all(attempts.map(({ attempt, wires }) => send(attempt, wires)));
      for (const verdict of met) count(verdicts, verdict);
      for (const { effect } of railway.simulator.effects) count(effects, effect);
      deletions += railway.simulator.effects.filter(isDeletion).length;
      const broken = brokenLaws(railway.simulator, { staging: staging.id, others, volume });
      expect(broken, JSON.stringify(attempts.map(({ attempt }) => attempt))).toEqual([]);
    }),
    { numRuns: Math.ceil(REQUESTS / TOGETHER), seed: SEED, endOnFailure: true },
  );
  process.stdout.write(`${JSON.stringify(Object.fromEntries([...verdicts, ...effects]))}\n`);
  // The one use was used, and no other.
  expect(deletions).toBe(1);
  if (REQUESTS < ENOUGH) return;
  for (const each of SURELY) expect(verdicts.get(each) ?? 0, each).toBeGreaterThan(0);
});

test('afterwards the ledger verifies, each decision of it', async () => {
  expect(await verifyLedger(scene.deployment.alice)).toMatchObject({ ok: true, finding: null });
});

function isDeletion({ effect, object }: Effect): boolean {
  return effect === 'destroyed' && object === `volume/${scene.volume}`;
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** @returns the code of a refusal, or what else came of it */
async function send(attempt: Attempt, wires: readonly Wire[]): Promise<string> {
  const { port, url } = scene.deployment.broker;
  const { token, key } = await scene.token(attempt.agent);
  const bytes: Buffer[] = [];
  for (const [index, wire] of wires.entries()) {
    const scheme = key === null ? 'Bearer' : 'DPoP';
    const proof =
      key === null
        ? []
        : [
            `DPoP: ${await dpopProof(key, {
              method: wire.method,
              url: `${url}${TARGET}`,
              now: Date.now(),
              accessToken: token,
              body: Buffer.from(wire.content),
            })}`,
          ];
    const last = index === wires.length - 1 ? ['Connection: close'] : [];
    bytes.push(bytesOf(wire, [`Authorization: ${scheme} ${token.reveal()}`, ...proof, ...last]));
  }
  const socket = await dial(port);
  socket.setTimeout(PATIENCE, () => socket.destroy());
  const closed = untilClosed(socket);
  const whole = Buffer.concat(bytes);
  if (wires.some(({ share }) => share < 1)) socket.end(whole);
  else socket.write(whole);
  return verdictOf(await closed);
}

/** Of the last answer, where there are several. */
function verdictOf(text: string): string {
  const answers = text.split(/(?=HTTP\/1\.1 \d{3} )/);
  const last = answers.at(-1) ?? '';
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(last)?.[1]);
  if (Number.isNaN(status)) return 'no answer';
  if (status === 200 && /\r\ncountersign-decision: /i.test(last)) return 'forwarded';
  return /"code":"([a-z_]+)"/.exec(last)?.[1] ?? `status ${status}`;
}
