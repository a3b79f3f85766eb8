/**
 * The providers there are now: those that are built in, and those of the descriptions that humans have adopted.
 * What is adopted is looked at each time, so that no server judges by a description that counts no more (Law 1).
 */
import {
  type AuthorityState,
  adoptedDescription,
  catalogDigest,
  isBuiltIn,
} from '@countersign/authority';
import type { Catalog } from '@countersign/core';
import type { ResourceRules } from '@countersign/policy';
import type { Provider } from '@countersign/provider-kit';
import { rulesOf } from './deciding.ts';
import type { BrokerLog } from './deps.ts';

export interface Descriptions {
  /** The catalog of a description. @throws CountersignError `invalid_request` with what is wrong with it */
  read(document: unknown): Catalog;
  /** @throws Error where the catalog is not that of its description, or claims a host it must not */
  open(catalog: Catalog): Provider;
}

interface Present {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly rules: ReadonlyMap<string, ResourceRules>;
}

/** Both are live: what they hold is what stands when they are asked. */
export function createLiveProviders(
  builtIn: ReadonlyMap<string, Provider>,
  descriptions: Descriptions,
  { state }: { readonly state: AuthorityState },
  log: BrokerLog,
): Present {
  /** By digest; null where it could not be opened. Policy keeps what it derives from the rules of each. */
  const opened = new Map<string, Present | null>();
  const own = { providers: builtIn, rules: rulesOf(builtIn) };
  let digests = '';
  let present: Present = own;

  function open(digest: string, catalog: Catalog): Present | null {
    const known = opened.get(digest);
    if (known !== undefined) return known;
    let found: Present | null = null;
    try {
      if (catalogDigest(catalog) !== digest) throw new Error('It is not what was signed.');
      const providers = new Map([[catalog.provider, descriptions.open(catalog)]]);
      found = { providers, rules: rulesOf(providers) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown';
      log.warn(
        { provider: catalog.provider, digest, reason },
        'an adopted description is not used',
      );
    }
    opened.set(digest, found);
    return found;
  }

  function look(): Present {
    const adopted = [...state.adopted].flatMap(([provider, { digest }]) => {
      const catalog = adoptedDescription(state, provider);
      const isTaken = builtIn.has(provider) || isBuiltIn(state, provider);
      return catalog === undefined || isTaken ? [] : [{ digest, catalog }];
    });
    const now = adopted.map(({ digest }) => digest).join();
    if (now === digests) return present;
    const described = adopted.flatMap(({ digest, catalog }) => open(digest, catalog) ?? []);
    present = {
      providers: new Map([own, ...described].flatMap(({ providers }) => [...providers])),
      rules: new Map([own, ...described].flatMap(({ rules }) => [...rules])),
    };
    digests = now;
    return present;
  }

  return { providers: new Live(() => look().providers), rules: new Live(() => look().rules) };
}

/** A map that is another one whenever it is asked. */
class Live<V> implements ReadonlyMap<string, V> {
  readonly #now: () => ReadonlyMap<string, V>;

  constructor(now: () => ReadonlyMap<string, V>) {
    this.#now = now;
  }

  get size(): number {
    return this.#now().size;
  }
  get(key: string): V | undefined {
    return this.#now().get(key);
  }
  has(key: string): boolean {
    return this.#now().has(key);
  }
  keys(): MapIterator<string> {
    return this.#now().keys();
  }
  values(): MapIterator<V> {
    return this.#now().values();
  }
  entries(): MapIterator<[string, V]> {
    return this.#now().entries();
  }
  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }
  forEach(each: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.#now()) each(value, key, this);
  }
}
