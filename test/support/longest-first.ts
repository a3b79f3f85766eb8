/**
 * The order of test files. Vitest puts those first that took longest the last time, and on a machine
 * that never ran them the largest, which says little here: a short file that drives a whole deployment
 * would begin when all others are done, and run alone on one core for minutes.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Whatever takes more than about 20 s, longest first. A name that is gone or new costs time only. */
const LONG = [
  'test/faults/crash-table.test.ts',
  'test/attacks/database-owner.test.ts',
  'packages/providers/postgres/test/escape-free.test.ts',
  'test/attacks/restored-backup.test.ts',
  'test/attacks/gateway-fuzz.test.ts',
  'test/e2e/demo.test.ts',
  'test/attacks/mirror-tricks.test.ts',
  'test/e2e/tour.test.ts',
  'test/attacks/database-owner-random.test.ts',
  'test/faults/database-away.test.ts',
  'test/attacks/snapshot.test.ts',
  'test/e2e/days/laptop-lost.test.ts',
  'test/e2e/days/rotations.test.ts',
  'test/e2e/days/holiday.test.ts',
  'test/e2e/days/someone-leaves.test.ts',
  'test/e2e/days/day-one.test.ts',
  'test/e2e/days/rules-and-people.test.ts',
  'test/attacks/database.test.ts',
  'test/attacks/gateway-fuzz.test.ts',
  'test/faults/leases-at-once.test.ts',
  'test/attacks/leases.test.ts',
  'packages/providers/postgres/test/escapes.test.ts',
  'test/conformance/schemathesis.test.ts',
  'test/e2e/restore.test.ts',
  'test/e2e/replicas.test.ts',
  'apps/server/test/embedded-recovery.test.ts',
  'packages/store/test/keks.test.ts',
  'packages/store/test/snapshots.test.ts',
  'test/faults/linearizability.test.ts',
  'packages/providers/postgres/test/group-role.test.ts',
  'test/attacks/bad-framing.test.ts',
  'packages/providers/postgres/test/revoke.test.ts',
  'test/attacks/schema-changes-crash.test.ts',
  'test/e2e/rotation.test.ts',
  'packages/store/test/crash.test.ts',
  'test/attacks/bad-input.test.ts',
  'apps/server/test/embedded.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const place = LONG.findIndex((name) => moduleId.endsWith(`/${name}`));
  return place < 0 ? LONG.length : place;
}
