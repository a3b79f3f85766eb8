/**
 * What is served while database and mirror do not agree (Law 1): signing in, reading, and the one statement
 * that ends it. The table names every use case, so that a new one is thought about.
 */
import { decodeStatement } from '@countersign/authority';
import { CountersignError } from '@countersign/core';
import type { Deps } from './deps.ts';
import type { UseCases } from './use-cases.ts';

/** A refusal whose words are for whoever is refused: they name what to do. */
export class Halted extends CountersignError {
  constructor(sentence: string) {
    super('broker_unavailable', sentence);
    this.name = 'Halted';
  }
}

const SERVED = {
  authenticateAgent: false,
  authenticateHuman: true,
  issue: false,
  exchange: false,
  forward: false,
  signIn: true,
  me: false,
  giveBackLease: false,
  fileAccessRequest: false,
  accessRequest: false,
  accessRequests: true,
  rejectAccessRequest: false,
  broker: true,
  jwks: true,
  draft: 'restore.accept',
  propose: 'restore.accept',
  sign: 'restore.accept',
  reject: false,
  invite: false,
  statements: true,
  statement: true,
  humans: true,
  environments: true,
  agents: true,
  connections: true,
  catalogs: true,
  recordCatalog: false,
  checkConnection: false,
  grants: true,
  grant: true,
  guardrails: true,
  testGuardrail: false,
  freezes: true,
  runGrant: false,
  leases: true,
  explain: true,
  auditEntries: true,
  auditEntry: true,
  checkpoint: true,
  auditExport: true,
  identities: true,
  everyIdentity: true,
  doctor: true,
  readiness: true,
} as const satisfies Record<keyof UseCases, boolean | 'restore.accept'>;

/** The use cases as they are while nothing halts them, and else those few. */
export function whileNotHalted(deps: Deps, open: UseCases): UseCases {
  const { mirroring } = deps;
  if (mirroring === null) return open;
  const refuse = (): void => {
    if (mirroring.halt !== null) throw new Halted(mirroring.halt.sentence);
  };
  const guarded: UseCases = {
    ...open,
    async draft(caller, request) {
      if (request.kind !== 'restore.accept') refuse();
      return await open.draft(caller, request);
    },
    async propose(caller, request) {
      const { statement } = decodeStatement(request.envelope.payload);
      if (statement.kind !== 'restore.accept') refuse();
      return await open.propose(caller, request);
    },
    async sign(id, signature) {
      const kind = deps.authority.state.statements.get(id)?.decoded.statement.kind;
      if (kind !== 'restore.accept') refuse();
      return await open.sign(id, signature);
    },
  };
  for (const [name, served] of Object.entries(SERVED)) {
    if (served !== false) continue;
    const call: unknown = Reflect.get(open, name);
    if (typeof call !== 'function') throw new TypeError(`${name} is no use case`);
    Reflect.set(guarded, name, async (...given: unknown[]): Promise<unknown> => {
      refuse();
      return await Reflect.apply(call, open, given);
    });
  }
  return guarded;
}
