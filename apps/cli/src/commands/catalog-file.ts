/** Descriptions of APIs before they are signed: drafted, looked over, tried on examples. Asks no broker. */
import { readFile } from 'node:fs/promises';
import { adoptedDescription, counted } from '@countersign/authority';
import type {
  Example,
  Imported,
  ImportOptions,
  Tried,
} from '@countersign/provider-http/description';
import { compileFile, descriptions, firstOf, readJson } from '../description-file.ts';
import { EXIT } from '../exit-status.ts';
import { failed, usageFailure } from '../failure.ts';
import { ownAuthority } from '../own-authority.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { clean, plainJsonLines, shellWord, WIDTH, wrap } from '../text.ts';

export function addCatalogFiles(catalog: Registrar): void {
  verb(
    catalog,
    {
      usage: 'import <file>',
      summary: 'Draft the description of an API from OpenAPI 3 (JSON) or a GraphQL schema.',
      example: 'countersign catalog import openapi.json --name tasks > tasks.json',
    },
    importFile,
  )
    .requiredOption('--name <name>', 'what the provider is to be called')
    .option(
      '--base-url <url>',
      'where the API is (left out: its first server; a schema names none)',
    );
  verb(
    catalog,
    {
      usage: 'lint <file>',
      summary: 'What a reviewer should look at in a description.',
      example: 'countersign catalog lint tasks.json',
    },
    lintFile,
  );
  verb(
    catalog,
    {
      usage: 'test <file>',
      summary: 'Hold example requests against what a description makes of them.',
      example: 'countersign catalog test tasks.json --examples more.json',
    },
    testFile,
  ).option('--examples <file>', 'more of them: a JSON list');
  verb(
    catalog,
    {
      usage: 'export <provider>',
      summary: 'The description of an API as the ledger holds it.',
      example: 'countersign catalog export tasks > tasks.json',
    },
    exportFile,
  ).option('--digest <digest>', 'which one (left out: the one adopted)');
}

const importFile: Act = async (context, given) => {
  const document = await readDocument(given.arg(0));
  const { description, skipped } = await drafted(document, {
    name: given.need('name'),
    base: given.text('baseUrl') ?? null,
  });
  for (const { request, reason } of skipped) {
    context.out.note(`left out, so denied: ${clean(request)}: ${clean(reason)}`);
  }
  const { length } = description.operations;
  context.out.note(`${counted(length, 'operation')}. Next: countersign catalog lint FILE`);
  context.out.result(description, plainJsonLines(description));
  return EXIT.done;
};

/** A description that holds together. @throws Failure usage, with what the document or an option lacks */
async function drafted(document: unknown, options: ImportOptions): Promise<Imported> {
  const { compile, DescriptionError, importGraphql, importOpenApi } = await descriptions();
  const isGraphql = typeof document === 'string' || isIntrospection(document);
  try {
    const draft = isGraphql ? importGraphql(document, options) : importOpenApi(document, options);
    const isNone = draft.description.operations.length === 0;
    if (isNone) throw new Error('There is no operation in it that can be described.');
    compile(draft.description);
    return draft;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const message =
      error instanceof DescriptionError
        ? `No description can be drafted so. ${firstOf(error.problems)}`
        : error.message;
    throw usageFailure(message, 'countersign catalog import --help');
  }
}

/** JSON, or where a file is called so the text of a GraphQL schema. @throws Failure usage */
async function readDocument(file: string): Promise<unknown> {
  if (/\.ya?ml$/i.test(file)) {
    throw usageFailure(`${file} is YAML; only JSON is read.`, 'the same document turned into JSON');
  }
  if (!/\.(?:graphqls?|gql)$/.test(file)) return await readJson(file);
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw usageFailure(`${file} cannot be read.`, 'a file with a GraphQL schema');
  }
}

function isIntrospection(document: unknown): boolean {
  if (typeof document !== 'object' || document === null) return false;
  return '__schema' in document || ('data' in document && isIntrospection(document.data));
}

const lintFile: Act = async (context, given) => {
  const file = given.arg(0);
  const document = await readJson(file);
  const { compile, DescriptionError, lint } = await descriptions();
  try {
    const findings = lint(compile(document));
    context.out.result({ problems: [], findings }, [
      ...findings.flatMap(({ kind, operation, text }) =>
        wrap(`${kind}: ${operation === null ? '' : `${operation} `}${clean(text)}`, WIDTH, '  '),
      ),
      findings.length === 0 ? 'Nothing to say of it.' : `${findings.length} to look at.`,
    ]);
    return findings.length === 0 ? EXIT.done : EXIT.failed;
  } catch (error) {
    if (!(error instanceof DescriptionError)) throw error;
    const { problems } = error;
    context.out.result({ problems, findings: [] }, [
      ...problems.flatMap((problem) => wrap(`wrong: ${clean(problem)}`, WIDTH, '  ')),
      `${shellWord(file)} is no description of an API yet.`,
    ]);
    return EXIT.failed;
  }
};

const testFile: Act = async (context, given) => {
  const compiled = await compileFile(given.arg(0));
  const { Description, tryExamples } = await descriptions();
  const more = given.text('examples');
  const beside: readonly Example[] =
    more === undefined
      ? []
      : examplesOf(Description.shape.examples.safeParse(await readJson(more)));
  const examples = [...(compiled.description.examples ?? []), ...beside];
  if (examples.length === 0) {
    throw failed(
      'not_found',
      'There are no examples: neither in the description nor beside it.',
      'countersign catalog test FILE --examples FILE',
    );
  }
  const tried = await tryExamples(compiled, examples);
  const wrong = tried.filter(({ ok }) => !ok).length;
  context.out.result({ examples: tried }, [
    ...tried.flatMap(triedLines),
    wrong === 0
      ? `${counted(tried.length, 'example')}, all as expected.`
      : `Not as expected: ${wrong} of ${counted(tried.length, 'example')}.`,
  ]);
  return wrong === 0 ? EXIT.done : EXIT.failed;
};

function examplesOf(
  parsed:
    | { readonly success: true; readonly data: readonly Example[] | undefined }
    | { readonly success: false; readonly error: { readonly message: string } },
): readonly Example[] {
  if (parsed.success) return parsed.data ?? [];
  throw usageFailure(
    'That is no list of examples.',
    '[{"request": "GET /x", "expect": {"refused": "unknown_operation"}}]',
  );
}

function triedLines({ ok, request, expected, found, detail }: Tried): string[] {
  const lines = wrap(`${ok ? 'ok  ' : 'BAD '} ${clean(request)}: ${clean(found)}`, WIDTH, '     ');
  if (ok) return lines;
  return [
    ...lines,
    ...wrap(`     expected ${clean(expected)}`, WIDTH, '       '),
    ...(detail === null ? [] : wrap(`     ${clean(detail)}`, WIDTH, '       ')),
  ];
}

const exportFile: Act = async (context, given) => {
  const provider = given.arg(0);
  const state = await ownAuthority(context, await takeSeat(context));
  const digest = given.text('digest');
  const catalog =
    digest === undefined ? adoptedDescription(state, provider) : state.catalogs.get(digest);
  if (catalog?.description === undefined || catalog.provider !== provider) {
    throw failed(
      'not_found',
      `The ledger holds no such description of ${provider}.`,
      `countersign catalog show ${shellWord(provider)}`,
    );
  }
  const { description } = catalog;
  context.out.result(description, plainJsonLines(description));
  return EXIT.done;
};
