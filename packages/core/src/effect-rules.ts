import { type Effect, worse } from './effects.ts';
import { isNarrowed } from './operations.ts';

/**
 * Effects as data. A catalog says of each operation which effects it has and when; the rules are
 * recorded in the ledger, so a replica that runs older code still judges by the worst ever recorded.
 */
export interface EffectRule {
  readonly effect: Effect;
  /** Only in environments of this class; absent: in every class. */
  readonly environment_class?: 'production';
  /** Only when the resource is not narrowed to parts of itself (a column list); absent: always. */
  readonly whole_resource?: true;
}

/** Where an operation would be used. `environmentClass` null: not known, so every class counts. */
export interface EffectScope {
  readonly resource: string;
  readonly environmentClass: string | null;
}

/** The worst effect among the rules that apply, or null (unknown, denied) when none does. */
export function effectOf(rules: readonly EffectRule[], scope: EffectScope): Effect | null {
  let found: Effect | null = null;
  for (const rule of rules) {
    if (
      rule.environment_class !== undefined &&
      scope.environmentClass !== null &&
      rule.environment_class !== scope.environmentClass
    ) {
      continue;
    }
    if (rule.whole_resource === true && isNarrowed(scope.resource)) continue;
    found = found === null ? rule.effect : worse(found, rule.effect);
  }
  return found;
}

/** One operation of a provider, as recorded in the ledger and shown to humans. */
export interface CatalogOperation {
  /** `<provider>:<name>`. */
  readonly name: string;
  /** One line, for humans: what it does at worst. */
  readonly summary: string;
  readonly effects: readonly EffectRule[];
  /** False: known and classified, but no credential is ever minted for it. */
  readonly exchangeable: boolean;
  /** Of a described API: the method and path template by which it is asked for. */
  readonly request?: string;
}

/** A provider's operations. Its digest is SHA-256 over the RFC 8785 form of this document. */
export interface Catalog {
  readonly provider: string;
  readonly operations: readonly CatalogOperation[];
  /**
   * Of an API that humans described: the whole description, by which requests are judged. It counts only while
   * humans have adopted its digest, and what they signed is what runs (Law 1).
   */
  readonly description?: Readonly<Record<string, unknown>>;
}

/** What a described operation counts as at least, unless two humans say otherwise: whoever only looks reads. */
export function defaultEffect(request: string): Effect {
  return /^(?:GET|HEAD|QUERY) /.test(request) ? 'read' : 'delete';
}
