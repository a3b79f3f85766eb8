/**
 * What a statement changes, as it was when it was proposed. Its body says what all of it shall be, so who signs
 * answers for the way from there and from nowhere else: once that has changed, it is proposed anew (Law 1).
 */
import type { Statement } from '@countersign/contract';
import { digestOfDocument } from './canonical.ts';
import type { AuthorityState, StatementRecord } from './state.ts';

/** Stands for what the statement would change, as it is now; null where it changes nothing that is there. */
export function basisOf(state: AuthorityState, statement: Statement): string | null {
  const changed = (id: string | null): string | null => state.changedBy.get(id ?? '') ?? null;
  switch (statement.kind) {
    case 'human.enroll':
      return changed(statement.body.human);
    case 'environment.set':
      return changed(statement.body.environment);
    case 'connection.set':
    case 'escape.accept':
      return changed(statement.body.connection);
    case 'guardrail.add':
    case 'guardrail.remove':
      return changed(statement.body.guardrail);
    case 'catalog.adopt': {
      const { provider } = statement.body;
      // What somebody described counts for nothing, so it overtakes nothing.
      const recorded = [...state.catalogs].filter(
        ([, catalog]) => catalog.provider === provider && catalog.description === undefined,
      );
      return digestOfDocument({
        adopted: changed(provider),
        recorded: recorded.map(([digest]) => digest),
      });
    }
    default:
      return null;
  }
}

/** Whether what a waiting statement would change is no more what it was. */
export function isOvertaken(state: AuthorityState, record: StatementRecord): boolean {
  return record.basis !== basisOf(state, record.decoded.statement);
}

/** Notes what a statement that takes effect has changed. */
export function noteChange(state: AuthorityState, statement: Statement): void {
  const { id } = statement;
  switch (statement.kind) {
    case 'human.enroll':
    case 'recover':
      state.changedBy.set(statement.body.human ?? id, id);
      return;
    case 'key.revoke':
      state.changedBy.set(state.keys.get(statement.body.key)?.human ?? '', id);
      return;
    case 'environment.set':
      state.changedBy.set(statement.body.environment ?? id, id);
      return;
    case 'connection.set':
      state.changedBy.set(statement.body.connection ?? id, id);
      return;
    case 'guardrail.add':
      state.changedBy.set(statement.body.guardrail ?? id, id);
      return;
    case 'catalog.adopt':
      state.changedBy.set(statement.body.provider, id);
      return;
    default:
      return;
  }
}
