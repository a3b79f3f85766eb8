/** What `npm run bench -- …` takes. */
import { parseArgs } from 'node:util';

const WORKS = ['issue', 'denied', 'exchange', 'forward'] as const;
export type Work = (typeof WORKS)[number];

export interface Options {
  readonly json: boolean;
  /** Seconds of load for each figure, split over the rounds. */
  readonly seconds: number;
  /** Subjects take turns this often, so that a busy moment of the machine hits them all. */
  readonly rounds: number;
  /** Also: how cost grows with agents, entries and replicas. Takes minutes. */
  readonly growth: boolean;
  /** Also: how long a start takes, with a snapshot of authority and without. Takes minutes. */
  readonly restart: boolean;
  /** Entries of the largest ledger measured by `--growth`. */
  readonly entries: number;
  /** Agents, with a grant each, of the largest authority measured by `--growth`, and of that by `--restart`. */
  readonly agents: number;
  /** What of the comparison is measured. */
  readonly works: readonly Work[];
  /** Only: how long a ledger of 100,000 entries, 1,000 of them statements, takes to verify offline. */
  readonly verify: boolean;
}

export const USAGE = `npm run bench -- [options]

  --seconds N   of load for each figure (default 6)
  --rounds N    in which the subjects take turns (default 3)
  --only WORK   of issue, denied, exchange and forward only that
  --growth      also how cost grows with agents, ledger entries and replicas
  --restart     also how long a start takes with that many agents
  --agents N    largest number of agents for --growth and --restart (default 100000)
  --entries N   largest ledger for --growth (default 1000000)
  --verify      only how long 100000 entries with 1000 statements take to verify offline
  --json        one JSON document on stdout instead of tables

Example: npm run bench -- --seconds 10 --json > bench.json`;

/** @throws TypeError with what is wrong with an option */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '6' },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string' },
      growth: { type: 'boolean', default: false },
      restart: { type: 'boolean', default: false },
      entries: { type: 'string', default: '1000000' },
      agents: { type: 'string', default: '100000' },
      verify: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.only !== undefined && !WORKS.some((work) => work === values.only)) {
    throw new TypeError(`--only takes one of ${WORKS.join(', ')}.`);
  }
  const { json, growth, restart, verify } = values;
  return {
    json,
    growth,
    restart,
    verify,
    works: WORKS.filter((work) => values.only === undefined || values.only === work),
    seconds: count('seconds', values.seconds),
    rounds: count('rounds', values.rounds),
    entries: count('entries', values.entries),
    agents: count('agents', values.agents),
  };
}

function count(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new TypeError(`--${name} takes a whole number from 1.`);
  return Number(text);
}
