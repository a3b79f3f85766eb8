/**
 * Every two-step action, broken at every step of its talk with its own database and with the target:
 * the server killed, the step lost, the step done and reported failed. Short form: a step of each kind.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAULTS, runWith, strikeEach } from './faults.ts';
import { Auditor } from './invariants.ts';
import { OPERATIONS } from './operations.ts';
import { type Rig, rig } from './rig.ts';

let deployed: Rig;
let auditor: Auditor;
let strikes = 0;

beforeAll(async () => {
  deployed = await rig();
  const { broker } = await deployed.alice.client.call('broker', {});
  auditor = new Auditor(deployed, broker ?? '');
});
afterAll(async () => {
  process.stderr.write(`crash table: ${strikes} faults struck\n`);
  await deployed.stop();
});

describe.each(OPERATIONS)('$name', (operation) => {
  describe.each(operation.sides)('on its wire to the %s', (side) => {
    let steps: readonly string[];
    test('goes through undisturbed', async () => {
      const { watch, wrong } = await runWith(
        deployed,
        auditor,
        operation,
        deployed.wires[side],
        null,
      );
      expect(wrong).toEqual([]);
      ({ steps } = watch);
    });

    test.each(FAULTS.map((fault, turn) => ({ ...fault, turn })))(
      '$name',
      { timeout: 1_800_000 },
      async (fault) => {
        const where = { operation, wire: deployed.wires[side], steps };
        const { found, struck } = await strikeEach(deployed, auditor, where, fault);
        expect(found).toEqual([]);
        expect(struck).toBeGreaterThan(0);
        strikes += struck;
      },
    );
  });
});

describe('at the end', () => {
  test('what the crashes left is gone', { timeout: 180_000 }, async () => {
    for (const look of deployed.later) await look();
    const live = async () =>
      await deployed.own`
        select id, state, trouble from countersign.leases where state in ('pending', 'active')`;
    await expect.poll(live, { timeout: 90_000, interval: 500 }).toEqual([]);
    const roles = await deployed.target`
      select rolname from pg_roles where starts_with(rolname, 'csl_')`;
    expect(roles).toEqual([]);
    expect(await auditor.look()).toEqual([]);
  });
});
