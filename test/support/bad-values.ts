/** Ways to spoil a JSON document or a form, one at a time, as text: some are nothing `JSON.stringify` writes. */

interface Spoiled {
  readonly what: string;
  readonly text: string;
}

type Path = readonly (string | number)[];

const DEPTH = 10_000;

/** In place of any value. Raw JSON. */
const WRONG: readonly (readonly [what: string, json: string])[] = [
  ['null', 'null'],
  ['true', 'true'],
  ['a number', '7'],
  ['minus zero', '-0'],
  ['1e400', '1e400'],
  ['a number no double holds', '9007199254740993'],
  ['a number as text', '"7"'],
  ['empty text', '""'],
  ['an object', '{}'],
  ['an array of nothing known', '[{"x":1}]'],
  ['constructor', '{"constructor":{"prototype":{"admin":true}}}'],
  ['__proto__', '{"__proto__":{"admin":true}}'],
  ['a lone surrogate', '"\\ud800"'],
  ['U+0000', '"a\\u0000b"'],
  ['a right-to-left override', '"abc\u202egnp"'],
  ['a zero-width space', '"a\u200bb"'],
  ['a line break', '"a\\nb"'],
  ['an escape sequence', '"\\u001b[2Jx"'],
  ['two code points where one would do', '"e\u0301"'],
  ['too long', `"${'x'.repeat(70_000)}"`],
  ['too deep', `${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`],
];

/** What looks like the value and is not. */
const TWINS: readonly (readonly [what: string, twin: (text: string) => string])[] = [
  ['with a zero-width space behind', (text) => `${text}\u200b`],
  ['with a space before', (text) => ` ${text}`],
  ['with a newline behind', (text) => `${text}\n`],
  ['with a full-width letter', (text) => text.replace(/[a-z]/, (c) => fullWidth(c))],
  ['with a Cyrillic letter', (text) => text.replace(/[aeopc]/, (c) => CYRILLIC[c] ?? c)],
  ['in capitals', (text) => text.toUpperCase()],
  ['with %00 behind', (text) => `${text}%00`],
];
const CYRILLIC: Readonly<Record<string, string>> = { a: 'а', e: 'е', o: 'о', p: 'р', c: 'с' };

function fullWidth(letter: string): string {
  return String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0);
}

/** Every value within, the root left out. */
function pathsWithin(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const path = [...at, Array.isArray(value) ? Number(name) : name];
    return [path, ...pathsWithin(inner, path)];
  });
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null ? Reflect.get(inner, name) : undefined,
    value,
  );
}

function textWith(root: unknown, path: Path, raw: string): string {
  const marker = '\u{1f3f4}here';
  const copy: unknown = structuredClone(root);
  const parent = valueAt(copy, path.slice(0, -1));
  if (typeof parent !== 'object' || parent === null) throw new Error('nothing holds that path');
  Reflect.set(parent, path.at(-1) ?? '', marker);
  return JSON.stringify(copy).replace(JSON.stringify(marker), () => raw);
}

function without(root: unknown, path: Path): string {
  const copy: unknown = structuredClone(root);
  const parent = valueAt(copy, path.slice(0, -1));
  const name = path.at(-1) ?? '';
  if (Array.isArray(parent)) parent.splice(Number(name), 1);
  else if (typeof parent === 'object' && parent !== null) Reflect.deleteProperty(parent, name);
  return JSON.stringify(copy);
}

/** Every field of a valid document, spoiled in every way, each with its name for the report. */
export function spoilJson(valid: object): Spoiled[] {
  const spoiled: Spoiled[] = [];
  for (const path of pathsWithin(valid)) {
    const name = path.join('.');
    const value = valueAt(valid, path);
    spoiled.push({ what: `${name} missing`, text: without(valid, path) });
    for (const [what, raw] of WRONG) {
      spoiled.push({ what: `${name} is ${what}`, text: textWith(valid, path, raw) });
    }
    if (typeof value !== 'string') continue;
    for (const [what, twin] of TWINS) {
      if (twin(value) === value) continue;
      const text = textWith(valid, path, JSON.stringify(twin(value)));
      spoiled.push({ what: `${name} ${what}`, text });
    }
  }
  return [...spoiled, ...extraMembers(valid), ...wholeDocuments(JSON.stringify(valid))];
}

/** Unknown and duplicate members, in every object. */
function extraMembers(valid: object): Spoiled[] {
  const objects: Path[] = [[], ...pathsWithin(valid)].filter((path) => {
    const value = valueAt(valid, path);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  });
  return objects.flatMap((path) => {
    const inner = JSON.stringify(valueAt(valid, path)).slice(1);
    const at = path.length === 0 ? 'the body' : path.join('.');
    const put = (raw: string) => (path.length === 0 ? raw : textWith(valid, path, raw));
    const [first = 'x'] = Object.keys(Object(valueAt(valid, path)));
    const escaped = `\\u${first.charCodeAt(0).toString(16).padStart(4, '0')}${first.slice(1)}`;
    const comma = inner === '}' ? '' : ',';
    return [
      { what: `${at} with an unknown member`, text: put(`{"admin":true${comma}${inner}`) },
      { what: `${at} with __proto__`, text: put(`{"__proto__":{"x":1}${comma}${inner}`) },
      { what: `${at} with constructor`, text: put(`{"constructor":{"x":1}${comma}${inner}`) },
      { what: `${at} with ${first} twice`, text: put(`{"${first}":1${comma}${inner}`) },
      {
        what: `${at} with ${first} twice, once escaped`,
        text: put(`{"${escaped}":1${comma}${inner}`),
      },
    ];
  });
}

function wholeDocuments(text: string): Spoiled[] {
  return [
    { what: 'nothing', text: '' },
    { what: 'cut JSON', text: text.slice(0, -1) },
    { what: 'a byte order mark', text: `\ufeff${text}` },
    { what: 'two documents', text: `${text}${text}` },
    { what: 'a comment', text: `/**/${text}` },
    { what: 'a trailing comma', text: `${text.slice(0, -1)},}` },
    { what: 'single quotes', text: text.replaceAll('"', "'") },
    { what: 'an array', text: `[${text}]` },
    { what: 'a string', text: JSON.stringify(text) },
    { what: 'null', text: 'null' },
    { what: 'NaN', text: 'NaN' },
    { what: 'an empty object', text: '{}' },
    { what: 'an empty array', text: '[]' },
    { what: 'depth 10,000', text: `${'{"x":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}` },
    {
      what: '8,000 members',
      text: `{${Array.from({ length: 8000 }, (_, i) => `"${i}":1`).join()}}`,
    },
  ];
}

/** Every parameter of a valid form, spoiled; texts are already encoded. */
export function spoilForm(valid: Readonly<Record<string, string>>): Spoiled[] {
  const text = (form: Readonly<Record<string, string>>) => new URLSearchParams(form).toString();
  const whole = text(valid);
  const spoiled: Spoiled[] = [];
  for (const [name, value] of Object.entries(valid)) {
    const { [name]: _gone, ...rest } = valid;
    const others = text(rest);
    spoiled.push(
      { what: `${name} missing`, text: others },
      { what: `${name} twice`, text: `${whole}&${text({ [name]: value })}` },
      { what: `${name} twice, once empty`, text: `${whole}&${name}=` },
      { what: `${name} twice, once escaped`, text: `${whole}&${escapedFirst(name)}=x` },
      { what: `${name} as a list`, text: `${others}&${name}%5B%5D=${encodeURIComponent(value)}` },
      { what: `${name} without a value`, text: `${others}&${name}` },
      { what: `${name} with a bad escape`, text: `${others}&${name}=%zz` },
      { what: `${name} overlong UTF-8`, text: `${others}&${name}=%c0%af` },
      { what: `${name} as raw bytes`, text: `${others}&${name}=\u00e9` },
      { what: `${name} too long`, text: text({ ...valid, [name]: 'x'.repeat(70_000) }) },
      { what: `${name} is 7`, text: text({ ...valid, [name]: '7' }) },
      { what: `${name} with U+0000`, text: text({ ...valid, [name]: `${value}\0` }) },
      ...TWINS.map(([what, twin]) => ({
        what: `${name} ${what}`,
        text: text({ ...valid, [name]: twin(value) }),
        same: twin(value) === value,
      })).filter(({ same }) => !same),
    );
  }
  return [
    ...spoiled,
    { what: 'nothing', text: '' },
    { what: 'an unknown parameter', text: `${whole}&admin=true` },
    { what: '__proto__', text: `${whole}&__proto__=x` },
    { what: 'constructor', text: `${whole}&constructor=x` },
    { what: 'a nameless parameter', text: `${whole}&=x` },
    { what: 'an empty pair', text: `${whole}&&` },
    { what: 'a semicolon', text: whole.replaceAll('&', ';') },
    { what: 'JSON', text: JSON.stringify(valid) },
    { what: '5,000 parameters', text: Array.from({ length: 5000 }, (_, i) => `p${i}=1`).join('&') },
  ];
}

function escapedFirst(name: string): string {
  return `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
}
