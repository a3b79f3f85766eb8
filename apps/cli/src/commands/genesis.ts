/** The first human: with the code the server printed, the ceremony every later signature rests on. */
import { emptyState, encodeStatement, readAloud } from '@countersign/authority';
import { signingKeyOf } from '@countersign/client';
import { connect } from '../context.ts';
import { unverified, withNext } from '../failure.ts';
import {
  newcomerResult,
  newDeviceKey,
  proposeAsNewcomer,
  recoveryLines,
  requireGenesis,
  requireUnused,
} from '../new-profile.ts';
import { readProfile } from '../profile.ts';
import { newRecoveryCode, recoveryCommitment } from '../recovery-code.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { openSession } from '../session.ts';
import { descriptionLines, draftAsAsked, newStatementId, statusAfter } from '../statements.ts';

export function addGenesis(program: Registrar): void {
  verb(
    program,
    {
      usage: 'genesis',
      summary: 'Become the first human of a new broker: admin and approver.',
      example: 'countersign genesis --name alice --code ABCD-EFGH',
    },
    genesis,
  )
    .requiredOption('--name <name>', 'what you are called here')
    .requiredOption('--code <code>', 'the genesis code that the server printed at its start');
}

const genesis: Act = async (context, given) => {
  const { paths, out } = context;
  await requireUnused(paths);
  const stranger = connect(context, null);
  const view = await stranger.call('broker', {});
  requireGenesis(view, false);
  const name = given.need('name');
  const code = given.need('code');
  const key = await newDeviceKey();
  const recovery = newRecoveryCode();
  const statement = await withNext(
    draftAsAsked(context, stranger, {
      request: {
        kind: 'genesis',
        id: newStatementId(),
        body: { name, key: key.jwk, recovery: await recoveryCommitment(recovery) },
        code,
      },
      broker: null,
    }),
    ({ code: refused }) =>
      refused === 'forbidden' ? 'read the code that the server printed at its latest start' : null,
  );
  if (statement.kind !== 'genesis' || statement.body.ledger_key.x !== view.ledger_key.x) {
    throw unverified(
      'The draft names another ledger key than the broker showed. Nothing was signed.',
      'countersign genesis, on the machine that runs the server',
    );
  }
  const broker = encodeStatement(statement).digest;
  out.show(descriptionLines(context, emptyState(), statement));
  const newcomer = { client: stranger, issuer: view.issuer, broker, name, key };
  const answer = await proposeAsNewcomer(context, newcomer, { statement, code });
  const profile = await readProfile(paths);
  if (profile !== null) {
    const device = await signingKeyOf(key.secret);
    await openSession(context, profile, connect(context, profile), device).catch(() =>
      out.note('note: signing in did not work yet; the next command asks for the passphrase.'),
    );
  }
  out.result(
    {
      ...newcomerResult(context, newcomer, { recovery, statement: answer }),
      human: statement.id,
    },
    [
      '',
      `${name} is the first human of this broker (profile ${paths.name}).`,
      'Its fingerprint, which every signature names:',
      `  ${readAloud(broker)}`,
      ...recoveryLines(context, recovery),
      '',
      'next: countersign human invite NAME --role approver',
    ],
  );
  return statusAfter(answer);
};
