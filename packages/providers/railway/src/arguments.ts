/** Reading a row against the arguments of one field: which calls it makes, on what, and where. */
import { type Anchor, WHOLE_ACCOUNT } from './anchor.ts';
import { choosesCode } from './code-variables.ts';
import { isObject, type Judgement, requireId, unreadable } from './judgement.ts';
import { ACCOUNT, isVariableName } from './resource.ts';
import type { Addition, Condition, Path, Place, Row, Target } from './rows/row.ts';

/** Coerced by the schema, and JSON all through. */
export type Arguments = Readonly<Record<string, unknown>>;

/** Undefined: absent. */
export function valueAt(args: Arguments, path: Path): unknown {
  let value: unknown = args;
  for (const name of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function idsAt(args: Arguments, path: Path): readonly string[] {
  const value = valueAt(args, path);
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]).map((each) => requireId(each, path));
}

/** Empty: that argument is not there. */
function resourcesAt(args: Arguments, target: Target): readonly string[] {
  const [kind, path, ...more] = target;
  if (path === undefined) return [ACCOUNT];
  if (kind !== 'variable') return idsAt(args, path).map((id) => `${kind}/${id}`);
  const [holder] = more.flatMap((each) => idsAt(args, each));
  const name = valueAt(args, path);
  if (holder === undefined || typeof name !== 'string') return [];
  return [variable(holder, name)];
}

/** @throws RequestRefusal for a name that two readers could take for two */
export function variable(holder: string, name: string): string {
  if (!isVariableName(name)) {
    throw unreadable('A variable’s name has to be letters, digits, _, - and dots.');
  }
  return `variable/${holder}/${name}`;
}

function firstResources(args: Arguments, on: readonly Target[]): readonly string[] {
  for (const target of on) {
    const found = resourcesAt(args, target);
    if (found.length > 0) return found;
  }
  return [];
}

function holds(condition: Condition, value: unknown): boolean {
  switch (condition) {
    case 'always':
      return true;
    case 'given':
      return value !== undefined && value !== null;
    case 'named':
      return value !== undefined;
    case 'true':
      return value !== undefined && value !== false;
    case 'not true':
      return value !== true;
    case 'some':
      return value !== undefined && value !== null && (!Array.isArray(value) || value.length > 0);
    case 'zero or null':
      return value === null || (typeof value === 'number' && value <= 0);
    case 'nulls':
      return value === null || (isObject(value) && Object.values(value).includes(null));
    case 'chooses code':
      if (value === undefined || value === null) return false;
      return (isObject(value) ? Object.keys(value) : [String(value)]).some(choosesCode);
  }
}

function applies(args: Arguments, { when, is }: Addition): boolean {
  return holds(is, valueAt(args, when));
}

function anchorsAt(args: Arguments, [kind, path, within, ifSet]: Place): readonly Anchor[] {
  if (ifSet !== undefined && !holds('true', valueAt(args, ifSet))) return [];
  if (kind === 'account') return [WHOLE_ACCOUNT];
  const ids = idsAt(args, path);
  const [place = null] = within === undefined ? [] : idsAt(args, within);
  if (ids.length > 0) return ids.map((id) => ({ kind, id, within: place }));
  if (kind !== 'environment-or-all' && kind !== 'fork-or-all') return [];
  // Law 2: no project and no environment means whatever the credential reaches.
  return place === null ? [WHOLE_ACCOUNT] : [{ kind: 'environment', id: place, within: null }];
}

/** Adds the calls and anchors of a field with these arguments. Contents that are documents come on top. */
export function judgeArguments(
  judged: Judgement,
  field: string,
  row: Row,
  args: Arguments,
): readonly string[] {
  const resources = firstResources(args, row.on);
  if (resources.length === 0) throw unreadable(`${field} names nothing that it is done to.`);
  for (const resource of resources) judged.call(field, resource);
  for (const addition of row.adds ?? []) {
    if (!applies(args, addition)) continue;
    for (const resource of firstResources(args, addition.on)) {
      judged.call(addition.operation, resource);
    }
  }
  for (const place of row.at ?? []) judged.anchors.push(...anchorsAt(args, place));
  return resources;
}
