/**
 * Guardrails as they are evaluated: a built-in permit and the humans' forbids. Whatever goes wrong is a
 * denial: a text that cannot be read, a policy that errs, an engine that trapped, an answer too late.
 */
import { digestOfDocument, type Guardrail } from '@countersign/authority';
import type { Catalog } from '@countersign/core';
import type { Cedar } from './cedar.ts';
import { checkText, TOO_DEEP } from './guardrail-check.ts';
import { type GuardedRight, requestOf } from './guardrail-request.ts';
import { guardrailSchema } from './guardrail-schema.ts';
import { type Complaint, type NamedPolicy, takeApart } from './guardrail-text.ts';

/** The guardrail, and the policy in it, that forbade. */
export interface Forbidden {
  readonly guardrail: Pick<Guardrail, 'id' | 'name'>;
  /** Its `@id`, or `#` and its place; null where the guardrail as a whole could not be evaluated. */
  readonly policy: string | null;
  /** Why it could not be evaluated; null where it was, and forbids. */
  readonly error: string | null;
}

export type GuardrailTexts = readonly Pick<Guardrail, 'id' | 'name' | 'policy'>[];

export interface GuardrailEngine {
  /** Whatever keeps a text from being a guardrail here; empty when nothing does. */
  check(text: string, catalogs: Iterable<Catalog>): readonly Complaint[];
  /** Its policies, in the order they were written; empty when it cannot be read. */
  policiesIn(text: string): readonly Pick<NamedPolicy, 'name' | 'mentions'>[];
  /** Reads them now, so that no decision waits for it. Never throws: what is broken denies. */
  prepare(guardrails: GuardrailTexts): void;
  /** Of these rights the first that is forbidden, and by what; null: none is. */
  judge(
    guardrails: GuardrailTexts,
    rights: readonly GuardedRight[],
  ): { readonly at: number; readonly by: Forbidden } | null;
}

export interface EngineDeps {
  /** A fresh instance each time. @throws whatever keeps it from loading */
  readonly load: () => Cedar;
  /** Milliseconds by a clock that is never set. */
  readonly elapsed: () => number;
}

/** Milliseconds for all rights of one decision; far beyond what they take. */
const LATE = 1_000;
/** Policy sets kept parsed at once: what stands, what stood, what is being tested. */
const MOST_SETS = 32;
const PERMIT = 'permit';

/** Guardrails that were read, under the id by which Cedar keeps them. */
interface ReadSet {
  readonly slot: string;
  /** By guardrail, its policies. */
  readonly policies: readonly (readonly NamedPolicy[])[];
}

interface BrokenSet {
  /** Place of the guardrail that could not be read. */
  readonly broken: number;
  readonly error: string;
}

interface Instance {
  readonly cedar: Cedar;
  /** By digest of the texts; the least recently used first. */
  readonly sets: Map<string, ReadSet | BrokenSet>;
  readonly free: string[];
}

export function createGuardrailEngine({ load, elapsed }: EngineDeps): GuardrailEngine {
  let instance: Instance | null = null;
  /** Sets that brought an instance down when they were read: no other one is spent on them. */
  const trapped = new Map<string, BrokenSet>();
  let latest: { readonly texts: GuardrailTexts; readonly digest: string } | null = null;

  function present(): Instance {
    instance ??= {
      cedar: load(),
      sets: new Map(),
      free: Array.from({ length: MOST_SETS + 1 }, (_, place) => `set-${place}`),
    };
    return instance;
  }

  /** Runs on the present instance, and drops it when it traps: nothing it says afterwards counts. */
  function guarded<T>(work: (instance: Instance) => T): T {
    try {
      return work(present());
    } catch (error) {
      instance = null;
      throw error;
    }
  }

  /** Texts are compared by identity first: a decision hashes nothing. */
  function digestOf(texts: GuardrailTexts): string {
    const same =
      latest?.texts.length === texts.length &&
      texts.every((text, place) => latest?.texts[place] === text);
    if (latest === null || !same) {
      latest = { texts, digest: digestOfDocument(texts.map(({ policy }) => policy)) };
    }
    return latest.digest;
  }

  function setOf(of: Instance, texts: GuardrailTexts): ReadSet | BrokenSet {
    const digest = digestOf(texts);
    const known = trapped.get(digest) ?? of.sets.get(digest);
    if (known !== undefined) {
      if (of.sets.delete(digest)) of.sets.set(digest, known);
      return known;
    }
    let reading = 0;
    let read: ReadSet | BrokenSet;
    try {
      read = readSet(of, texts, (place) => {
        reading = place;
      });
    } catch (error) {
      if (trapped.size >= MOST_SETS) trapped.clear();
      trapped.set(digest, { broken: reading, error: 'it could not be read to its end' });
      throw error;
    }
    of.sets.set(digest, read);
    const [oldest] = of.sets;
    if (of.sets.size > MOST_SETS && oldest !== undefined) {
      of.sets.delete(oldest[0]);
      if ('slot' in oldest[1]) of.free.push(oldest[1].slot);
    }
    return read;
  }

  return {
    check(text, catalogs) {
      try {
        return guarded(({ cedar }) => checkText(cedar, text, guardrailSchema(catalogs)));
      } catch {
        return [TOO_DEEP];
      }
    },
    policiesIn(text) {
      try {
        const apart = guarded(({ cedar }) => takeApart(cedar, text));
        return apart.ok ? apart.policies : [];
      } catch {
        return [];
      }
    },
    prepare(guardrails) {
      if (guardrails.length === 0) return;
      try {
        guarded((of) => setOf(of, guardrails));
      } catch {
        // Said where it matters: each decision is denied.
      }
    },
    judge(guardrails, rights) {
      const [first] = guardrails;
      if (first === undefined) return null;
      const since = elapsed();
      for (const [at, right] of rights.entries()) {
        let by: Forbidden | null;
        try {
          by = guarded((of) => judgeRight(of.cedar, setOf(of, guardrails), guardrails, right));
        } catch {
          const trap = trapped.get(digestOf(guardrails));
          by =
            trap === undefined
              ? { guardrail: first, policy: null, error: 'the engine failed' }
              : brokenBy(trap, guardrails);
        }
        if (by === null && elapsed() - since > LATE) {
          by = { guardrail: first, policy: null, error: `it took more than ${LATE} ms` };
        }
        if (by !== null) return { at, by };
      }
      return null;
    },
  };
}

function readSet(
  { cedar, free }: Instance,
  texts: GuardrailTexts,
  begin: (place: number) => void,
): ReadSet | BrokenSet {
  const policies: (readonly NamedPolicy[])[] = [];
  const staticPolicies: Record<string, string> = {
    [PERMIT]: 'permit(principal, action, resource);',
  };
  for (const [place, { policy }] of texts.entries()) {
    begin(place);
    const apart = takeApart(cedar, policy);
    if (!apart.ok) return { broken: place, error: apart.complaints[0]?.text ?? 'unreadable' };
    policies.push(apart.policies);
    for (const [inside, { text }] of apart.policies.entries()) {
      staticPolicies[`${place}/${inside}`] = text;
    }
  }
  const [slot = ''] = free;
  const parsed = cedar.preparsePolicySet(slot, { staticPolicies });
  if (parsed.type === 'failure') {
    return { broken: 0, error: parsed.errors[0]?.message ?? 'unreadable' };
  }
  free.shift();
  return { slot, policies };
}

function judgeRight(
  cedar: Cedar,
  set: ReadSet | BrokenSet,
  guardrails: GuardrailTexts,
  right: GuardedRight,
): Forbidden | null {
  if ('broken' in set) return brokenBy(set, guardrails);
  const answer = cedar.statefulIsAuthorized({
    ...requestOf(right),
    preparsedPolicySetId: set.slot,
  });
  const named = (id: string | undefined, error: string | null): Forbidden => {
    const [place = '', inside = ''] = (id ?? '').split('/');
    const guardrail = guardrails[Number(place || -1)];
    const policy = set.policies[Number(place || -1)]?.[Number(inside || -1)]?.name ?? null;
    return guardrail === undefined ? { ...NOBODY, error } : { guardrail, policy, error };
  };
  if (answer.type === 'failure') {
    return named(undefined, answer.errors[0]?.message ?? 'it could not be evaluated');
  }
  const { decision, diagnostics } = answer.response;
  // Cedar skips a policy that errs; here it forbids what it was asked about.
  const [erred] = diagnostics.errors;
  if (erred !== undefined) return named(erred.policyId, erred.error.message);
  return decision === 'allow' ? null : named([...diagnostics.reason].sort()[0], null);
}

function brokenBy({ broken, error }: BrokenSet, guardrails: GuardrailTexts): Forbidden {
  const guardrail = guardrails[broken];
  return guardrail === undefined ? NOBODY : { guardrail, policy: null, error };
}

/** Denied by none that could be named. */
const NOBODY: Forbidden = {
  guardrail: { id: '', name: '' },
  policy: null,
  error: 'it could not be evaluated',
};
