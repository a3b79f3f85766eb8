/** How large a document may be, counted before anything expensive looks at it, and as Railway would expand it. */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  Lexer,
  type SelectionSetNode,
  Source,
  TokenKind,
} from 'graphql';
import { unreadable } from './judgement.ts';

/** Tokens of a document. */
export const MOST_TOKENS = 2000;
/** Brackets within brackets of its text. */
const DEEPEST_TEXT = 48;
/** Fields within fields, with every fragment in its place. */
const DEEPEST_SELECTION = 20;
/** Fields and fragments beside one another; validating compares each with each. */
const WIDEST_SELECTION = 100;
/** Fields, each as often as a fragment that holds it is used. */
const MOST_FIELDS = 500;
/** Validating compares each with each. */
const MOST_FRAGMENTS = 40;
/** Of the fields, those that are answered under another name. */
const MOST_ALIASES = 60;

const OPENS: ReadonlySet<string> = new Set([
  TokenKind.BRACE_L,
  TokenKind.BRACKET_L,
  TokenKind.PAREN_L,
]);
const CLOSES: ReadonlySet<string> = new Set([
  TokenKind.BRACE_R,
  TokenKind.BRACKET_R,
  TokenKind.PAREN_R,
]);

/**
 * Reads the text once, token by token, so that no parser recurses into what is too deep.
 * @throws RequestRefusal `unparseable_request`
 */
export function requireShortText(text: string): void {
  if (text.startsWith('\uFEFF')) throw unreadable('A document begins without a byte order mark.');
  const lexer = new Lexer(new Source(text));
  let [tokens, depth] = [0, 0];
  try {
    for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) {
      tokens += 1;
      if (OPENS.has(token.kind)) depth += 1;
      if (CLOSES.has(token.kind)) depth -= 1;
      if (tokens > MOST_TOKENS || depth > DEEPEST_TEXT) break;
    }
  } catch {
    throw unreadable('The document is not GraphQL.');
  }
  if (tokens > MOST_TOKENS) throw unreadable(`A document has at most ${MOST_TOKENS} tokens.`);
  if (depth > DEEPEST_TEXT) throw unreadable('The document is nested too deeply.');
}

interface Size {
  readonly fields: number;
  readonly aliases: number;
  readonly depth: number;
}

/**
 * Counts every fragment once and multiplies, so a document that doubles itself again and again costs nothing.
 * @throws RequestRefusal `unparseable_request`, also for a fragment that holds itself or that is not there
 */
export function requireSmallSelection(document: DocumentNode): void {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const each of document.definitions) {
    if (each.kind === Kind.FRAGMENT_DEFINITION) fragments.set(each.name.value, each);
  }
  if (fragments.size > MOST_FRAGMENTS) {
    throw unreadable(`A document has at most ${MOST_FRAGMENTS} fragments.`);
  }
  const known = new Map<string, Size | 'open'>();
  const sizeOfFragment = (name: string): Size => {
    const present = known.get(name);
    if (present === 'open') throw unreadable('A fragment may not hold itself.');
    if (present !== undefined) return present;
    const fragment = fragments.get(name);
    if (fragment === undefined) throw unreadable('A fragment that is used is not there.');
    known.set(name, 'open');
    const size = sizeOf(fragment.selectionSet);
    known.set(name, size);
    return size;
  };
  const sizeOf = ({ selections }: SelectionSetNode): Size => {
    if (selections.length > WIDEST_SELECTION) {
      throw unreadable(`A selection has at most ${WIDEST_SELECTION} fields beside one another.`);
    }
    let [fields, aliases, depth] = [0, 0, 0];
    for (const each of selections) {
      const isField = each.kind === Kind.FIELD;
      const within =
        each.kind === Kind.FRAGMENT_SPREAD
          ? sizeOfFragment(each.name.value)
          : each.selectionSet === undefined
            ? { fields: 0, aliases: 0, depth: 0 }
            : sizeOf(each.selectionSet);
      fields += within.fields + (isField ? 1 : 0);
      aliases += within.aliases + (isField && each.alias !== undefined ? 1 : 0);
      depth = Math.max(depth, within.depth + (isField ? 1 : 0));
    }
    return { fields, aliases, depth };
  };
  for (const each of document.definitions) {
    if (each.kind !== Kind.OPERATION_DEFINITION && each.kind !== Kind.FRAGMENT_DEFINITION) {
      throw unreadable('A document holds operations and fragments only.');
    }
    const { fields, aliases, depth } = sizeOf(each.selectionSet);
    if (fields > MOST_FIELDS) throw unreadable(`A document selects at most ${MOST_FIELDS} fields.`);
    if (aliases > MOST_ALIASES) throw unreadable(`A document has at most ${MOST_ALIASES} aliases.`);
    if (depth > DEEPEST_SELECTION) {
      throw unreadable(`A selection is at most ${DEEPEST_SELECTION} fields deep.`);
    }
  }
}
