/**
 * A broker in miniature, to be killed: starts the embedded PostgreSQL in the directory it is given,
 * says so in one line of JSON, and stops it when told `stop`.
 */
import { createInterface } from 'node:readline';
import { CountersignError } from '@countersign/core';
import { startEmbeddedPostgres } from '../src/embedded/postgres.ts';

const [directory = ''] = process.argv.slice(2);
const log = { info: () => undefined, warn: () => undefined };

try {
  const server = await startEmbeddedPostgres({ directory, log, durability: 'none' });
  const { port, adopted, systemIdentifier } = server;
  process.stdout.write(`${JSON.stringify({ port, adopted, systemIdentifier })}\n`);
  createInterface({ input: process.stdin }).once('line', async () => {
    await server.stop();
    process.exit(0);
  });
} catch (error) {
  const code = error instanceof CountersignError ? error.code : 'unexpected';
  process.stdout.write(`${JSON.stringify({ code, message: String(error) })}\n`);
  process.exit(1);
}
