/**
 * What an operation can do at worst. Order matters: a later effect is worse, and whenever two
 * sources disagree (catalog then, catalog now, what was signed) the worse one counts.
 */
export const EFFECTS = ['read', 'write', 'reveal', 'execute', 'delete', 'escalate'] as const;
export type Effect = (typeof EFFECTS)[number];

/** `delete`, `escalate`, `reveal`, `execute`: whoever can read a credential or run code can delete. */
export type DeleteCapableEffect = Exclude<Effect, 'read' | 'write'>;

export function isEffect(value: string): value is Effect {
  return (EFFECTS as readonly string[]).includes(value);
}

/** True for whatever needs a second human's signature. */
export function isDeleteCapable(effect: Effect): effect is DeleteCapableEffect {
  return effect !== 'read' && effect !== 'write';
}

/** The worse of two effects. */
export function worse(a: Effect, b: Effect): Effect {
  return EFFECTS.indexOf(a) >= EFFECTS.indexOf(b) ? a : b;
}
