/** The flags by which agents and humans name rights: connection, environment, operations, resources. */
import { RequestedDetail } from '@countersign/contract';
import type { Command } from 'commander';
import { usageFailure } from './failure.ts';
import { collect, type Given } from './registrar.ts';

/** Adds --op and --resource. */
export function rightsOptions(command: Command): Command {
  return command
    .option('--op <operation>', 'e.g. postgres:select; may be given several times', collect)
    .option('--resource <id>', 'e.g. public.orders; may be given several times', collect);
}

/** Adds all four flags by which an agent says what it wants. */
export function targetOptions(command: Command): Command {
  return rightsOptions(
    command
      .option('--connection <name>', 'the connection, by name')
      .option('--env <name>', 'the environment, by name'),
  );
}

/** What an agent asks for; null when it named nothing. @throws Failure usage */
export function requestedDetails(given: Given): RequestedDetail[] | null {
  const [connection, environment] = [given.text('connection'), given.text('env')];
  const [operations, resources] = [given.list('op'), given.list('resource')];
  if (connection === undefined && environment === undefined) {
    if (operations.length + resources.length === 0) return null;
  }
  if (connection === undefined || environment === undefined) {
    throw usageFailure(
      'Name both --connection and --env: a right is always of one connection and environment.',
      'countersign token --connection pg --env staging',
    );
  }
  const parsed = RequestedDetail.safeParse({
    type: 'countersign',
    connection,
    environment,
    ...(operations.length === 0 ? {} : { operations }),
    ...(resources.length === 0 ? {} : { resources }),
  });
  if (!parsed.success) {
    throw usageFailure(
      parsed.error.issues[0]?.message ?? 'The flags do not name a right.',
      '--op postgres:select --resource public.orders',
    );
  }
  return [parsed.data];
}

/** The same flags again, for the next command to run. */
export function flagsOf(details: readonly RequestedDetail[] | null): string {
  const [detail] = details ?? [];
  if (detail === undefined) return '';
  return [
    ` --connection ${detail.connection} --env ${detail.environment}`,
    ...(detail.operations ?? []).map((operation) => ` --op ${operation}`),
    ...(detail.resources ?? []).map((resource) => ` --resource ${quoted(resource)}`),
  ].join('');
}

function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
