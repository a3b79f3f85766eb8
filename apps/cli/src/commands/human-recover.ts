/** A human who lost every key comes back: with their recovery code, another human, and three days. */
import { readAloud } from '@countersign/authority';
import { signingKeyOf } from '@countersign/client';
import { Ed25519Jwk } from '@countersign/contract';
import { connect } from '../context.ts';
import { unverified, usageFailure } from '../failure.ts';
import {
  newcomerResult,
  newDeviceKey,
  proposeAsNewcomer,
  recoveryLines,
  requireGenesis,
  requireUnused,
} from '../new-profile.ts';
import { askRecoveryCode } from '../prompts.ts';
import {
  isRecoveryCode,
  newRecoveryCode,
  recoveryCommitment,
  recoveryKeyOf,
} from '../recovery-code.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { draftAsAsked, newStatementId, standingLines, statusAfter } from '../statements.ts';
import { pinnedBroker } from './human-join.ts';

export function addHumanRecover(human: Registrar): void {
  verb(
    human,
    {
      usage: 'recover <name>',
      summary: 'Come back with your recovery code, on a machine without your key.',
      example: 'countersign human recover alice --profile new --reason "laptop stolen"',
    },
    recover,
  )
    .requiredOption('--reason <text>', 'your words, for the others and the ledger')
    .option('--broker <fingerprint>', "the broker's fingerprint, if you have it written down");
}

const recover: Act = async (context, given) => {
  const { paths, out } = context;
  await requireUnused(paths);
  const name = given.arg(0);
  const client = connect(context, null);
  const view = await client.call('broker', {});
  requireGenesis(view, true);
  const broker = pinnedBroker(given.text('broker'), view.broker ?? '');
  const code = await askRecoveryCode(context);
  if (!isRecoveryCode(code)) {
    throw usageFailure(
      'This is no recovery code: it has eight groups of four letters and digits.',
      'run the command again',
    );
  }
  const recoveryKey = recoveryKeyOf(code);
  const key = await newDeviceKey();
  const next = newRecoveryCode();
  const statement = await draftAsAsked(context, client, {
    request: {
      kind: 'recover',
      id: newStatementId(),
      body: {
        human: name,
        key: key.jwk,
        recovery_key: Ed25519Jwk.parse((await signingKeyOf(recoveryKey)).publicJwk),
        recovery: await recoveryCommitment(next),
        reason: given.need('reason'),
      },
    },
    broker,
  });
  if (statement.kind !== 'recover' || statement.body.fingerprint !== key.kid) {
    throw unverified('The draft names another key. Nothing was signed.', 'ask who runs the server');
  }
  out.show([
    out.bold(`Come back as ${name}, with a new key in place of all you had.`),
    `  broker  ${readAloud(broker)}`,
  ]);
  const newcomer = { client, issuer: view.issuer, broker, name, key };
  const answer = await proposeAsNewcomer(context, newcomer, { statement, another: recoveryKey });
  out.result(
    {
      ...newcomerResult(context, newcomer, { recovery: next, statement: answer }),
      fingerprint: readAloud(key.kid),
    },
    [
      ...standingLines(answer),
      '',
      "Your new key's fingerprint. Read this to another human, by voice or in person:",
      out.bold(`  ${readAloud(key.kid)}`),
      'Once they have signed, it takes effect after 72 hours, unless somebody vetoes it.',
      ...recoveryLines(context, next),
      'The code you have just used is spent as soon as this takes effect.',
    ],
  );
  return statusAfter(answer);
};
