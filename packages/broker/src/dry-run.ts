/**
 * SQL tried for a draft and undone (Law 1: what humans sign says what it will do). It touches a target
 * without anybody's signature, so it takes an admin and has entries of its own, before and after.
 */
import { createHash } from 'node:crypto';
import { type Connection, canonicalBytes, haltOf } from '@countersign/authority';
import type { StatementOf } from '@countersign/contract';
import { inputError, uuidv7 } from '@countersign/core';
import { decodeEntry } from '@countersign/ledger';
import { type Assessment, type DryRun, ProviderError } from '@countersign/provider-kit';
import { openConnection } from './connection-credential.ts';
import { decideAndCommit } from './decide-and-commit.ts';
import { startAtProviderBefore, startBy, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { entryIntent } from './intents.ts';
import { requireRole } from './roles.ts';
import { scriptDigest } from './run-grant.ts';
import type { HumanCaller } from './use-cases.ts';

type GrantBody = StatementOf<'grant.create'>['body'];
type SignedAssessment = NonNullable<GrantBody['assessment']>;

/** Where SQL is tried. */
export interface DryRunTarget {
  readonly connection: Connection;
  /** Environment id. */
  readonly environment: string;
  /** Agent id: for whom it would be granted. */
  readonly agent: string;
  readonly resource: string;
  readonly sql: string;
}

/** @throws CountersignError `invalid_request` when the SQL fails, with the place; `forbidden` */
export async function dryRun(
  deps: Deps,
  caller: HumanCaller,
  target: DryRunTarget,
): Promise<SignedAssessment> {
  const id = uuidv7(deps.clock, deps.random);
  const { connection, environment, agent, resource, sql } = target;
  const asked = {
    human: caller.human,
    connection: connection.id,
    environment,
    resource,
    sql: scriptDigest(sql),
  };
  const deadline = await decideAndCommit(deps, async () => {
    requireRole(deps.authority.state, caller, ['admin']);
    // A freeze stops what touches the target, and this does.
    const stop = haltOf(deps.authority.state, { environment, connection: connection.id, agent });
    if (stop !== null) throw inputError('conflict', 'It is frozen, so no SQL is tried there.');
    const body = { verdict: 'allowed', stage: 'dry-run', agent, ...asked };
    return {
      intent: entryIntent(id, 'decision', body),
      async settle({ outcome }) {
        if (outcome !== 'committed') throw UNAVAILABLE();
        return startBy();
      },
    };
  });
  const { provider, opened } = await openConnection(deps, connection);
  if (provider.runner === undefined) {
    throw inputError('invalid_request', `${connection.body.provider} runs no SQL.`);
  }
  const tried = await provider.runner
    .dryRun(opened, {
      id,
      script: sql,
      resource,
      requireStart: () => startAtProviderBefore(deadline),
    })
    .catch((error: unknown) => {
      if (error instanceof ProviderError) throw inputError('invalid_request', error.message);
      throw error;
    });
  return await finished(deps, id, asked, sql, tried);
}

async function finished(
  deps: Deps,
  id: string,
  asked: Readonly<Record<string, string>>,
  sql: string,
  tried: DryRun,
): Promise<SignedAssessment> {
  const result = tried.ok ? null : { failure: { ...tried.failure } };
  const entry = uuidv7(deps.clock, deps.random);
  const assessment = tried.ok ? signedAssessment(tried.assessment, entry) : null;
  await deps.journal.commit([
    entryIntent(entry, 'dry_run.finished', {
      dry_run: id,
      ...asked,
      ...(result ?? { assessment: assessmentDigest(assessment) }),
    }),
  ]);
  if (assessment !== null) return assessment;
  throw inputError(
    'invalid_request',
    `The SQL fails: ${failureText(sql, tried)}. Nothing was changed.`,
  );
}

/** The provider's account is plain JSON; the entry that vouches for it is named in it. */
function signedAssessment({ kind, v, body }: Assessment, entry: string): SignedAssessment {
  return { kind, v, body: { ...JSON.parse(JSON.stringify(body)), dry_run: entry } };
}

function failureText(sql: string, tried: DryRun): string {
  if (tried.ok) return '';
  const { code, name, position } = tried.failure;
  const what = name === null ? code : `${code} (${name})`;
  if (position === null) return what;
  const before = [...sql]
    .slice(0, position - 1)
    .join('')
    .split('\n');
  return `${what} at line ${before.length}, column ${[...(before.at(-1) ?? '')].length + 1}`;
}

function assessmentDigest(assessment: SignedAssessment | null): string {
  return createHash('sha256').update(canonicalBytes(assessment)).digest('base64url');
}

/**
 * Law 1: what signers read of a dry run is what this broker found, by its own entry, for this very SQL
 * there, and nothing a proposer wrote. @throws CountersignError `invalid_request`
 */
export async function requireOwnDryRun(deps: Deps, body: GrantBody): Promise<void> {
  const id = body.assessment?.body['dry_run'];
  const stored = typeof id === 'string' ? await deps.journal.find(id) : null;
  const entry = stored === null ? null : decodeEntry(stored.bytes);
  const says = entry?.type === 'dry_run.finished' ? entry.body : {};
  const resources = body.permissions.flatMap((permission) => permission.resources);
  const isOwn =
    says['connection'] === body.connection &&
    says['environment'] === body.environment &&
    says['sql'] === scriptDigest(body.sql ?? '') &&
    resources.every((resource) => resource === says['resource']) &&
    says['assessment'] === assessmentDigest(body.assessment);
  if (isOwn) return;
  throw inputError(
    'invalid_request',
    'Its assessment is not what a dry run of this SQL there found. Let the server draft it.',
  );
}
