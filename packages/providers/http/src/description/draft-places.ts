/**
 * What drafted operations touch and where they lead, by their paths alone. Both are guesses for whoever reviews the
 * draft: a document does not say which part of a path belongs to whom.
 */
import type { Description } from './shape.ts';

/**
 * What a grant names: for what destroys the very thing, for the rest what it stands in, so that a grant to read
 * need not name each page.
 */
export function resourceOf(template: string, isNamed: boolean): string {
  const segments = plainSegments(template);
  const parameters = segments.flatMap((each, at) => (each.startsWith('{') ? [at] : []));
  const [first] = parameters;
  if (first === undefined) return segments.join('/') || 'root';
  let end = first;
  while (segments[end + 1]?.startsWith('{') === true) end += 1;
  return segments.slice(0, (isNamed ? (parameters.at(-1) ?? end) : end) + 1).join('/');
}

function plainSegments(template: string): string[] {
  return (
    template
      .slice(1)
      .split('/')
      // What stands around a parameter says what is done, not what to.
      .map((each) => /\{[^}:]*/.exec(each)?.[0].concat('}') ?? each)
      .filter(
        (each, at, all) =>
          !(/^(?:v\d+(?:\.\d+)?|api)$/i.test(each) && at < 2 && all.length > at + 1),
      )
  );
}

/** Where operations lead: the first thing that their paths name, or the account as a whole. */
export class DraftPlaces {
  readonly #ids = new Map<string, string>();

  of(request: string): string {
    const template = request.slice(request.indexOf(' ') + 1);
    const id = template.includes('{') ? resourceOf(template, false) : 'account';
    const known = [...this.#ids].find(([, each]) => each === id)?.[0];
    if (known !== undefined) return known;
    const literal = id.split('/').findLast((each) => !each.startsWith('{')) ?? 'place';
    const base = literal
      .toLowerCase()
      .replace(/[^a-z0-9-]/g, '-')
      .replace(/^(?=[^a-z])/, 'p-');
    let name = base;
    for (let n = 2; this.#ids.has(name); n += 1) name = `${base}-${n}`;
    this.#ids.set(name, id);
    return name;
  }

  all(): Description['places'] {
    return Object.fromEntries([...this.#ids].map(([name, id]) => [name, { id }]));
  }
}
