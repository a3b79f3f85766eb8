/**
 * The API by a stranger's reading of its own OpenAPI document: schemathesis makes what the document admits
 * and what it does not, and checks each answer against it. `COUNTERSIGN_TEST_LONG=1` looks for longer.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Deployment, deploy } from '../support/deployment.ts';
import { operationsOf } from '../support/openapi.ts';
import { pythonWith } from '../support/python.ts';
import { SIGN_ME, type SigningProxy, startSigningProxy } from '../support/signing-proxy.ts';

const python = await pythonWith('schemathesis==4.32.5');
const long = process.env['COUNTERSIGN_TEST_LONG'] === '1';
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'negative_data_rejection',
  'missing_required_header',
  'unsupported_method',
  'ignored_auth',
];

let deployment: Deployment;
let proxy: SigningProxy;
let directory: string;
let running: ChildProcess | undefined;

beforeAll(async () => {
  if (python.missing !== null) return;
  directory = await mkdtemp(join(tmpdir(), 'countersign-schemathesis-'));
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  proxy = await startSigningProxy(deployment, await operationsOf(deployment.broker.url));
});
afterAll(async () => {
  running?.kill('SIGKILL');
  await proxy?.close();
  await deployment?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

async function schemathesis(...options: readonly string[]) {
  const config = join(directory, 'schemathesis.toml');
  // A body may be invalid and too large at once; which is said first is ours to choose.
  const refusals = ['400', '401', '403', '404', '405', '409', '413', '415'];
  await writeFile(
    config,
    `[checks.negative_data_rejection]\nexpected-statuses = ${JSON.stringify(refusals)}\n`,
  );
  const child = spawn(
    python.program('st') ?? '',
    [
      ...['--config-file', config, 'run', `${deployment.broker.url}/openapi.json`],
      ...['--url', proxy.url, '--header', `Authorization: ${SIGN_ME}`],
      ...['--checks', CHECKS.join(), '--generation-with-security-parameters', 'false'],
      ...['--no-color', '--warnings', 'off', ...options],
    ],
    { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  running = child;
  const [report, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { report, status };
}

test.skipIf(python.missing !== null)(
  'holds every answer to the document',
  { timeout: long ? 3_600_000 : 600_000 },
  async () => {
    const { report, status } = await schemathesis(
      ...(long
        ? ['--seed', '20261120', '--max-examples', '300', '--phases', 'coverage,fuzzing,stateful']
        : ['--generation-deterministic', '--phases', 'coverage']),
      // Python 3.11 miscounts its own recursion when two threads parse at once.
      ...['--workers', '1'],
    );
    expect({ status, report: status === 0 ? '' : report.slice(-20_000) }).toEqual({
      status: 0,
      report: '',
    });
    expect(proxy.count()).toBeGreaterThan(500);
  },
);

test.runIf(python.missing !== null)('was not run: there is no schemathesis here', (context) => {
  context.skip(`python3 with schemathesis 4.32.5 could not be had: ${python.missing}`);
});
