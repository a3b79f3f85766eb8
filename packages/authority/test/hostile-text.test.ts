import { describe, expect, test } from 'vitest';
import { decodeStatement } from '../src/index.ts';
import {
  agentBody,
  type Body,
  codeOf,
  connectionBody,
  enrollBody,
  environmentBody,
  grantBody,
  permission,
  recoverBody,
} from './support/bodies.ts';
import { payloadOf, type Team, team } from './support/deployment.ts';
import { keyOf } from './support/device-keys.ts';

const zoe = keyOf('zoe');

/** Line feed, carriage return, escape, a bidirectional override, a zero-width joiner, a line separator. */
const HOSTILE = [
  '\n',
  '\r',
  '\u001b[2J',
  '\u202e',
  '\u200d',
  '\u2028',
  '\u0000',
  '\u007f',
  '\u009b',
];

describe.each(HOSTILE.map((text) => [JSON.stringify(text), text]))(
  'no schema lets %s through',
  (_n, text) => {
    test.each<[string, (t: Team) => [string, Body]]>([
      [
        'the name of a human',
        (t) => ['human.enroll', enrollBody(`zoe${text}`, zoe, t.alice.id, ['admin'])],
      ],
      ['the name of an environment', () => ['environment.set', environmentBody(`x${text}`, 'x')]],
      ['a class', () => ['environment.set', environmentBody('x', `x${text}`)]],
      ['the name of an agent', () => ['agent.register', agentBody(`x${text}`, zoe)]],
      [
        'the name of a connection',
        (t) => ['connection.set', connectionBody(`x${text}`, { [t.staging]: ['s'] })],
      ],
      [
        'a provider’s id',
        (t) => ['connection.set', connectionBody('x', { [t.staging]: [`s${text}`] })],
      ],
      [
        'a resource',
        (t) => [
          'grant.create',
          grantBody({ ...t, environment: t.staging }, [
            permission({ 'db:select': 'read' }, [`o${text}`]),
          ]),
        ],
      ],
      [
        'an operation',
        (t) => [
          'grant.create',
          grantBody({ ...t, environment: t.staging }, [
            permission({ [`db:select${text}`]: 'read' }, ['o']),
          ]),
        ],
      ],
      ['a reason', (t) => ['human.remove', { human: t.bob.id, reason: `left${text}` }]],
      [
        'a group',
        (t) => [
          'human.enroll',
          { ...enrollBody('zoe', zoe, t.alice.id, ['admin']), groups: [`x${text}`] },
        ],
      ],
      [
        'a group of a rule',
        () => ['environment.set', { ...environmentBody('x', 'x'), groups: [`x${text}`] }],
      ],
      [
        'the reason of a recovery',
        (t) => [
          'recover',
          { ...recoverBody(t.bob.id, zoe, codeOf('bob'), codeOf('x')), reason: `lost${text}` },
        ],
      ],
      [
        'the name of a guardrail',
        () => [
          'guardrail.add',
          { guardrail: null, name: `x${text}`, policy: 'forbid (a);', reason: 'x' },
        ],
      ],
      [
        'an operation of an adopted catalog',
        () => [
          'catalog.adopt',
          {
            provider: 'db',
            digest: zoe.kid,
            effects: [{ operation: `db:x${text}`, effect: 'read' }],
            reason: 'x',
          },
        ],
      ],
    ])('in %s', async (_name, made) => {
      const t = await team();
      const [kind, body] = made(t);
      expect(() => decodeStatement(payloadOf(t.broker.draft(kind, body)))).toThrow(/shape/);
    });
  },
);
