/** What must not have happened at Railway, by its own record and whatever anything was called. */
import type { Effect, RailwaySimulator } from '@countersign/provider-railway/simulator';
import { SHARED } from '../../../packages/providers/railway/test/support/law.ts';

export interface Broken {
  readonly effect: Effect['effect'];
  readonly object: string;
  readonly by: string;
  readonly why: string;
}

/** The broker's own questions: they have these names for their answers, and the requests here do not. */
function isOfBroker({ effect, operation }: Effect): boolean {
  const asks = operation.alias === 'of' || operation.alias === operation.field;
  return asks && (effect === 'read' || effect === 'revealed');
}

/** @param volume whose deletion two humans signed */
export function brokenLaws(
  { effects, world }: RailwaySimulator,
  {
    staging,
    others,
    volume,
  }: { readonly staging: string; readonly others: ReadonlySet<string>; readonly volume: string },
): readonly Broken[] {
  const replaced = new Set(
    effects
      .filter(({ effect, object }) => effect === 'created' && object.startsWith('deployment/'))
      .flatMap(({ environments }) => environments),
  );
  const isElsewhere = (id: string): boolean => {
    const fork = world.get('environment', id);
    return fork?.isEphemeral === true && fork.sourceEnvironmentId !== null
      ? isElsewhere(fork.sourceEnvironmentId)
      : others.has(id);
  };
  const whyNot = ({ effect, object, environments, operation }: Effect): string | null => {
    if (effect === 'read' && SHARED.test(object)) return null;
    if (environments.some(isElsewhere)) return 'it is in another environment';
    switch (effect) {
      case 'read':
      case 'created':
      case 'changed':
        return null;
      case 'overwrote':
        // One value overwritten is a write.
        return object.startsWith('variable/') ? null : 'nobody signed for it';
      case 'destroyed': {
        // Deploying replaces what ran, which is a write.
        const isReplaced =
          object.startsWith('deployment/') && environments.every((id) => replaced.has(id));
        const isSigned =
          operation.field === 'volumeDelete' &&
          environments.every((id) => id === staging) &&
          /^(?:volume|volume-instance|backup|backup-schedule)\//.test(object) &&
          world.get('volume', volume) === undefined;
        return isReplaced || isSigned ? null : 'nobody signed for it';
      }
      default:
        return 'nobody signed for it';
    }
  };
  return effects.flatMap((each) => {
    const why = isOfBroker(each) ? null : whyNot(each);
    const { effect, object, operation } = each;
    return why === null ? [] : [{ effect, object, by: operation.field, why }];
  });
}
