/**
 * A value of the state as text, and back. Canonical: equal values have equal texts, in whatever order their
 * members were made. Total: what it has no text for is refused, so that nothing is left out in silence.
 */

/** Stands for a Map; whatever else begins with a `$` gets another in front. */
const MAP = '$map';

/** @throws Error for what the state must not hold: sets, functions, instances of classes */
export function writeText(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value);
  }
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(writeText).join(',')}]`;
  if (value instanceof Map) {
    const entries = [...value].map(([key, each]: [unknown, unknown]) => {
      if (typeof key !== 'string') throw hasNoText();
      return `[${JSON.stringify(key)},${writeText(each)}]`;
    });
    return `{"${MAP}":[${entries.join(',')}]}`;
  }
  if (!isPlain(value)) throw hasNoText();
  const members: string[] = [];
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member === undefined) continue;
    const written = name.startsWith('$') ? `$${name}` : name;
    members.push(`${JSON.stringify(written)}:${writeText(member)}`);
  }
  return `{${members.join(',')}}`;
}

/** @throws SyntaxError for what is no text of a value */
export function readText(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return text.includes('"$') ? revived(value) : value;
}

function revived(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revived);
  if (!isPlain(value)) return value;
  const entries = value[MAP];
  if (Array.isArray(entries)) {
    return new Map(entries.map(([key, each]: [unknown, unknown]) => [key, revived(each)]));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.startsWith('$') ? name.slice(1) : name,
      revived(member),
    ]),
  );
}

function hasNoText(): Error {
  return new Error('the state holds a value that has no text');
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value))
  );
}
