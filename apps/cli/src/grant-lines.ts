/** A grant for a terminal: who signed it, what it is bound to, and what would end it. */
import type { GrantView } from '@countersign/contract';
import { shortTime } from './text.ts';

type Fact = readonly [label: string, value: string];

/** Each signature, with whether it counts and the mark of whom one person alone vouched for. */
export function signatureFacts({ signatures }: Pick<GrantView, 'signatures'>): Fact[] {
  return signatures.map((each) => [
    `  ${each.name}`,
    `${shortTime(each.at)}${each.counts ? '' : ', counts no more'}${each.vouched_by_one ? ', vouched for by one person' : ''}`,
  ]);
}

export function standingFacts(
  grant: Pick<GrantView, 'status' | 'from' | 'until' | 'uses_left' | 'sender' | 'pins'>,
): Fact[] {
  const { status, from, until, uses_left, sender, pins } = grant;
  return [
    ...(status === 'cooling_off' && from !== null
      ? [['cool-off ends', shortTime(from)] as const]
      : []),
    ...(until === null ? [] : [['until', shortTime(until)] as const]),
    ['uses left', uses_left === null ? 'unlimited' : `${uses_left}`],
    ...(sender === null ? [] : [['bound to key', sender] as const]),
    ...(pins === null
      ? []
      : pins.agent_credentials.map((digest) => ['pins credential', digest] as const)),
    ...(pins === null ? [] : [['pins connection', pins.connection] as const]),
  ];
}

/** One fact for each thing that would end it. */
export function dependencyFacts({ depends_on }: Pick<GrantView, 'depends_on'>): Fact[] {
  return depends_on.map((what, at) => [at === 0 ? 'ends with' : '  or', what]);
}
