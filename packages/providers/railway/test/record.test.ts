/** Laws that hold after any sequence of operations: no orphans, and nothing that the record does not tell. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fieldsOf, prepare } from '../src/simulator/execute.ts';
import { environmentsOf } from '../src/simulator/world/places.ts';
import { KINDS, type State } from '../src/simulator/world/world.ts';
import { ask, bearer, openRental, type Railway } from './support/railway.ts';

type Choose = (ids: readonly string[]) => string;
type Step = (railway: Railway, pick: Choose) => [string, Record<string, unknown>];

const idsOf = ({ simulator }: Railway, kind: (typeof KINDS)[number]): string[] => [
  ...simulator.world.state[kind].keys(),
];

const STEPS: readonly Step[] = [
  (r, pick) => [
    'mutation($v: String!) { volumeDelete(volumeId: $v) }',
    { v: pick(idsOf(r, 'volume')) },
  ],
  (r, pick) => [
    'mutation($v: String!, $e: String) { volumeInstanceUpdate(volumeId: $v, environmentId: $e, input: { state: DELETED }) }',
    { v: pick(idsOf(r, 'volume')), e: pick(idsOf(r, 'environment')) },
  ],
  (r, pick) => [
    'mutation($s: String!, $e: String) { serviceDelete(id: $s, environmentId: $e) }',
    { s: pick(idsOf(r, 'service')), e: pick(idsOf(r, 'environment')) },
  ],
  (r, pick) => [
    'mutation($e: String!) { environmentDelete(id: $e) }',
    { e: pick(idsOf(r, 'environment')) },
  ],
  (r, pick) => [
    'mutation($p: String!, $e: String!, $n: String!) { environmentCreate(input: { projectId: $p, sourceEnvironmentId: $e, name: $n, ephemeral: true }) { id } }',
    {
      p: pick(idsOf(r, 'project')),
      e: pick(idsOf(r, 'environment')),
      n: `fork-${idsOf(r, 'environment').length}`,
    },
  ],
  (r, pick) => [
    'mutation($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }',
    {
      e: pick(idsOf(r, 'environment')),
      p: {
        volumes: { [pick(idsOf(r, 'volume'))]: { isDeleted: true } },
        services: { [pick(idsOf(r, 'service'))]: { variables: { NEW: { value: 'new-value' } } } },
      },
    },
  ],
  (r, pick) => [
    'mutation($d: String!) { a: deploymentRedeploy(id: $d) { id } b: deploymentRemove(id: $d) }',
    { d: pick(idsOf(r, 'deployment')) },
  ],
  (r, pick) => [
    'mutation($p: String!) { projectScheduleDelete(id: $p) }',
    { p: pick(idsOf(r, 'project')) },
  ],
  (r, pick) => [
    'mutation($d: String!, $b: String!, $s: [String!]) { volumeInstanceBackupRestore(volumeInstanceId: $d, volumeInstanceBackupId: $b, wipeServiceIds: $s) { workflowId } }',
    {
      d: pick(idsOf(r, 'volume-instance')),
      b: pick(idsOf(r, 'backup')),
      s: [pick(idsOf(r, 'service'))],
    },
  ],
  (r, pick) => [
    'mutation($d: String!) { volumeInstanceBackupCreate(volumeInstanceId: $d) { workflowId } }',
    { d: pick(idsOf(r, 'volume-instance')) },
  ],
  (r, pick) => [
    'query($e: String!) { environment(id: $e) { config(decryptVariables: true) } }',
    { e: pick(idsOf(r, 'environment')) },
  ],
];

/** References that lead nowhere. An execution is history: it may outlive its environment. */
function orphans(state: State): string[] {
  const found: string[] = [];
  const check = (
    object: string,
    kind: (typeof KINDS)[number],
    id: string | null | undefined,
  ): void => {
    if (id != null && !state[kind].has(id)) found.push(`${object} → ${kind}/${id}`);
  };
  for (const kind of KINDS) {
    if (kind === 'execution') continue;
    for (const [id, record] of state[kind]) {
      const object = `${kind}/${id}`;
      const seen: Record<string, unknown> = { ...record };
      for (const [member, target] of Object.entries({
        environmentId: 'environment',
        projectId: 'project',
        workspaceId: 'workspace',
        serviceId: 'service',
        volumeId: 'volume',
        volumeInstanceId: 'volume-instance',
        bucketId: 'bucket',
        sourceEnvironmentId: 'environment',
        baseEnvironmentId: 'environment',
      } as const)) {
        const to = seen[member];
        if (typeof to === 'string') check(object, target, to);
      }
    }
  }
  for (const [id] of state.volume) {
    if (environmentsOf(state, 'volume', { id }).length === 0) found.push(`volume/${id} is nowhere`);
  }
  return found;
}

/** Every object of either state that the other has not, or has otherwise. */
function changed(before: State, after: State): string[] {
  return KINDS.flatMap((kind) => {
    const ids = new Set([...before[kind].keys(), ...after[kind].keys()]);
    return [...ids].flatMap((id) => {
      const strip = (record: object | undefined) =>
        record === undefined ? '' : JSON.stringify({ ...record, updatedAt: '' });
      const same = strip(before[kind].get(id)) === strip(after[kind].get(id));
      return same ? [] : [`${kind}/${id}`];
    });
  });
}

const HOURS = 3_600_000;

describe('after any operations', () => {
  test('nothing is orphaned, and the record tells every difference and nothing else', async () => {
    const steps = fc.array(fc.tuple(fc.nat(STEPS.length - 1), fc.nat(), fc.boolean()), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(steps, async (chosen) => {
        const railway = openRental();
        const { simulator, rental, clock } = railway;
        for (const [index, number, waits] of chosen) {
          if (waits) clock.advance(25 * HOURS);
          const step = STEPS[index];
          if (step === undefined) continue;
          const pick: Choose = (ids) => ids[number % Math.max(1, ids.length)] ?? 'nothing';
          const [query, variables] = step(railway, pick);
          const before = simulator.world.state;
          const from = simulator.effects.length;
          await ask(railway, bearer(rental.tokens.account), query, variables);
          const after = simulator.world.state;
          const told = simulator.effects
            .slice(from)
            .filter(({ effect }) => effect !== 'read' && effect !== 'revealed');
          const differing = new Set(changed(before, after));
          // What two fields of one request made and took away again is told, and no difference any more.
          const objects = new Set(told.map(({ object }) => object));
          expect([...differing].filter((object) => !objects.has(object))).toEqual([]);
          const single = fieldsOf(documentOf(query)).length === 1 && !waits;
          if (single) expect([...objects].filter((object) => !differing.has(object))).toEqual([]);
          expect(orphans(after)).toEqual([]);
          for (const kind of KINDS) {
            for (const id of before[kind].keys()) {
              if (after[kind].has(id)) continue;
              const end = told.find(
                (each) => each.object === `${kind}/${id}` && each.effect === 'destroyed',
              );
              expect(end, `${kind}/${id}`).toBeDefined();
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a secret that stands in an answer is told as revealed', async () => {
    const railway = openRental();
    const { simulator, rental } = railway;
    for (const each of [rental.staging, rental.production]) {
      const query =
        'query($e: String!) { environment(id: $e) { config(decryptVariables: true) } environmentLogs(environmentId: $e) { message } }';
      const from = simulator.effects.length;
      const { data } = await ask(railway, bearer(rental.tokens.account), query, { e: each.id });
      const shown = simulator.world
        .where('variable', ({ value }) => value.length >= 8 && JSON.stringify(data).includes(value))
        .map(({ id }) => `variable/${id}`);
      expect(shown.length).toBeGreaterThan(3);
      const told = simulator.effects.slice(from).filter(({ effect }) => effect === 'revealed');
      expect(told.map(({ object }) => object)).toEqual(expect.arrayContaining(shown));
      expect(told.every(({ environments }) => environments.includes(each.id))).toBe(true);
    }
  });

  test.each([
    ['in the middle of a log line', 'environmentLogs(environmentId: $e) { message }', true],
    ['as a variable', 'environment(id: $e) { config(decryptVariables: true) }', true],
    ['nowhere, where values are hidden', 'environment(id: $e) { config name }', false],
    [
      'nowhere, where only names are shown',
      'environment(id: $e) { variables { edges { node { name } } } }',
      false,
    ],
  ])('a secret is told as revealed %s', async (_where, selection, shows) => {
    const railway = openRental();
    const { simulator, rental } = railway;
    const query = `query($e: String!) { ${selection} }`;
    await ask(railway, bearer(rental.tokens.account), query, { e: rental.production.id });
    const told = simulator.effects.filter(({ effect }) => effect === 'revealed');
    expect(told.length > 0).toBe(shows);
    const reached = new Set(told.flatMap(({ environments }) => environments));
    expect([...reached]).toEqual(shows ? [rental.production.id] : []);
    expect(simulator.effects.some(({ effect }) => effect === 'read')).toBe(true);
  });

  test('a document that is refused, or fails halfway, leaves what it did not do undone', async () => {
    const railway = openRental();
    const { simulator, rental } = railway;
    const before = simulator.world.state;
    const query =
      'mutation($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }';
    const patch = {
      services: { [rental.services.api]: { isDeleted: true } },
      volumes: { unknown: { sizeMB: 1 } },
    };
    const { errors } = await ask(railway, bearer(rental.tokens.account), query, {
      e: rental.staging.id,
      p: patch,
    });
    expect(errors).toHaveLength(1);
    expect(simulator.world.state).toBe(before);
    expect(simulator.effects).toEqual([]);
  });
});

function documentOf(query: string) {
  const prepared = prepare(query);
  if ('errors' in prepared) throw new Error(String(prepared.errors[0]));
  return prepared.document;
}
