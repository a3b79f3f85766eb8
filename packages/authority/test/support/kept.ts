/** Parts of a state as a store keeps them, and what two states are compared by. */
import {
  type AuthorityState,
  createStateDigests,
  type KeptStatePart,
  partsOf,
} from '../../src/index.ts';

/** As a store keeps them: apart from the state, and opened when they are asked for. */
export function kept(state: AuthorityState): KeptStatePart[] {
  return [...partsOf(state)].map(({ member, keys, texts }) => {
    const text = JSON.stringify(texts);
    return { member, keys: [...keys], texts: () => JSON.parse(text) };
  });
}

export function digestsOf(state: AuthorityState) {
  const digests = createStateDigests();
  for (const part of partsOf(state)) digests.add(part);
  return digests.finish();
}

/** Every value read, in plain maps: for a comparison that knows nothing of texts. */
export function plain(state: AuthorityState): unknown {
  return Object.entries(state).map(([name, value]) => {
    if (name !== 'statements') return [name, value instanceof Map ? [...value] : value];
    const records = [...state.statements].map(([id, record]) => {
      const { statement, digest, payload } = record.decoded;
      return [id, { ...record, decoded: { statement, digest, payload } }];
    });
    return [name, records];
  });
}
