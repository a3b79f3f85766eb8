/** What a newer version wrote is told from what is merely refused: to leave it out could miss a revocation. */
import { expect, test } from 'vitest';
import { isReadable } from '../src/index.ts';
import { CATALOG, digestOfCatalog, environmentBody } from './support/bodies.ts';
import { Deployment, payloadOf } from './support/deployment.ts';
import { keyOf, signed } from './support/device-keys.ts';

const broker = new Deployment();
const draft = broker.draft('environment.set', environmentBody('x', 'x'));

function proposed(statement: unknown): unknown {
  const payload = payloadOf(statement);
  return { envelope: { payload, signatures: [signed(payload, keyOf('eve'))], assertions: [] } };
}

test.each<[string, unknown]>([
  ['statement.proposed', proposed({ ...draft, broker: keyOf('x').kid })],
  [
    'statement.signed',
    { statement: draft.id, signatures: [signed('e30', keyOf('eve'))], assertions: [] },
  ],
  ['statement.effective', { statement: draft.id }],
  ['catalog.recorded', { digest: digestOfCatalog(CATALOG), catalog: CATALOG }],
])('%s is readable, whoever signed it and whatever it would change', (type, body) => {
  expect(isReadable(type, body)).toBe(true);
});

test.each<[string, string, unknown]>([
  ['another type', 'decision', {}],
  ['a type of tomorrow', 'statement.withdrawn', { statement: draft.id }],
  ['a kind of tomorrow', 'statement.proposed', proposed({ ...draft, kind: 'human.lend' })],
  ['a version of tomorrow', 'statement.proposed', proposed({ ...draft, v: 2 })],
  ['a proposal without a statement', 'statement.proposed', { envelope: null }],
  ['a proposal of other bytes', 'statement.proposed', { envelope: { payload: '!' } }],
  ['a signature with more to it', 'statement.signed', { statement: draft.id, until: 1 }],
  ['an effect of something else', 'statement.effective', { statements: [draft.id] }],
  ['a catalog without a digest', 'catalog.recorded', { catalog: CATALOG }],
])('not readable: %s', (_name, type, body) => {
  expect(isReadable(type, body)).toBe(false);
});
