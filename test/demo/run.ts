/** `npm run demo`: the incident replayed, without Countersign and with it. Exits 0 only if every claim held. */
import { parseArgs } from 'node:util';
import { runTyped } from '../support/typed-command.ts';
import { openPremises, Undo } from './premises.ts';
import { theIncident, theLedger, theRightDelete, theSameAgain, theSharedVolume } from './scenes.ts';
import { Stage } from './stage.ts';

const USAGE = `npm run demo -- [options]

  --fast   no pauses to read in (so without a terminal anyway)
  --json   one JSON document of what was claimed and held, instead of the scenes

Example: npm run demo -- --fast`;

interface Options {
  readonly fast: boolean;
  readonly json: boolean;
}

/** @throws TypeError with what is wrong with an option */
function readOptions(args: readonly string[]): Options | 'help' {
  const flag = { type: 'boolean', default: false } as const;
  const options = { fast: flag, json: flag, help: flag };
  const { help, ...values } = parseArgs({ args: [...args], options }).values;
  return help ? 'help' : values;
}

async function demonstrate({ fast, json }: Options): Promise<number> {
  const { stdout, env } = process;
  const isWatched = stdout.isTTY === true && !json;
  const stage = new Stage({
    write: json ? null : (text) => stdout.write(text),
    paced: isWatched && !fast,
    colour: isWatched && !env['NO_COLOR'],
  });
  const undo = new Undo();
  endWhenInterrupted(stage, undo);
  const began = performance.now();
  try {
    await play(stage, undo);
  } catch (error) {
    await undo.close();
    process.stderr.write(
      `The demo broke off: ${error instanceof Error ? error.message : 'unknown'}\n`,
    );
    return 1;
  }
  await undo.close();
  const elapsed = (performance.now() - began) / 1000;
  const { held, scenes } = stage;
  if (json) stdout.write(`${JSON.stringify({ held, seconds: elapsed, scenes })}\n`);
  else {
    const claims = scenes.reduce((sum, each) => sum + each.claims.length, 0);
    const end = held ? `All ${claims} claims held.` : 'Not every claim held: see ✗ above.';
    stdout.write(`\n${end} It took ${Math.round(elapsed)} s; nothing is left running.\n`);
  }
  return held ? 0 : 1;
}

async function play(stage: Stage, undo: Undo): Promise<void> {
  await stage.tell('Countersign: the nine seconds of April 2026, twice. Takes under a minute.');
  const premises = await openPremises(undo);
  await theIncident(stage, premises);
  const company = await premises.company;
  const waiting = await theSameAgain(stage, premises, company);
  await theSharedVolume(stage, premises, company, waiting);
  await theRightDelete(stage, premises, company);
  await theLedger(stage, premises, company);
}

/** A Ctrl-C, or what a terminal says when it goes, ends everything that was started and then this process. */
function endWhenInterrupted(stage: Stage, undo: Undo): void {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => {
      stage.silence();
      void undo.close().finally(() => process.exit(status));
    });
  }
}

const command = { usage: USAGE, read: readOptions, run: demonstrate };
process.exitCode = await runTyped(command, process.argv.slice(2));
