/**
 * A forwarded request, broken at every step of its way: the server killed, its database's answer lost, the provider
 * gone before or after it did what it was asked. Short form: one step for each fault, and few faults but for
 * the delete.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAULTS, type Fault, runWith, strikeEach } from './faults.ts';
import { connectAndGrant, FIELDS, forwards } from './forwards.ts';
import { Auditor } from './invariants.ts';
import { LONG, type Rig, rig } from './rig.ts';
import { startUpstream, TOO_OFTEN, type Upstream } from './upstream.ts';

let deployed: Rig;
let upstream: Upstream;
let auditor: Auditor;
let strikes = 0;

beforeAll(async () => {
  upstream = await startUpstream(FIELDS);
  deployed = await rig({ env: { COUNTERSIGN_AGENT_RESOLVER_RATE: '1000' } });
  await connectAndGrant(deployed, upstream);
  const { broker } = await deployed.alice.client.call('broker', {});
  auditor = new Auditor(deployed, broker ?? '');
});
afterAll(async () => {
  process.stderr.write(`forward table: ${strikes} faults struck\n`);
  await deployed?.stop();
  await upstream?.close();
});

/** In the short form what the agent asked for is struck, in the long one the broker's own questions too. */
const struckThere = LONG ? {} : { only: /^(?!a question$)/ };
const OF_HTTP: readonly Fault[] = [
  ...FAULTS.flatMap(({ name, strike }) =>
    /^(?:SIGKILL|the step)/.test(name) ? [{ name, strike, ...struckThere }] : [],
  ),
  {
    name: 'refused as one too many (429)',
    strike: () => ({ when: 'before', sees: TOO_OFTEN }),
    ...struckThere,
  },
];
/** A session is opened while other operations run, too. */
const OF_SQL = FAULTS.filter(({ only }) => only?.source !== '^a session opens$');

/** A delete meets every fault in the short form too, a write and a read what leaves the most behind. */
const isShort = (name: string, fault: Fault): boolean =>
  name.includes('delete') || /done and reported/.test(fault.name);

const NAMES = ['a forwarded delete', 'a forwarded write', 'a forwarded read'];

describe.each(NAMES)('%s', (name) => {
  const operation = () => {
    const found = forwards(upstream).find((each) => each.name === name);
    if (found === undefined) throw new Error(`no operation is called ${name}`);
    return found;
  };

  describe.each([
    ['database', OF_SQL, () => deployed.wires.broker],
    ['provider', OF_HTTP, () => upstream],
  ] as const)('on its way to the %s', (_, faults, wireOf) => {
    let steps: readonly string[];
    test('goes through undisturbed', async () => {
      const { watch, wrong } = await runWith(deployed, auditor, operation(), wireOf(), null);
      expect(wrong).toEqual([]);
      ({ steps } = watch);
      expect(steps).not.toEqual([]);
    });

    const struckBy = faults.filter((fault) => LONG || isShort(name, fault));
    test.each(struckBy.map((fault, turn) => ({ ...fault, turn })))(
      '$name',
      { timeout: 1_800_000 },
      async (fault) => {
        const where = { operation: operation(), wire: wireOf(), steps };
        const { found, struck } = await strikeEach(deployed, auditor, where, fault);
        expect(found).toEqual([]);
        expect(struck).toBeGreaterThan(0);
        strikes += struck;
      },
    );
  });
});
