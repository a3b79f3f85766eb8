/** The flags that bound a grant in time and number, shared by whoever drafts one. */
import type { Command } from 'commander';
import { parseCount, parseDuration } from './duration.ts';
import type { Given } from './registrar.ts';

export function limitOptions(command: Command): Command {
  return command
    .option('--ttl <duration>', 'longest life of one lease, e.g. 5m')
    .option('--valid <duration>', 'how long the grant stands once signed, e.g. 8h')
    .option('--max-uses <n>', 'how many leases it is good for');
}

/** Members of a grant's draft; what is left out the broker fills in, and the signer reads. */
export function grantLimits(given: Given): {
  readonly ttl?: number;
  readonly valid_for?: number;
  readonly max_uses?: number;
} {
  const [ttl, valid, uses] = [given.text('ttl'), given.text('valid'), given.text('maxUses')];
  return {
    ...(ttl === undefined ? {} : { ttl: parseDuration(ttl, '--ttl') }),
    ...(valid === undefined ? {} : { valid_for: parseDuration(valid, '--valid') }),
    ...(uses === undefined ? {} : { max_uses: parseCount(uses, '--max-uses', 1) }),
  };
}
