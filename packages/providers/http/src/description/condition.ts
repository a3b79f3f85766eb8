/**
 * Conditions: values that make a request do more. A value that an upstream might take for one of those counts as
 * one: nobody here knows how leniently it reads.
 */
import type { ConditionDescription } from './shape.ts';

type Scalar = string | number | boolean | null;

/** Whether its values are such that another value can be told from them. */
export function matchesType({ is, unless }: ConditionDescription): boolean {
  const types = new Set([...(is ?? []), ...(unless ?? [])].map((value) => typeof value));
  return types.size <= 1;
}

/**
 * Whether the request is the condition's operation too (Law 3: in doubt it is).
 *
 * @param values what stands in its place
 * @param isText whether all values come as text there: in a path, a query or a form. Elsewhere text is another type
 */
export function holds(
  condition: ConditionDescription,
  values: readonly unknown[],
  isText: boolean,
): boolean {
  if (values.length === 0) return condition.absent === true;
  if (condition.present === true) return true;
  const { is, unless } = condition;
  return values.some((value) =>
    is === undefined
      ? !(unless ?? []).some((safe) => isSame(safe, value, isText))
      : is.some((raised) => couldBe(raised, value, isText)),
  );
}

/** Exactly that value, or where there is only text its text: in JSON `"false"` is true to many. */
function isSame(safe: Scalar, value: unknown, isText: boolean): boolean {
  return value === safe || (isText && typeof safe !== 'string' && value === String(safe));
}

/** Only a value of the same type that is clearly another one is another one. */
function couldBe(raised: Scalar, value: unknown, isText: boolean): boolean {
  if (typeof raised === 'string') {
    if (typeof value !== 'string') return true;
    return fold(value) === fold(raised);
  }
  if (typeof value === typeof raised) return value === raised;
  // Text of a query or form: `false` and another number are clearly other values, `1` may be true.
  if (!isText || typeof value !== 'string') return true;
  if (typeof raised === 'boolean') return fold(value) !== String(!raised);
  if (typeof raised === 'number') return !/^-?\d+$/.test(value) || Number(value) === raised;
  return true;
}

function fold(text: string): string {
  return text.normalize('NFKC').trim().toLowerCase();
}
