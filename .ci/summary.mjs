// Sums up the runner's report. Fails when anything failed, and when a suite unexpectedly ran nothing.
import { readFileSync } from 'node:fs';

const status = Number(process.argv[2] ?? 1);
// A check that ran nothing is no check: each of these must have passed at least one test.
const EXPECTED = [
  'packages/core/',
  'packages/contract/',
  'packages/broker/',
  'packages/provider-kit/',
  'packages/providers/railway/',
  'packages/client/',
  'packages/authority/',
  'packages/ledger/',
  'packages/policy/',
  'packages/tokens/',
  'packages/store/',
  'packages/http/',
  'packages/verify/',
  'packages/providers/postgres/',
  'apps/cli/',
  'apps/server/',
  'test/architecture/',
  'test/attacks/',
  'test/conformance/oauth',
  'test/conformance/schemathesis',
  'test/conformance/postgres-clients',
  'test/conformance/pgbouncer',
  'test/e2e/',
  // Skipped where there is no haproxy; CI installs it.
  'test/e2e/replicas.test.ts',
  'test/faults/',
];

let report;
try {
  report = JSON.parse(readFileSync('reports/vitest.json', 'utf8'));
} catch {
  process.stderr.write('There is no test report: the tests did not run.\n');
  process.stdout.write('0 passed, 1 failed\n');
  process.exit(1);
}
let { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = report;
const root = `${process.cwd()}/`;
for (const file of report.testResults) {
  if (file.assertionResults.length === 0) {
    process.stderr.write(`${file.name.replace(root, '')} ran no test: ${file.message ?? ''}\n`);
    failed += 1;
  }
}
for (const prefix of EXPECTED) {
  const ran = report.testResults.some(
    (file) =>
      file.name.replace(root, '').startsWith(prefix) &&
      file.assertionResults.some((test) => test.status === 'passed'),
  );
  if (!ran) {
    process.stderr.write(`nothing passed under ${prefix}\n`);
    failed += 1;
  }
}
if (status !== 0 && failed === 0) {
  process.stderr.write(
    'npm test failed outside the tests (lint, types or unused code); see above.\n',
  );
  failed = 1;
}
const tail = skipped > 0 ? `, ${skipped} skipped` : '';
process.stdout.write(`${passed} passed, ${failed} failed${tail}\n`);
process.exit(failed === 0 && status === 0 ? 0 : 1);
