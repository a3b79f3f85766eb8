/** Joining: a key is made here, shows that it is possessed, and counts once others have signed it in. */
import { readAloud } from '@countersign/authority';
import { Digest } from '@countersign/contract';
import { connect } from '../context.ts';
import { unverified, usageFailure, withNext } from '../failure.ts';
import {
  newcomerResult,
  newDeviceKey,
  proposeAsNewcomer,
  recoveryLines,
  requireGenesis,
  requireUnused,
} from '../new-profile.ts';
import { newRecoveryCode, recoveryCommitment } from '../recovery-code.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { draftAsAsked, newStatementId, standingLines, statusAfter } from '../statements.ts';

export function addHumanJoin(human: Registrar): void {
  verb(
    human,
    {
      usage: 'join <code>',
      summary: 'Join with an invitation code: makes your key and shows that you hold it.',
      example: 'countersign human join ABCD-EFGH --name bob --server http://localhost:8420',
    },
    join,
  )
    .requiredOption('--name <name>', 'the name you were invited by')
    .option('--broker <fingerprint>', "the broker's fingerprint, from your invitation");
}

const join: Act = async (context, given) => {
  const { paths, out } = context;
  await requireUnused(paths);
  const name = given.need('name');
  const code = given.arg(0);
  const client = connect(context, null);
  const view = await client.call('broker', {});
  requireGenesis(view, true);
  const broker = pinnedBroker(given.text('broker'), view.broker ?? '');
  const key = await newDeviceKey();
  const recovery = newRecoveryCode();
  const statement = await withNext(
    draftAsAsked(context, client, {
      request: {
        kind: 'human.enroll',
        id: newStatementId(),
        body: { name, key: key.jwk, recovery: await recoveryCommitment(recovery) },
        code,
      },
      broker,
    }),
    ({ code: refused }) =>
      refused === 'forbidden' ? 'ask for a new code: countersign human invite NAME' : null,
  );
  if (statement.kind !== 'human.enroll' || statement.body.fingerprint !== key.kid) {
    throw unverified(
      'The draft enrols another key. Nothing was signed.',
      'ask for a new invitation',
    );
  }
  const { roles, groups } = statement.body;
  out.show([
    out.bold(`Join as ${name}: ${[...roles, ...groups].join(', ')}.`),
    `  broker  ${readAloud(broker)}`,
  ]);
  const newcomer = { client, issuer: view.issuer, broker, name, key };
  const answer = await proposeAsNewcomer(context, newcomer, { statement, code });
  out.result(
    {
      ...newcomerResult(context, newcomer, { recovery, statement: answer }),
      human: statement.id,
      fingerprint: readAloud(key.kid),
    },
    [
      ...standingLines(answer),
      '',
      "Your key's fingerprint. Read this to whoever invited you, by voice or in person:",
      out.bold(`  ${readAloud(key.kid)}`),
      ...recoveryLines(context, recovery),
      '',
      'next: once you are signed in by others: countersign pending',
    ],
  );
  return statusAfter(answer);
};

/** What to pin: the fingerprint of the invitation, which must be the one this server shows. */
export function pinnedBroker(invited: string | undefined, shown: string): string {
  if (invited === undefined) return shown;
  const fingerprint = invited.replace(/\s/g, '');
  if (!Digest.safeParse(fingerprint).success) {
    throw usageFailure('--broker is a fingerprint of 43 characters.', '--broker FINGERPRINT');
  }
  if (fingerprint !== shown) {
    throw unverified(
      'This server is not the broker you were invited to. Nothing was sent.',
      'check --server with whoever invited you',
    );
  }
  return fingerprint;
}
