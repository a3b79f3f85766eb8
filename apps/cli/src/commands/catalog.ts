/** Catalogs: what operations can do at worst, as servers recorded it and humans adopted it. */
import { catalogDigest } from '@countersign/authority';
import type { CatalogView } from '@countersign/contract';
import { EFFECTS, type Effect, isEffect } from '@countersign/core';
import type { Compiled } from '@countersign/provider-http/description';
import type { Context } from '../context.ts';
import { compileFile, compileShipped } from '../description-file.ts';
import { EXIT } from '../exit-status.ts';
import { failed, unverified, usageFailure } from '../failure.ts';
import { everyPage } from '../pages.ts';
import { type Act, collect, type Given, noun, type Registrar, verb } from '../registrar.ts';
import { type Seat, takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { table } from '../table.ts';
import { clean, factLines, lengthOf, WIDTH, wrap } from '../text.ts';
import { addCatalogFiles } from './catalog-file.ts';

export function addCatalog(program: Registrar): void {
  const catalog = noun(program, 'catalog', 'What operations can do at worst.');
  verb(
    catalog,
    {
      usage: 'list',
      summary: 'Providers and their catalogs.',
      example: 'countersign catalog list',
    },
    list,
  );
  verb(
    catalog,
    {
      usage: 'show <provider>',
      summary: 'The operations of a provider, with the effects in force.',
      example: 'countersign catalog show postgres',
    },
    show,
  );
  verb(
    catalog,
    {
      usage: 'adopt <provider>',
      summary: 'Let a recorded catalog count in place of all before it; lowering takes two.',
      example:
        'countersign catalog adopt postgres --effect postgres:update=delete \\\n' +
        '      --reason "an update without a condition overwrites it all"',
    },
    adopt,
  )
    .option('--digest <digest>', 'which one (left out: the one recorded last)')
    .option('--file <file>', 'the description of an API: kept in the ledger, and adopted')
    .option('--shipped', 'the description of it that comes with this version')
    .option(
      '--effect <op=effect>',
      'your own word on an operation, in every case; may be given several times',
      collect,
    )
    .option('--drop-effect <op>', 'as the catalog says from now on; may be given several', collect)
    .requiredOption('--reason <text>', 'your words, for the others and the ledger');
  addCatalogFiles(catalog);
}

const adopt: Act = async (context, given) => {
  const provider = given.arg(0);
  const effects = effectsGiven(given);
  const file = given.text('file');
  const sources = [file !== undefined, given.flag('shipped'), given.text('digest') !== undefined];
  if (sources.filter((each) => each).length > 1) {
    throw usageFailure(
      'A description comes from one place, and has its own digest.',
      '--file FILE, --shipped, or --digest DIGEST',
    );
  }
  const described = given.flag('shipped')
    ? await compileShipped(provider)
    : file === undefined
      ? null
      : await compileFile(file);
  const seat = await takeSeat(context);
  const digest =
    described === null ? given.text('digest') : await record(context, seat, provider, described);
  const answer = await proposeSigned(context, seat, {
    kind: 'catalog.adopt',
    id: newStatementId(),
    body: {
      provider,
      ...(digest === undefined ? {} : { digest }),
      ...(effects.length === 0 ? {} : { effects }),
      reason: given.need('reason'),
    },
  });
  return settle(context, answer, [`next: countersign catalog show ${provider}`]);
};

/**
 * The digest of what is in the file, once the broker keeps it for those who sign: as this machine computes it, so
 * that nothing else is signed for (Law 1).
 */
async function record(
  context: Context,
  { client }: Seat,
  provider: string,
  { catalog, description }: Compiled,
): Promise<string> {
  if (description.name !== provider) {
    throw usageFailure(
      `The file describes ${description.name}.`,
      `countersign catalog adopt ${description.name} --file FILE`,
    );
  }
  const own = catalogDigest(catalog);
  // A description is JSON by its schema.
  const body = { description: JSON.parse(JSON.stringify(description)) };
  const { digest } = await context.out.progress(
    'keeping the description',
    client.call('recordCatalog', { body }),
  );
  if (digest === own) return own;
  throw unverified(
    'The broker made something else of the description. Nothing was signed.',
    'countersign audit verify',
  );
}

/** What --effect and --drop-effect say; null: as the catalog says. @throws Failure usage */
export function effectsGiven(
  given: Given,
): { readonly operation: string; readonly effect: Effect | null }[] {
  const own = given.list('effect').map((text) => {
    const at = text.lastIndexOf('=');
    const [operation, effect] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
    if (operation === '' || !isEffect(effect)) {
      throw usageFailure(
        `${text} is no operation and effect. Effects: ${EFFECTS.join(', ')}.`,
        '--effect postgres:update=delete',
      );
    }
    return { operation, effect };
  });
  const dropped = given.list('dropEffect').map((operation) => ({ operation, effect: null }));
  return [...own, ...dropped];
}

async function catalogs({ client }: Seat): Promise<CatalogView[]> {
  return await everyPage((query) => client.call('catalogs', { query }));
}

const list: Act = async (context) => {
  const views = await catalogs(await takeSeat(context));
  context.out.result(
    { catalogs: views },
    table(
      ['PROVIDER', 'OPERATIONS', 'RECORDED', 'ADOPTED', 'OWN EFFECTS'],
      views.map(({ provider, operations, recorded, adopted, described }) => [
        provider,
        String(operations.length),
        String(recorded.length),
        adopted ?? (described ? 'none: nothing counts' : 'none: the worst of all counts'),
        String(operations.filter(({ own }) => own !== null).length),
      ]),
    ),
  );
  return EXIT.done;
};

const show: Act = async (context, given) => {
  const view = (await catalogs(await takeSeat(context))).find(
    ({ provider }) => provider === given.arg(0),
  );
  if (view === undefined) {
    throw failed(
      'not_found',
      `No catalog of ${given.arg(0)} was ever recorded.`,
      'countersign catalog list',
    );
  }
  context.out.result(view, [
    context.out.bold(clean(view.provider)),
    ...factLines([
      [
        'adopted',
        view.adopted ??
          (view.described
            ? 'none: nothing of it counts'
            : 'none: the worst effect ever recorded counts'),
      ],
      ['latest', view.latest],
      ...view.recorded.map(
        ({ digest, counts }) =>
          ['recorded', `${digest}${counts ? '' : ', counts no more'}`] as const,
      ),
    ]),
    '',
    ...operationLines(view.operations),
  ]);
  return EXIT.done;
};

type Operations = CatalogView['operations'];

/** A table; where its names, which people type, leave no room in 80 columns, each operation on lines of its own. */
export function operationLines(operations: Operations): string[] {
  const rows = table(
    ['OPERATION', 'PRODUCTION', 'ELSEWHERE', 'YOURS', 'WHAT IT DOES AT WORST'],
    operations.map(({ name, production, elsewhere, own, summary }) => [
      name,
      casesOf(production),
      casesOf(elsewhere),
      own ?? '',
      summary,
    ]),
    { fixed: [0, 1, 2, 3] },
  );
  if (rows.every((row) => lengthOf(row) <= WIDTH)) return rows;
  return operations.flatMap(({ name, production, elsewhere, own, summary }) => {
    const effects = `production ${casesOf(production)}; elsewhere ${casesOf(elsewhere)}`;
    const yours = own === null ? '' : `; yours ${own}`;
    return [clean(name), ...wrap(`  ${effects}${yours}. ${clean(summary)}`, WIDTH, '  ')];
  });
}

/** `delete, parts write`: of the whole, and where it differs of parts only. */
function casesOf({ whole, narrowed }: Operations[number]['production']): string {
  const [all, part] = [whole ?? 'denied', narrowed ?? 'denied'];
  return all === part ? all : `${all}, parts ${part}`;
}
