/**
 * What really happened, from two states: the difference, in plain terms. Tests judge a gateway by this record, so
 * nothing here looks at what an operation is called.
 */

import { environmentsOf } from './places.ts';
import type { Deployment, Settings } from './records.ts';
import { KINDS, type Kind, type State } from './world.ts';

export type EffectKind =
  | 'destroyed'
  | 'overwrote'
  | 'revealed'
  | 'created credential'
  | 'executed'
  | 'created'
  | 'changed'
  | 'read';

export interface Effect {
  /** RFC 3339, by the simulator's clock. */
  readonly at: string;
  /** The id of the token that did it (never its secret). A deletion that falls due keeps who scheduled it. */
  readonly token: string;
  /** The root field of the request, and the name under which its answer stands. */
  readonly operation: { readonly field: string; readonly alias: string };
  readonly effect: EffectKind;
  /** `<kind>/<id>`, as in `volume/6f1c…`. */
  readonly object: string;
  /** Ids of the environments whose state it is, before and after. */
  readonly environments: readonly string[];
  /** Destroyed only at this time (RFC 3339), unless it is taken back. Absent: destroyed now. */
  readonly due?: string;
}

/** An effect without who, when and by what. */
export type Difference = Pick<Effect, 'effect' | 'object' | 'environments' | 'due'>;

const CREDENTIALS: ReadonlySet<Kind> = new Set([
  'token',
  'ssh-key',
  'shell-session',
  'invite-code',
  'bucket-instance',
]);

/** What of a deployment is code: an image, a commit, a command. Another value there runs something new. */
const CODE: readonly (keyof Settings)[] = [
  'image',
  'repo',
  'branch',
  'commitSha',
  'buildCommand',
  'startCommand',
  'preDeployCommand',
  'dockerfilePath',
  'railwayConfigFile',
  'rootDirectory',
  'nixpacksPlan',
];

function sameCode(one: Settings, other: Settings): boolean {
  const codeOf = (settings: Settings) => JSON.stringify(CODE.map((name) => settings[name] ?? null));
  return codeOf(one) === codeOf(other);
}

/** Lists that are replaced as a whole. */
const LISTS: Partial<Readonly<Record<Kind, string>>> = {
  dashboard: 'items',
  'edge-config': 'rules',
  signal: 'rules',
};

type Seen = Readonly<Record<string, unknown>> & { readonly id: string };

function isEmptied(before: unknown, after: unknown): boolean {
  return before !== null && after === null;
}

function judgeChange(kind: Kind, before: Seen, after: Seen): { effect: EffectKind; due?: string } {
  if (typeof after['deletedAt'] === 'string' && before['deletedAt'] === null) {
    return { effect: 'destroyed', due: after['deletedAt'] };
  }
  if ('contents' in after && before['contents'] !== after['contents']) {
    return { effect: isEmptied(before['contents'], after['contents']) ? 'destroyed' : 'overwrote' };
  }
  if (kind === 'variable' && before['value'] !== after['value']) return { effect: 'overwrote' };
  if (kind === 'bucket-instance' && before['secretAccessKey'] !== after['secretAccessKey']) {
    return { effect: 'created credential' };
  }
  if (kind === 'deployment' && after['status'] === 'REMOVED' && before['status'] !== 'REMOVED') {
    return { effect: 'destroyed' };
  }
  if (before['challenges'] === true && after['challenges'] === false) {
    return { effect: 'destroyed' };
  }
  const list = LISTS[kind];
  if (list !== undefined && JSON.stringify(before[list]) !== JSON.stringify(after[list])) {
    return {
      effect: Array.isArray(after[list]) && after[list].length === 0 ? 'destroyed' : 'overwrote',
    };
  }
  return { effect: 'changed' };
}

/** Whether a deployment that was made runs other code than its instance ran last, also by a variable. */
function runsNewCode(before: State, deployment: Seen): boolean {
  const made = [...before.deployment.values()].filter(
    (each) =>
      each.serviceId === deployment['serviceId'] &&
      each.environmentId === deployment['environmentId'],
  );
  const last = made.at(-1);
  // Every deployment record has `runs` and `obeys`; `Seen` only forgot their types.
  const { runs, obeys } = deployment as unknown as Deployment;
  // A service that has no source yet runs nothing.
  if (!sameCode(last?.runs ?? {}, runs)) return true;
  return Object.entries(obeys).some(([name, value]) => last?.obeys[name] !== value);
}

function judgeCreation(kind: Kind, before: State, record: Seen): EffectKind[] {
  if (kind === 'execution') return ['executed'];
  if (CREDENTIALS.has(kind)) return ['created credential'];
  if (kind === 'deployment' && runsNewCode(before, record)) return ['created', 'executed'];
  return ['created'];
}

/** Every object that one state has and the other has not, or has otherwise, in the order of the kinds. */
export function differences(before: State, after: State): Difference[] {
  const found: Difference[] = [];
  for (const kind of KINDS) {
    const [was, is] = [before[kind], after[kind]];
    if (was === is) continue;
    const places = (record: Seen): string[] => [
      ...new Set([...environmentsOf(before, kind, record), ...environmentsOf(after, kind, record)]),
    ];
    const add = (record: Seen, effect: EffectKind, due?: string): void => {
      const object = `${kind}/${record.id}`;
      const environments = places(record).sort();
      found.push({ effect, object, environments, ...(due === undefined ? {} : { due }) });
    };
    for (const [id, record] of was) {
      const now = is.get(id);
      if (now === undefined) add({ ...record }, 'destroyed');
      else if (
        now !== record &&
        JSON.stringify({ ...now, updatedAt: '' }) !== JSON.stringify({ ...record, updatedAt: '' })
      ) {
        const { effect, due } = judgeChange(kind, { ...record }, { ...now });
        add({ ...now }, effect, due);
      }
    }
    for (const [id, record] of is) {
      if (was.has(id)) continue;
      for (const effect of judgeCreation(kind, before, { ...record })) add({ ...record }, effect);
    }
  }
  return found;
}
