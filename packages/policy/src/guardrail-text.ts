/** A guardrail's text, taken apart into its policies: `forbid` only, each with a name of its own. */
import type { Cedar, CedarError } from './cedar.ts';

export interface NamedPolicy {
  /** Its `@id`, or `#` and its place in the text, from 1. */
  readonly name: string;
  readonly text: string;
  readonly mentions: readonly Mention[];
}

/** What is wrong with a text, and where. */
export interface Complaint {
  /** From 1; null where it is about the whole. */
  readonly line: number | null;
  readonly column: number | null;
  readonly text: string;
}

export type TakenApart =
  | { readonly ok: true; readonly policies: readonly NamedPolicy[] }
  | { readonly ok: false; readonly complaints: readonly Complaint[] };

/** Policies in one text. */
const MOST_POLICIES = 64;
/** Levels of a condition. Cedar evaluates by recursion on a small stack, and traps where that ends. */
const DEEPEST = 100;
const LONGEST_NAME = 80;

/** May throw whatever a trapped instance throws; the caller must drop the instance then. */
export function takeApart(cedar: Cedar, text: string): TakenApart {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === 'failure') return { ok: false, complaints: complaintsOf(text, parts.errors) };
  if (parts.policy_templates.length > 0) {
    return whole('It holds a template (?principal or ?resource); a guardrail stands by itself.');
  }
  const { length } = parts.policies;
  if (length === 0) return whole('It holds no policy. Write at least one forbid(…);');
  if (length > MOST_POLICIES)
    return whole(`It holds ${length} policies; ${MOST_POLICIES} is the most.`);
  const policies: NamedPolicy[] = [];
  for (const [place, policy] of inWrittenOrder(parts.policies).entries()) {
    const read = cedar.policyToJson(policy);
    if (read.type === 'failure')
      return { ok: false, complaints: complaintsOf(policy, read.errors) };
    const { effect, annotations, conditions } = read.json;
    const name = annotations?.['id'] ?? `#${place + 1}`;
    // A guardrail never allows: what it does not forbid is for grants to say.
    if (effect !== 'forbid') {
      return whole(
        `Policy ${name} is a permit. A guardrail only forbids: write forbid(…) when {…};`,
      );
    }
    if (name === '' || name.length > LONGEST_NAME) {
      return whole(`An @id has 1 to ${LONGEST_NAME} characters: policy #${place + 1}.`);
    }
    if (policies.some((other) => other.name === name)) {
      return whole(`Two policies are called ${name}. Give each an @id("…") of its own.`);
    }
    if (deeperThan(conditions, DEEPEST)) {
      return whole(
        `Policy ${name} nests its conditions too deeply. Split it into several policies.`,
      );
    }
    policies.push({ name, text: policy, mentions: mentionsIn(read.json) });
  }
  return { ok: true, policies };
}

/** `policySetTextToParts` sorts by ids that it gives out itself: policy0, policy1, policy10, policy2, … */
function inWrittenOrder(sorted: readonly string[]): readonly string[] {
  const places = sorted.map((_, place) => `policy${place}`).sort();
  const written = new Map(places.map((id, at) => [id, sorted[at] ?? '']));
  return sorted.map((_, place) => written.get(`policy${place}`) ?? '');
}

function whole(text: string): TakenApart {
  return { ok: false, complaints: [{ line: null, column: null, text }] };
}

/** By a worklist, not by recursion: the text decides how deep it is. */
function deeperThan(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    // Each operator is two levels of its JSON.
    if (depth > levels * 2) return true;
    level = level.flatMap((each) =>
      typeof each === 'object' && each !== null ? Object.values(each) : [],
    );
  }
  return false;
}

/** Letters that are not seen, or turn the order of others around: what is signed is what is read. */
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Where a text holds what a reader cannot see; null where all of it can be seen. */
export function unseenIn(text: string): Complaint | null {
  const at = UNSEEN.exec(text.replaceAll('\r\n', ' \n'))?.index;
  if (at === undefined) return null;
  const code = (text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const start = new TextEncoder().encode(text.slice(0, at)).length;
  return { ...placeOf(text, start), text: `It holds U+${code}, which nobody sees. Take it out.` };
}

/** Things of ours that a policy names by their names. */
interface Mention {
  readonly type: 'Agent' | 'Connection' | 'Environment';
  readonly name: string;
}

/** @param json a policy in Cedar's JSON form */
function mentionsIn(json: unknown): readonly Mention[] {
  const found = new Map<string, Mention>();
  const left: unknown[] = [json];
  for (let each = left.pop(); each !== undefined; each = left.pop()) {
    if (typeof each !== 'object' || each === null) continue;
    const { type, id }: { type?: unknown; id?: unknown } = each;
    const ours = type === 'Agent' || type === 'Connection' || type === 'Environment';
    if (ours && typeof id === 'string') found.set(`${type} ${id}`, { type, name: id });
    left.push(...Object.values(each).filter((value) => value !== undefined));
  }
  return [...found.values()].sort((a, b) =>
    `${a.type} ${a.name}` < `${b.type} ${b.name}` ? -1 : 1,
  );
}

/** What Cedar found, one complaint for each place. */
export function complaintsOf(text: string, errors: readonly CedarError[]): readonly Complaint[] {
  const found = new Map<string, Complaint>();
  for (const { message, help, sourceLocations } of errors) {
    const [place] = sourceLocations ?? [];
    const complaint = {
      ...placeOf(text, place?.start ?? null),
      text: [plain(message), place?.label ?? '', plain(help ?? '')]
        .filter((part) => part !== '')
        .map((part) => part.replace(/[.;]$/, ''))
        .join('; ')
        .replace(/(?<![?!])$/, '.'),
    };
    // The same for each action the policy applies to: said once.
    const key = place === undefined ? complaint.text : `${complaint.line}:${complaint.column}`;
    if (!found.has(key)) found.set(key, complaint);
  }
  return [...found.values()];
}

/** Cedar's own names for policies mean nothing to whoever wrote the text. */
function plain(message: string): string {
  return message.replace(
    /^(?:failed to parse policies from string: |for policy `policy\d+`[,:] )/,
    '',
  );
}

/** @param start bytes of UTF-8 */
function placeOf(text: string, start: number | null): Pick<Complaint, 'line' | 'column'> {
  if (start === null) return { line: null, column: null };
  const before = new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, start));
  const lines = before.split('\n');
  return { line: lines.length, column: [...(lines.at(-1) ?? '')].length + 1 };
}
