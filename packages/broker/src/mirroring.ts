/**
 * What stands between this server and a database that was restored (Law 1). Nothing is decided before the
 * database was held against its mirror: level, it goes on; behind, the mirror's statements are replayed; in
 * doubt, it halts until two humans have signed.
 */
import { presentLine, restoreAccepted } from '@countersign/authority';
import { RestoredBody } from '@countersign/contract';
import { type Clock, CountersignError, inputError, type Random, uuidv7 } from '@countersign/core';
import type { NoteSigner } from '@countersign/ledger';
import type { AuthorityCache } from './authority-cache.ts';
import type { BrokerLog } from './deps.ts';
import {
  type Comparison,
  compareWithMirror,
  type Found,
  nameOf,
  type TreeName,
} from './mirror-comparison.ts';
import { LINES } from './mirror-objects.ts';
import { createShipping, type MirrorStanding, type Shipping } from './mirror-shipping.ts';
import type { Journal, Mirror, Restorer } from './ports.ts';

/** Why this server decides nothing, and what ends it. */
interface Halt {
  /** A sentence for whoever is refused. */
  readonly sentence: string;
  /** What two humans would accept; null where the mirror cannot be read, so that nobody knows. */
  readonly found: Found | null;
}

export interface Mirroring extends Pick<Shipping, 'ship' | 'covers'> {
  /** Null once the database was found level with its mirror. */
  readonly halt: Halt | null;
  readonly standing: MirrorStanding;
  /**
   * Compares, unless that is done, and brings the database up to the mirror.
   * @throws CountersignError `broker_unavailable` where no start can go on: an empty database beside a mirror
   */
  look(): Promise<void>;
  /** Whether the tree that a statement names is this database, or its beginning. */
  isOurs(tree: TreeName): Promise<boolean>;
}

export interface MirroringOptions {
  readonly mirror: Mirror;
  readonly journal: Journal;
  readonly restorer: Restorer;
  readonly authority: AuthorityCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: BrokerLog;
  readonly origin: string;
  readonly signer: NoteSigner;
  /** Once, when the first look finds nothing in doubt or humans have accepted what it found. */
  readonly onOpen: () => Promise<void>;
}

/** Looks in a row, each because something was replayed, or another server moved the head meanwhile. */
const LOOKS = 8;
/** What two humans type. */
const ACCEPT = 'countersign audit restore --reason TEXT';

export function createMirroring(options: MirroringOptions): Mirroring {
  const { mirror, journal, restorer, authority, clock, random, log } = options;
  const shipping = createShipping({
    ...options,
    onFork(why) {
      // Law 5: compared anew at the next round, and until then as before the first look.
      halt = UNCOMPARED;
      isForked = true;
      log.warn(
        { reason: why },
        'nothing is decided: the mirror has another history of this ledger',
      );
    },
  });
  let halt: Halt | null = UNCOMPARED;
  /** Found while this server ran: the other database may have a server that runs as well. */
  let isForked = false;
  let looking: Promise<void> | null = null;

  async function compare(): Promise<Comparison> {
    await authority.refresh();
    const { state } = authority;
    if (state.broker === null) {
      if ((await mirror.list(LINES, { after: null, limit: 1 })).length > 0) throw emptyDatabase();
      return { kind: 'unwritten', line: { number: 0, id: 'genesis' }, isEmpty: true };
    }
    const ledgerKey = Buffer.from(state.ledgerKey?.x ?? '', 'base64url');
    return await compareWithMirror({ mirror, journal, restorer, state, ledgerKey });
  }

  async function step(): Promise<'open' | 'again' | Halt> {
    const comparison = await compare();
    switch (comparison.kind) {
      case 'level':
        shipping.begin(comparison.line, comparison.from);
        return 'open';
      case 'unwritten':
        if (comparison.isEmpty && authority.state.broker !== null) {
          log.warn(
            {},
            'the mirror is empty, and is filled from this database: nothing shows whether the database is the latest',
          );
        }
        shipping.begin(comparison.line, null);
        return 'open';
      case 'behind':
        // Caught up with, each of two would be behind the other again and again.
        if (isForked) return await settleDoubt(forked(comparison));
        // Judged on authority that is the head's, or else judged again.
        if (comparison.head.authorityVersion === authority.version) await catchUp(comparison);
        return 'again';
      case 'doubtful':
        return await settleDoubt(comparison);
    }
  }

  async function catchUp(found: Extract<Comparison, { kind: 'behind' }>): Promise<void> {
    const { head, mirror: latest, line, missing, lost } = found;
    const body: RestoredBody | null =
      lost === null
        ? null
        : {
            line: { number: line.number + 1, id: newId() },
            mirror: latest,
            database: nameOf(head),
            lost,
            replayed: missing.length,
            accepted: null,
          };
    if (!(await restorer.replay(head, missing, lastOf(body)))) return;
    log.warn(
      { replayed: missing.length, lost },
      lost === null
        ? 'the database was behind its mirror; every statement was replayed, and nothing is lost'
        : 'the database was restored: its mirror has replayed every statement; decisions are lost, so all leases and tokens end, and limited and delete-capable grants are void',
    );
  }

  async function settleDoubt({
    why,
    found,
  }: Extract<Comparison, { kind: 'doubtful' }>): Promise<'again' | Halt> {
    const accepted = await restoreAccepted(authority.state, found.mirror, isOurs);
    if (accepted === null) return haltOver(why, found);
    const head = await journal.head();
    const body: RestoredBody = {
      line: {
        number: Math.max(found.newest, presentLine(authority.state).number) + 1,
        id: newId(),
      },
      mirror: found.mirror,
      database: accepted.database,
      lost: null,
      replayed: 0,
      accepted: accepted.statement,
    };
    if (await restorer.replay(head, [], lastOf(body))) {
      log.warn(
        { why, statement: accepted.statement },
        'two humans have accepted this database: all leases and tokens end, and limited and delete-capable grants are void',
      );
    }
    return 'again';
  }

  const newId = () => uuidv7(clock, random);

  function lastOf(body: RestoredBody | null) {
    if (body === null) return null;
    // What the fold would refuse is not written, whatever numbers a mirror has.
    RestoredBody.parse(body);
    // Law 4: a token key that was given up in what is lost does not come back.
    return { entry: { id: newId(), type: 'restored', body: { ...body } }, endsTokens: true };
  }

  async function isOurs({ size, root }: TreeName): Promise<boolean> {
    if (size > (await journal.head()).size) return false;
    return Buffer.from(await restorer.rootAt(size)).toString('base64url') === root;
  }

  async function look(): Promise<void> {
    if (halt === null) return;
    const found = await settled();
    if (found === 'open') {
      // What a start records is recorded before anyone is served; where that fails it is tried again.
      await options.onOpen();
      halt = null;
      isForked = false;
      void shipping.ship(true);
    } else {
      halt = found;
    }
  }

  async function settled(): Promise<'open' | Halt> {
    try {
      for (let looks = 0; looks < LOOKS; looks += 1) {
        const next = await step();
        if (next === 'again') continue;
        if (next !== 'open') sayOnce(next.sentence);
        return next;
      }
      return UNCOMPARED;
    } catch (error) {
      if (error instanceof EmptyDatabase) throw error;
      sayOnce(error instanceof Error ? error.message : 'unknown');
      return UNREADABLE;
    }
  }

  let said = '';
  function sayOnce(reason: string): void {
    if (reason === said) return;
    said = reason;
    log.warn({ reason }, 'nothing is decided: the database could not be held against its mirror');
  }

  return {
    get halt() {
      return halt;
    },
    get standing() {
      return shipping.standing;
    },
    ship: (urgent) => shipping.ship(urgent),
    covers: (size, ms) => shipping.covers(size, ms),
    isOurs,
    async look() {
      // What two humans signed while a look ran may not be in it.
      if (looking !== null) await looking;
      looking ??= look().finally(() => {
        looking = null;
      });
      await looking;
    },
  };
}

const UNCOMPARED: Halt = {
  sentence: 'The broker decides nothing until it has held its database against the mirror.',
  found: null,
};
const UNREADABLE: Halt = {
  sentence:
    'The broker decides nothing: the mirror of its ledger cannot be read. Its operator makes COUNTERSIGN_MIRROR readable again; the log says what is wrong.',
  found: null,
};

function haltOver(why: string, found: Found): Halt {
  return {
    sentence: `The broker decides nothing: its database and the mirror do not agree (${why}). Restore the latest backup, or two humans go on with this database: ${ACCEPT}`,
    found,
  };
}

function forked({ head, mirror, line }: Extract<Comparison, { kind: 'behind' }>) {
  const found = { mirror, database: nameOf(head), newest: line.number };
  return { kind: 'doubtful' as const, why: 'another database goes on with it', found };
}

class EmptyDatabase extends CountersignError {}

function emptyDatabase(): EmptyDatabase {
  return new EmptyDatabase(
    'broker_unavailable',
    'The database is empty and COUNTERSIGN_MIRROR is not: a ledger was here. Restore a backup of its database, or name an empty place as the mirror of a new deployment.',
  );
}

/** @throws CountersignError `conflict` unless this is what this server halts over */
export async function requireFound(
  mirroring: Mirroring | null,
  body: { readonly mirror: TreeName; readonly restored: TreeName },
): Promise<void> {
  const found = foundBy(mirroring);
  const isFound =
    body.mirror.size === found.mirror.size &&
    body.mirror.root === found.mirror.root &&
    (await mirroring?.isOurs(body.restored)) === true;
  if (!isFound) {
    throw inputError(
      'conflict',
      `It names another mirror or database than there is. Anew: ${ACCEPT}`,
    );
  }
}

/** @throws CountersignError `conflict` */
export function foundBy(mirroring: Mirroring | null): Found {
  const found = mirroring?.halt?.found ?? null;
  if (found === null) {
    throw inputError(
      'conflict',
      'There is nothing to accept: no database and mirror were found that do not agree.',
    );
  }
  return found;
}
