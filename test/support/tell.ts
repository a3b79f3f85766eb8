/** A page of docs/transcripts as a test: every act is typed again at real terminals, in one company. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { ROOT } from './broker-process.ts';
import { type Company, openCompany } from './company.ts';
import { actsOf } from './transcript.ts';

/** How day one goes on with what the other pages need not repeat. */
const ENOUGH_TO_BEGIN = 'Production';
/** Milliseconds for an act of some twenty commands, on a machine that does other things as well. */
const LONGEST_ACT = 600_000;

const pageOf = (name: string): string => join(ROOT, 'docs', 'transcripts', `${name}.md`);

/** @param name of the page; `beginning` says whether the company's first day comes before it */
export function tell(name: string, { beginning = true } = {}): void {
  describe(`docs/transcripts/${name}.md`, () => {
    let company: Company;
    let broken = false;

    beforeAll(async () => {
      company = await openCompany();
      if (!beginning) return;
      for (const { title, steps } of actsOf(pageOf('day-one'))) {
        if (title === ENOUGH_TO_BEGIN) return;
        for (const step of steps) await company.step(step);
      }
      throw new Error(`day one has no ${ENOUGH_TO_BEGIN}`);
    }, LONGEST_ACT);
    afterAll(async () => {
      await company.close();
    });

    test.each(actsOf(pageOf(name)).map((act) => [act.title, act] as const))(
      '%s',
      async (_, { steps }) => {
        // What follows rests on what came before.
        if (broken) throw new Error('an act before this one went another way');
        broken = true;
        for (const step of steps) await company.step(step);
        broken = false;
      },
      LONGEST_ACT,
    );
  });
}
