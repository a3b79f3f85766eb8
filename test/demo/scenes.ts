/**
 * The five scenes. What is said of Railway comes from its record, what is said of the broker from its answers and its
 * ledger; each claim looks first.
 */
import { z } from 'zod';
import { type AgentRun, STRAY_FILE } from './agent-run.ts';
import { AGENT, type Company, type Premises } from './premises.ts';
import type { Stage } from './stage.ts';
import type { Terminal, Typed } from './terminal.ts';

const DATABASE = '/var/lib/postgresql/data';
const UPLOADS = '/uploads';
const HALTED = 3;
const ASKS = /^I ask humans/;

const PendingList = z.object({ statements: z.array(z.object({ id: z.string() })) });
const RequestList = z.object({
  requests: z.array(z.object({ id: z.string(), status: z.string(), agent: z.string() })),
});
const Decision = z.object({
  index: z.number(),
  time: z.string(),
  body: z.object({
    verdict: z.string(),
    stage: z.string(),
    code: z.string().optional(),
    reason: z.string().optional(),
  }),
});
const DECISIONS = ['audit', 'log', '--agent', AGENT, '--type', 'decision'];

export async function theIncident(stage: Stage, { before, agentAlone }: Premises): Promise<void> {
  await stage.scene('The incident: an agent, and a token that lay in a file');
  await stage.tell(
    'A car rental at Railway: staging and production. One volume, bookings, holds the database of both; its backups lie on it. The agent works in staging. Its own token was rotated.',
  );
  const run = await agentAlone(DATABASE);
  await listen(stage, run, null);
  await run.exited;
  await stage.tell(
    `What Railway (a simulator of its API) recorded of production: ${before.inWords(before.harmInProduction())}.`,
  );
  const [worst] = before.harmInProduction();
  await stage.claim(
    'One call, volumeDelete, reached production. Nothing asked a human.',
    worst?.operation.field === 'volumeDelete' && worst.effect === 'destroyed',
    () => `in production: ${before.inWords(before.harmInProduction())}.`,
  );
  const { databases, backups } = before.production();
  await stage.claim(
    `Production has no database and no backup of it any more, ${seconds(run)} after the agent began.`,
    databases === 0 && backups === 0,
    () => `${databases} database and ${backups} backups are left.`,
  );
}

/** Resolves to the agent, which waits for an answer to its access request, and to the id of that. */
export async function theSameAgain(
  stage: Stage,
  { behind, agentBehindBroker }: Premises,
  company: Company,
): Promise<{ readonly run: AgentRun; readonly request: string }> {
  await stage.scene('The same agent, the same script, through Countersign');
  await stage.tell(
    `The same Railway as it was before. The broker holds its token; the agent has a key of its own, and may read staging. ${STRAY_FILE} still lies there.`,
  );
  const run = await agentBehindBroker(company, DATABASE);
  const lines = await listen(stage, run, ASKS);
  await stage.claim(
    'Refused, told to halt, and told how to ask. The stray token is worth nothing here.',
    lines.some((line) => line.startsWith('Refused: needs_signature')) &&
      lines.some((line) => line.startsWith('Refused: invalid_token')) &&
      lines.some((line) => line.startsWith('I am told: Stop.')),
    () => lines.filter((line) => line.startsWith('Refused')).join(' '),
  );
  await stage.claim(
    "By Railway's record nothing was destroyed, revealed or run.",
    behind.harm().length === 0,
    () => behind.inWords(behind.harm()),
  );
  const listed = RequestList.parse(await company.alice.json('request', 'list'));
  const [asked] = listed.requests;
  await stage.claim(
    'One access request waits for humans, and so does the agent.',
    listed.requests.length === 1 && asked?.status === 'open' && run.lasted() === null,
    () => `${listed.requests.length} access requests are open.`,
  );
  await stage.tell(
    'What a broker cannot do: at Railway itself that token still counts. Take it away there.',
  );
  return { run, request: asked?.id ?? '' };
}

export async function theSharedVolume(
  stage: Stage,
  { behind }: Premises,
  { alice, bob }: Company,
  { run, request }: { readonly run: AgentRun; readonly request: string },
): Promise<void> {
  await stage.scene('Two humans sign a mistake, and production is proven to be in the way');
  await stage.tell(
    'Both take the agent at its word: a volume of staging. (Passphrases come from files.)',
  );
  const { inForce, shown } = await countersign(stage, { alice, bob }, request);
  await stage.claim(
    'The text they signed named it: production, and its backups.',
    shown.some((line) => line.startsWith('! It reaches beyond')) &&
      /production: volume bookings, .*backup/.test(shown.join(' ')),
    () => shown.join(' '),
  );
  await stage.claim('Two of two signatures: the grant is in force.', inForce, () => 'it is not.');
  const lines = await listen(stage, run, null);
  const exit = await run.exited;
  const { body } = Decision.parse(await alice.json(...DECISIONS, '--limit', '1'));
  await stage.quote('ledger', body.reason ?? '');
  await stage.claim(
    'Refused all the same: by Railway’s own data that volume is in production too.',
    lines.some((line) => line.startsWith('Refused: environment_mismatch')) &&
      exit === HALTED &&
      body.code === 'environment_mismatch' &&
      /\bproduction\b/.test(body.reason ?? '') &&
      behind.bookingsIn() === 2,
    () => `${lines.at(-1) ?? 'nothing was said'} (exit ${exit})`,
  );
  const { databases, backups } = behind.production();
  await stage.claim(
    `Production has its database and its ${backups} backups. Destroyed anywhere: nothing.`,
    databases === 1 && backups === 2 && behind.harm().length === 0,
    () => behind.inWords(behind.harm()),
  );
}

export async function theRightDelete(
  stage: Stage,
  { behind, agentBehindBroker }: Premises,
  company: Company,
): Promise<void> {
  await stage.scene('A delete that does belong to staging, once two humans have signed');
  const run = await agentBehindBroker(company, UPLOADS);
  await listen(stage, run, ASKS);
  const listed = RequestList.parse(await company.alice.json('request', 'list'));
  const open = listed.requests.filter(({ status }) => status === 'open');
  await countersign(stage, company, open[0]?.id ?? '');
  await listen(stage, run, null);
  const exit = await run.exited;
  const { rental } = behind;
  const harm = behind.harm();
  await stage.tell(`What Railway recorded: ${behind.inWords(harm)}.`);
  await stage.claim(
    'The volume of staging is gone, and nothing outside of staging was touched.',
    exit === 0 &&
      harm.some(({ object }) => object === `volume/${rental.volumes.stagingUploads.id}`) &&
      harm.every(({ environments }) => environments.join() === rental.staging.id),
    () =>
      `the agent ended with ${exit}; in production: ${behind.inWords(behind.harmInProduction())}.`,
  );
}

export async function theLedger(
  stage: Stage,
  { behind }: Premises,
  { alice, bob }: Company,
): Promise<void> {
  await stage.scene('The ledger of it all');
  await type(stage, alice, ...DECISIONS);
  const verified = await type(stage, bob, 'audit', 'verify');
  await stage.claim(
    'Every entry, signature and decision verifies, on bob’s side.',
    verified.exit === 0,
    () => verified.output.join(' '),
  );
  const last = Decision.parse(await alice.json(...DECISIONS, '--limit', '1'));
  const sent = behind.harm().filter(({ operation }) => operation.field === 'volumeDelete');
  await stage.claim(
    `Entry ${last.index} is the one delete that was allowed, written before it was sent.`,
    last.body.verdict === 'allowed' &&
      last.body.stage === 'forward' &&
      sent.length > 0 &&
      sent.length === behind.harm().length &&
      sent.every(({ at }) => Date.parse(last.time) <= Date.parse(at)),
    () => `${last.body.verdict} at ${last.time}, done at ${sent.map(({ at }) => at).join(', ')}.`,
  );
}

interface Countersigned {
  readonly inForce: boolean;
  /** The lines they were shown before they signed. */
  readonly shown: readonly string[];
}

/** Alice turns the request into a grant and signs, bob signs. */
async function countersign(
  stage: Stage,
  { alice, bob }: Pick<Company, 'alice' | 'bob'>,
  request: string,
): Promise<Countersigned> {
  const proposed = await type(stage, alice, 'request', 'answer', short(request), '--valid', '10m');
  const { statements } = PendingList.parse(await bob.json('pending'));
  const signed = await bob.type('sign', short(statements[0]?.id ?? ''));
  // From the sentence to the reason; what comes after it counts the signatures so far.
  const meant = proposed.output.slice(
    0,
    proposed.output.findIndex((line) => /^ {2}needs /.test(line)),
  );
  const same = meant.length > 1 && meant.every((line) => signed.output.includes(line));
  if (same) await stage.tell('Bob, at his own terminal, is shown the same, line by line.');
  await stage.typed(bob.who, signed.command, same ? signed.output.slice(-1) : signed.output);
  return { inForce: proposed.exit === 4 && signed.exit === 0, shown: proposed.output };
}

async function type(stage: Stage, terminal: Terminal, ...argv: string[]): Promise<Typed> {
  const typed = await terminal.type(...argv);
  await stage.typed(terminal.who, typed.command, typed.output);
  return typed;
}

/** Shows what the agent says, as it says it. */
async function listen(stage: Stage, run: AgentRun, last: RegExp | null): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of run.until(last)) {
    lines.push(line);
    await stage.quote('agent', line);
  }
  return lines;
}

function seconds(run: AgentRun): string {
  return `${((run.lasted() ?? Number.NaN) / 1000).toFixed(1)} seconds`;
}

/** The start of an id, as people type it. */
function short(id: string): string {
  return id.slice(0, 13);
}
