/** The ledger: read, exported, and verified here against what was signed and seen. */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Client } from '@countersign/client';
import { type VerifyReport, verifyExport } from '@countersign/verify';
import { callLines, entryLine, entryLines, type Names } from '../audit-lines.ts';
import type { Context } from '../context.ts';
import { parseCount } from '../duration.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { failed, usageFailure } from '../failure.ts';
import { withoutLostTime } from '../lost-time.ts';
import { ownAuthority } from '../own-authority.ts';
import { everyPage } from '../pages.ts';
import { type Profile, withVerified, writeProfile } from '../profile.ts';
import { type Act, noun, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { clean, WIDTH, wrap } from '../text.ts';
import { verifiedLines } from '../verified.ts';
import { addReport } from './report.ts';

const DEFAULT_LINES = 40;

export function addAudit(program: Registrar): void {
  const audit = noun(program, 'audit', 'The append-only ledger of statements and decisions.');
  verb(
    audit,
    {
      usage: 'log',
      summary: 'The newest entries, oldest first.',
      example: 'countersign audit log --agent cursor --limit 20',
    },
    log,
  )
    .option('--limit <n>', `how many (left out: ${DEFAULT_LINES})`)
    .option('--agent <name>', 'of this agent only')
    .option('--type <type>', 'of this type only, e.g. decision');
  verb(
    audit,
    {
      usage: 'show <id>',
      summary: 'One entry, by id, by the start of a recent id, or by index.',
      example: 'countersign audit show 01999f5e-7a40',
    },
    show,
  );
  verb(
    audit,
    {
      usage: 'verify',
      summary: 'Verify every entry, signature and decision here, from an export.',
      example: 'countersign audit verify --offline export.jsonl --trust FINGERPRINT',
    },
    verify,
  )
    .option('--offline <file>', 'verify this export and ask no server')
    .option('--trust <key>', 'genesis fingerprint or checkpoint key (left out: as pinned)');
  verb(
    audit,
    {
      usage: 'export',
      summary: 'The whole ledger as JSON lines, to verify anywhere.',
      example: 'countersign audit export --out export.jsonl',
    },
    exportLedger,
  ).option('--out <file>', 'where to (left out: stdout)');
  addReport(audit);
  verb(
    audit,
    {
      usage: 'restore',
      summary: 'Go on with a database that does not agree with its mirror. Two humans sign.',
      example: 'countersign audit restore --reason "the mirror was damaged, the backup is right"',
    },
    restore,
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
}

const log: Act = async (context, given) => {
  const [agent, type] = [given.text('agent'), given.text('type')];
  const limit = parseCount(given.text('limit') ?? `${DEFAULT_LINES}`, '--limit', 1);
  const { client } = await takeSeat(context);
  const { items } = await client.call('auditEntries', {
    query: {
      limit: Math.min(500, limit),
      ...(agent === undefined ? {} : { agent }),
      ...(type === undefined ? {} : { type }),
    },
  });
  const names = context.out.json ? new Map() : await namesById(client);
  for (const entry of items.toReversed()) {
    context.out.result(entry, [entryLine(entry, names), ...callLines(entry)]);
  }
  return EXIT.done;
};

async function namesById(client: Client): Promise<Names> {
  const agents = await everyPage((query) => client.call('agents', { query }));
  const humans = await everyPage((query) => client.call('humans', { query }));
  return new Map([...agents, ...humans].map(({ id, name }) => [id, name]));
}

const show: Act = async (context, given) => {
  const { client } = await takeSeat(context);
  const wanted = given.arg(0);
  let id = wanted;
  if (wanted.length < 36) {
    const { items } = await client.call('auditEntries', { query: { limit: 500 } });
    const found = items.filter((e) => String(e.index) === wanted || e.id.startsWith(wanted));
    const [only] = found;
    if (only === undefined || found.length > 1) {
      throw failed(
        'not_found',
        `${found.length === 0 ? 'No' : 'More than one'} recent entry is ${wanted}. Give the whole id.`,
        'countersign audit log --json',
      );
    }
    id = only.id;
  }
  const entry = await client.call('auditEntry', { params: { id } });
  context.out.result(entry, entryLines(context, entry, await namesById(client)));
  return EXIT.done;
};

const verify: Act = async (context, given) => {
  const file = given.text('offline');
  const trust = given.text('trust');
  if (file !== undefined) {
    const report = await context.out.progress(
      'verifying',
      verifyExport(linesOfFile(file), trust === undefined ? {} : { trust }),
    );
    return printReport(context, report);
  }
  const { profile, client } = await takeSeat(context);
  const verified = (seen: Profile['seen']) =>
    context.out.progress(
      'verifying the whole ledger',
      verifyExport(client.exportLines({ authority: false }), {
        trust: trust ?? profile.broker,
        seen,
      }),
    );
  let report = await verified(profile.seen);
  let kept = profile;
  if (!report.ok) {
    // A restored database says so in its ledger: what was seen of the time it lost is no prefix of it.
    const { ok, gaps } = await verified([]);
    kept = withoutLostTime(profile, gaps);
    if (ok && kept.seen.length < profile.seen.length) report = await verified(kept.seen);
  }
  if (report.ok) await writeProfile(context.paths, withVerified(kept, report));
  return printReport(context, report);
};

async function* linesOfFile(file: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  } catch {
    throw usageFailure(`${file} cannot be read.`, 'countersign audit verify --offline FILE');
  }
}

function printReport(context: Context, report: VerifyReport): ExitStatus {
  const { finding } = report;
  if (finding !== null) {
    const message = `The ledger does not verify. ${finding.reason}`;
    const next = 'keep this export, stop the broker, and compare with an earlier export';
    const error = { code: 'verification_failed', message, next };
    context.out.result({ error, ...report }, [
      ...wrap(context.out.bold(`FAILED: ${clean(finding.reason)}`), WIDTH, '  '),
      ...(finding.index === null ? [] : [`  entry ${finding.index}`]),
      ...(finding.id === null ? [] : [`  id ${finding.id}`]),
      ...(finding.between === undefined
        ? []
        : [`  between entries ${finding.between.first} and ${finding.between.last}`]),
      `next: ${next}`,
    ]);
    return EXIT.unverified;
  }
  context.out.result(report, [
    `verified: ${report.entries} entries, ${report.statements} statements, every signature, every decision`,
    ...verifiedLines(report),
    ...report.gaps.flatMap((gap) => wrap(context.out.bold(gapLine(gap)), WIDTH, '  ')),
  ]);
  if (report.trusted === null) {
    context.out.note(
      'note: nothing was pinned, so this shows that the export is whole, not whose it is. Add --trust FINGERPRINT.',
    );
  }
  return EXIT.done;
}

function gapLine({ index, at, lost, database, replayed, accepted }: VerifyReport['gaps'][number]) {
  const what =
    lost === null
      ? `after entry ${database.size - 1} nobody knows what is lost`
      : `entries ${lost.first} to ${lost.last} are lost, but for ${replayed} statements among them, which were replayed`;
  const by = accepted === null ? '' : `; two humans accepted it in ${accepted}`;
  return `GAP: the database was restored ${at} (entry ${index}): ${what}${by}.`;
}

const restore: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const state = await ownAuthority(context, seat);
  const answer = await proposeSigned(
    context,
    seat,
    { kind: 'restore.accept', id: newStatementId(), body: { reason: given.need('reason') } },
    { state },
  );
  return settle(context, answer);
};

const exportLedger: Act = async (context, given) => {
  const { client } = await takeSeat(context);
  const lines = client.exportLines({ authority: false });
  const file = given.text('out');
  if (file === undefined) {
    for await (const line of lines) if (line !== '') context.out.verbatim(line);
    return EXIT.done;
  }
  let count = -1;
  const counted = async function* () {
    for await (const line of lines) {
      if (line === '') continue;
      count += 1;
      yield `${line}\n`;
    }
  };
  await context.out.progress('exporting', writeFile(file, counted(), { mode: 0o600 }));
  context.out.result({ file, entries: count }, [
    `${count} entries are in ${file}.`,
    `next: countersign audit verify --offline ${file} --trust FINGERPRINT`,
  ]);
  return EXIT.done;
};
