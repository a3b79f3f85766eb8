/** Variables as patches and collections write them: a value sets one, a null removes it. */
import { variable } from './arguments.ts';
import { choosesCode } from './code-variables.ts';
import { isObject, type Judgement, unreadable } from './judgement.ts';
import { entriesOf } from './patch-members.ts';

interface Holder {
  readonly kind: 'service' | 'environment';
  readonly id: string;
}

/** Adds what becomes of each variable. A null in the place of all removes all. */
export function judgeVariables(judged: Judgement, { kind, id }: Holder, variables: unknown): void {
  if (variables === null) {
    judged.call('variableDelete', `${kind}/${id}`);
    return;
  }
  for (const [name, entry] of entriesOf(variables, 'variables')) {
    const resource = variable(id, name);
    if (entry === null || (isObject(entry) && entry['value'] === null)) {
      judged.call('variableDelete', resource);
    } else {
      judged.call('variableUpsert', resource);
      if (choosesCode(name)) judged.call('serviceCode', `${kind}/${id}`);
    }
    requireValue(entry);
  }
}

function requireValue(entry: unknown): void {
  if (entry === null || typeof entry === 'string') return;
  const names = isObject(entry) ? Object.keys(entry) : [];
  const value = isObject(entry) ? entry['value'] : undefined;
  if (names.join() !== 'value' || (value !== null && typeof value !== 'string')) {
    throw unreadable(
      'A variable has to be a string, an object with a string as its value, or null.',
    );
  }
}
