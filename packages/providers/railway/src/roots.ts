/** The root fields of an operation, wherever fragments hide them, whatever directives say of them. */
import { type FieldNode, Kind, type SelectionSetNode } from 'graphql';
import type { ChosenOperation } from './document.ts';
import { unreadable } from './judgement.ts';

/** More are judged one by one, so they are sent one by one. */
const MOST_ROOTS = 20;

/** Each once, though a fragment that holds it is used often: its arguments are the same there. */
export function rootsOf({ operation, fragments }: ChosenOperation): readonly FieldNode[] {
  const roots = new Set<FieldNode>();
  const entered = new Set<string>();
  const enter = ({ selections }: SelectionSetNode): void => {
    for (const each of selections) {
      if (each.kind === Kind.FIELD) roots.add(each);
      else if (each.kind === Kind.INLINE_FRAGMENT) enter(each.selectionSet);
      else if (!entered.has(each.name.value)) {
        entered.add(each.name.value);
        const fragment = fragments.get(each.name.value);
        if (fragment === undefined) throw unreadable('A fragment that is used is not there.');
        enter(fragment.selectionSet);
      }
    }
  };
  enter(operation.selectionSet);
  if (roots.size > MOST_ROOTS) throw unreadable(`A request has at most ${MOST_ROOTS} root fields.`);
  return [...roots];
}
