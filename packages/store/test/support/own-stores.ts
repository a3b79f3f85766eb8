/** A server for a whole file of tests, and for each test a database of its own with a store on it. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Store } from '../../src/index.ts';
import { type Server, startPostgres } from './postgres.ts';
import { edit, open } from './store.ts';

export interface Own {
  readonly server: Server;
  /** Of the present test's database. */
  readonly url: string;
  readonly store: Store;
  /** Runs SQL in it as nobody may: the superuser. */
  byHand(text: string): ReturnType<typeof edit>;
}

/** Declares what goes before and after the tests of the file that calls it. */
export function ownStores(): Own {
  let server: Server;
  let url: string;
  let store: Store;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await server.database();
    store = await open(url);
  });
  afterEach(() => store.close());
  return {
    get server() {
      return server;
    },
    get url() {
      return url;
    },
    get store() {
      return store;
    },
    byHand: (text) => edit(server.asSuperuser(url), text),
  };
}
