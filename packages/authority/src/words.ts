/** How descriptions say things: names, fingerprints, and text that nobody vouches for. */
import type { AuthorityState } from './state.ts';

/** What a kind of statement says of itself, before who must sign is added. */
export interface Sentence {
  readonly headline: string;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  readonly warnings?: readonly string[];
}

/** A fingerprint in groups of four, to be read aloud and compared. */
export function readAloud(fingerprint: string): string {
  return (fingerprint.match(/.{1,4}/g) ?? []).join(' ');
}

/** Text no schema vouches for: whatever could lie on a screen is written out as its code point. */
export function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** A human by name, with the mark of those whom one person alone vouched for. */
export function nameWithMark(state: AuthorityState, id: string): string {
  const human = state.humans.get(id);
  if (human === undefined) return id;
  return human.vouchedByOne ? `${human.name}, vouched for by one person` : human.name;
}

/** The same in the middle of a sentence. */
export function nameWithMarkBetween(state: AuthorityState, id: string): string {
  const human = state.humans.get(id);
  if (human === undefined) return id;
  return human.vouchedByOne ? `${human.name} (vouched for by one person)` : human.name;
}

/** Seconds as people say them: `90 s`, `8 h`, `24 h`, `30 days`. */
export function duration(seconds: number): string {
  if (seconds > 86_400 && seconds % 86_400 === 0) return `${seconds / 86_400} days`;
  if (seconds >= 3600 && seconds % 3600 === 0) return `${seconds / 3600} h`;
  if (seconds > 120 && seconds % 60 === 0) return `${seconds / 60} min`;
  return `${seconds} s`;
}

/** So many of them: `1 grant`, `2 grants`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
