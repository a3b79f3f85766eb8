/**
 * A provider's end that counts and breaks: the simulator behind a door at which, at the request a test names, the
 * connection ends before or after the simulator did it, or it is refused as one too many.
 */
import { type StandIn, startRailway } from '../support/railway.ts';
import { createStrikes } from '../support/strikes.ts';
import type { Watch } from '../support/wire-proxy.ts';
import type { Breakable } from './faults.ts';

/** What a broken-off step was to the simulator, in place of an SQLSTATE. */
export const TOO_OFTEN = { severity: 'ERROR', sqlstate: '429' } as const;

export interface Upstream extends Breakable {
  readonly railway: StandIn;
  /** Root fields that the simulator was asked for and did, other than by the broker for itself. */
  readonly done: readonly { readonly field: string; readonly id: string }[];
  close(): Promise<void>;
}

/** @param fields root fields that only agents ask for; whatever else comes is a question of the broker's */
export async function startUpstream(fields: readonly string[]): Promise<Upstream> {
  const railway = await startRailway();
  const done: { field: string; id: string }[] = [];
  const strikes = createStrikes();
  let striking: Promise<void> = Promise.resolve();

  railway.behave((outgoing, { method, target, headers, body }) => {
    const field = fields.find((each) => body.includes(each));
    const strike = strikes.count(field ?? 'a question');
    const serve = async () => {
      const [id = ''] = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(body) ?? [];
      if (field !== undefined) done.push({ field, id });
      return await railway.simulator.handle({
        ...{ method, path: target, headers },
        body: Buffer.from(body),
      });
    };
    const answer = async (): Promise<void> => {
      if (strike?.when === 'before') {
        await strike.meanwhile?.();
        if (strike.sees === 'drop') return void outgoing.destroy();
        return void outgoing.writeHead(429, { 'content-type': 'application/json' }).end('{}');
      }
      const answered = await serve();
      await strike?.meanwhile?.();
      if (strike !== null || answered === 'cut') return void outgoing.destroy();
      outgoing.writeHead(answered.status, answered.headers).end(answered.body);
    };
    const answering = answer();
    if (strike !== null) striking = answering;
    return true;
  });

  return {
    ...{ railway, done },
    watch(strike): Watch {
      return strikes.watch(strike);
    },
    async rest() {
      strikes.rest();
      await striking;
    },
    // Sessions are not opened anew over HTTP.
    down: () => undefined,
    up: () => undefined,
    close: () => railway.close(),
  };
}
