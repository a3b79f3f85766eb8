/** `doctor`: what the present configuration leaves open, in words, each with what closes it. */
import { counted } from '@countersign/authority';
import { ProblemError } from '@countersign/client';
import { type Finding, findingWords, inOrder } from '@countersign/contract';
import type { Context } from '../context.ts';
import { examineProfile } from '../examine-profile.ts';
import { EXIT } from '../exit-status.ts';
import { readProfile } from '../profile.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { clean, WIDTH, wrap } from '../text.ts';

export function addDoctor(program: Registrar): void {
  verb(
    program,
    {
      usage: 'doctor',
      summary: 'What is open here, in words, and what closes it; exit 1 when something is.',
      example: 'countersign doctor',
    },
    doctor,
  ).option('--local', 'ask no server: this machine and this account alone');
}

const doctor: Act = async (context, given) => {
  const { examineHostHere } = await import('@countersign/server');
  const account = await examineProfile(context);
  const host = await examineHostHere(context.env);
  const server = given.flag('local') ? null : await askServer(context);
  const findings = inOrder([...(server ?? []), ...(host ?? []), ...account]);
  const looked = { server: server !== null, host: host !== null, account: true };
  if (!looked.server) context.out.note('note: no server was asked.');
  if (!looked.host) {
    context.out.note('note: no server has its database or its environment here.');
  }
  context.out.result(
    {
      looked,
      findings: findings.map((finding) => ({ ...finding, ...findingWords(finding) })),
    },
    findings.length === 0
      ? ['Nothing is open.']
      : [
          `${counted(findings.length, 'thing')} ${findings.length === 1 ? 'is' : 'are'} open:`,
          ...findings.flatMap((finding) => ['', ...linesOf(context, finding)]),
        ],
  );
  return findings.length === 0 ? EXIT.done : EXIT.failed;
};

/**
 * Null where this account has no profile and no server was named, or where its human may not ask. Throws where the
 * server does not answer.
 */
async function askServer(context: Context): Promise<readonly Finding[] | null> {
  const isNamed = context.serverOption !== null;
  if (!isNamed && (await readProfile(context.paths)) === null) return null;
  const { client } = await takeSeat(context);
  try {
    const { findings } = await context.out.progress('looking', client.call('doctor', {}));
    return findings;
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'forbidden') throw error;
    context.out.note(`note: ${error.message}`);
    return null;
  }
}

function linesOf({ out }: Context, finding: Finding): string[] {
  const { what, close } = findingWords(finding);
  return [
    out.bold(finding.id),
    ...wrap(`  ${clean(what)}`, WIDTH, '  '),
    ...wrap(`  close: ${clean(close)}`, WIDTH, '    '),
  ];
}
