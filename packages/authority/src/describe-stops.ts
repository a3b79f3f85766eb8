/** Freezes, removals and accepted escapes in plain words: what stops, and what stays open. */
import type { StatementOf } from '@countersign/contract';
import { frozenTargetName, loneLifter } from './freezes.ts';
import type { AuthorityState } from './state.ts';
import { nameWithMark, readAloud, type Sentence, visible } from './words.ts';

export function describeRemoval(
  state: AuthorityState,
  body: StatementOf<'connection.remove'>['body'],
): Sentence {
  const connection = state.connections.get(body.connection);
  return {
    headline: `Remove the connection ${connection?.name ?? body.connection}, for good.`,
    facts: [
      ...(connection === undefined
        ? []
        : [{ label: 'reaches', value: visible(connection.body.endpoint) }]),
      { label: 'reason', value: body.reason },
    ],
    warnings: [
      'Every grant on it ends at once, and its open sessions are cut.',
      'Its root credential is destroyed once its last lease is taken back, and not before.',
      'Its name stays taken. What it maps can be mapped by another connection at once, also while its last leases are still being taken back.',
    ],
  };
}

export function describeFreeze(
  state: AuthorityState,
  { target, reason }: StatementOf<'freeze'>['body'],
): Sentence {
  const signs = target.kind === 'human' || target.kind === 'key';
  return {
    headline: `Freeze ${frozenTargetName(state, target)}, at once.`,
    facts: [
      ...(target.kind === 'key' ? [{ label: 'key', value: readAloud(target.id) }] : []),
      { label: 'reason', value: reason },
    ],
    warnings: [
      signs
        ? 'It can sign nothing but a veto, or that a freeze is lifted; delete-capable grants it signed stop meanwhile.'
        : 'Nothing is issued there any more, and its open sessions are cut.',
      'Its author alone can lift it until another human has signed it too; then it takes two.',
    ],
  };
}

export function describeUnfreeze(
  state: AuthorityState,
  body: StatementOf<'unfreeze'>['body'],
): Sentence {
  const freeze = state.freezes.get(body.freeze);
  if (freeze === undefined) {
    return {
      headline: `Lift the freeze ${body.freeze}.`,
      facts: [{ label: 'reason', value: body.reason }],
    };
  }
  const alone = loneLifter(state, freeze.id);
  return {
    headline: `Lift the freeze of ${frozenTargetName(state, freeze.target)}.`,
    facts: [
      { label: 'frozen by', value: `${nameWithMark(state, freeze.author)}, ${freeze.at}` },
      { label: 'because', value: freeze.reason },
      {
        label: 'seconded by',
        value: freeze.secondedBy === null ? 'nobody' : nameWithMark(state, freeze.secondedBy),
      },
      ...(alone === null
        ? []
        : [{ label: 'alone', value: `${nameWithMark(state, alone)} can lift it alone` }]),
      { label: 'reason', value: body.reason },
    ],
    warnings: ['What was suspended by it works again at once, unless another freeze stands.'],
  };
}

export function describeEscapes(
  state: AuthorityState,
  body: StatementOf<'escape.accept'>['body'],
): Sentence {
  const connection = state.connections.get(body.connection)?.name ?? body.connection;
  const { length } = body.escapes;
  const names = body.escapes.map(({ object }) => object).join(', ');
  return {
    headline: `Accept that ${length === 1 ? 'one way' : `${length} ways`} around its rights ${length === 1 ? 'stays' : 'stay'} open on ${connection}.`,
    facts: [
      ...body.escapes.map(({ object, digest }) => ({
        label: 'stays open',
        value: `${object} (${digest})`,
      })),
      { label: 'reason', value: body.reason },
    ],
    warnings: [
      `Whoever gets a credential there, to read only too, can use ${length === 1 ? 'it' : 'each of them'} to do more than was granted: ${names}.`,
    ],
  };
}
