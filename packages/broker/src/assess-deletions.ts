/**
 * What a grant's deletions would take with them, looked up when it is drafted (Law 1: what humans sign says what
 * goes). A provider that cannot be asked stops no draft: then that is what humans read.
 */
import { digestOfDocument, presentConnection } from '@countersign/authority';
import { DeletionAssessment, type StatementOf } from '@countersign/contract';
import { inputError, isDeleteCapable, uuidv7 } from '@countersign/core';
import { decodeEntry } from '@countersign/ledger';
import { type Deletion, type Loss, type Losses, ProviderError } from '@countersign/provider-kit';
import { openConnection } from './connection-credential.ts';
import type { Deps } from './deps.ts';
import { entryIntent } from './intents.ts';
import { requireRole } from './roles.ts';
import type { HumanCaller } from './use-cases.ts';

type GrantBody = StatementOf<'grant.create'>['body'];
type Granted = Pick<GrantBody, 'agent' | 'connection' | 'environment' | 'permissions'>;
type SignedAssessment = NonNullable<GrantBody['assessment']>;

/** Deletions of one grant that are looked up, side by side; more are counted. */
const MOST_DELETIONS = 8;

/** Bytes of losses in one statement, which is at most 32 KiB; more are counted. */
const MOST_BYTES = 12_288;

/** Null: nothing of it takes more than it names. @throws CountersignError `forbidden` */
export async function assessDeletions(
  deps: Deps,
  caller: HumanCaller,
  granted: Granted,
): Promise<SignedAssessment | null> {
  const wanted = deletionsOf(deps, granted);
  const connection = presentConnection(deps.authority.state, granted.connection);
  if (wanted.length === 0 || connection === undefined) return null;
  requireRole(deps.authority.state, caller, ['admin', 'approver']);
  const { provider, opened } = await openConnection(deps, connection);
  const { assessor } = provider;
  if (assessor === undefined) return null;
  const looked = await Promise.all(
    wanted.slice(0, MOST_DELETIONS).map(async (deletion) => ({
      deletion,
      found: await assessor
        .assess(opened, deletion)
        .catch((error: unknown): ProviderError['kind'] => {
          if (error instanceof ProviderError) return error.kind;
          throw error;
        }),
    })),
  );
  const mapped = new Set(connection.body.mapping[granted.environment]);
  const fit = fitting(MOST_BYTES);
  const entry = uuidv7(deps.clock, deps.random);
  const body: DeletionAssessment = {
    deletions: looked.map(({ deletion, found }) => ({
      ...deletion,
      ...(typeof found === 'string'
        ? { losses: [], omitted: 0, unassessed: found }
        : { ...fit(found, mapped), unassessed: null }),
    })),
    omitted: Math.max(0, wanted.length - MOST_DELETIONS),
    assessed: entry,
  };
  const assessment = { kind: 'deletion', v: 1, body };
  await deps.journal.commit([
    entryIntent(entry, 'deletion.assessed', {
      human: caller.human,
      agent: granted.agent,
      connection: connection.id,
      environment: granted.environment,
      assessment: digestOfDocument(assessment),
    }),
  ]);
  return assessment;
}

/** What of a grant takes more than it names, in the order of the grant. */
function deletionsOf(deps: Deps, { connection, permissions }: Granted): readonly Deletion[] {
  const provider = deps.authority.state.connections.get(connection)?.body.provider ?? '';
  const assessor = deps.providers.get(provider)?.assessor;
  return permissions
    .flatMap(({ operations, resources }) =>
      operations
        .filter(({ effect }) => isDeleteCapable(effect))
        .flatMap(({ name }) => resources.map((resource) => ({ operation: name, resource }))),
    )
    .filter((deletion) => assessor?.assesses(deletion) === true);
}

/** As many losses as there is room for, over all deletions; those outside the grant's environment first. */
function fitting(room: number) {
  let left = room;
  return ({ losses, omitted }: Losses, mapped: ReadonlySet<string>) => {
    const inside = ({ place_id }: Loss): number => (mapped.has(place_id) ? 1 : 0);
    const kept = [...losses]
      .sort((a, b) => inside(a) - inside(b))
      .filter((loss) => {
        left -= Buffer.byteLength(JSON.stringify(loss));
        return left >= 0;
      });
    return { losses: kept, omitted: omitted + losses.length - kept.length };
  };
}

/**
 * Law 1: what signers read of a deletion is what this broker found, by its own entry, for all that this very
 * grant deletes there, and nothing a proposer wrote or left out. @throws CountersignError `invalid_request`
 */
export async function requireOwnAssessment(deps: Deps, body: GrantBody): Promise<void> {
  const wanted = deletionsOf(deps, body);
  if (wanted.length === 0 && body.assessment === null) return;
  const said = DeletionAssessment.safeParse(body.assessment?.body).data;
  const stored = said === undefined ? null : await deps.journal.find(said.assessed);
  const entry = stored === null ? null : decodeEntry(stored.bytes);
  const vouched = entry?.type === 'deletion.assessed' ? entry.body : {};
  const named = said?.deletions.map(({ operation, resource }) => ({ operation, resource })) ?? [];
  const isOwn =
    body.assessment?.kind === 'deletion' &&
    vouched['agent'] === body.agent &&
    vouched['connection'] === body.connection &&
    vouched['environment'] === body.environment &&
    vouched['assessment'] === digestOfDocument(body.assessment) &&
    JSON.stringify(named) === JSON.stringify(wanted.slice(0, MOST_DELETIONS));
  if (isOwn) return;
  throw inputError(
    'invalid_request',
    'What it would take with it is not what this broker found. Let the server draft it.',
  );
}
