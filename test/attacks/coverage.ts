/** Every attack that Countersign is meant to withstand, by a short name, and where it is tried. */

type Covered =
  | { readonly file: string; readonly titles: readonly string[] }
  /** Why it cannot be tried yet. */
  | { readonly not: string };

const at =
  (file: string) =>
  (...titles: readonly [string, ...string[]]): Covered => ({ file, titles });

const approval = at('test/attacks/approval.test.ts');
const owner = at('test/attacks/database-owner.test.ts');
const mirror = at('test/attacks/mirror-tricks.test.ts');
const rows = at('test/attacks/database-owner/edits-rows.ts');
const ledger = at('test/attacks/database-owner/edits-ledger.ts');
const database = at('test/attacks/database.test.ts');
const tokens = at('test/attacks/tokens.test.ts');
const oauth = at('test/conformance/oauth-negative.test.ts');
const secrets = at('test/attacks/client-secrets.test.ts');
const sideDoor = at('test/attacks/side-door.test.ts');
const leases = at('test/attacks/leases.test.ts');
const load = at('test/attacks/load.test.ts');
const found = at('test/attacks/secrets.test.ts');
const doors = at('packages/authority/test/side-doors.test.ts');
const http = at('test/attacks/gateway-http.test.ts');
const gateway = at('packages/broker/test/forward.test.ts');
const described = at('test/e2e/described-api.test.ts');
const readings = at('packages/providers/http/test/side-readings.test.ts');
const upstream = at('packages/provider-kit/test/open-upstream.test.ts');
const postgres = (file: string) => at(`packages/providers/postgres/test/${file}.test.ts`);
const faults = (file: string) => at(`test/faults/${file}.test.ts`);

const NO_FEDERATION: Covered = { not: 'Federated identities are refused wherever one is set.' };
const NO_DELEGATION: Covered = {
  not: 'Tokens are not delegated yet: an exchange gives credentials only.',
};
const NO_PASSKEYS: Covered = { not: 'Passkeys are refused: assertions are an empty list for now.' };

export const COVERED: Readonly<Record<string, Readonly<Record<string, Covered>>>> = {
  approval: {
    'quorum of nothing, less, one, text, a billion': approval('quorum of %j in a rule'),
    'two keys of one human': approval('a second key of the same human'),
    'one key under two names': approval('one key under two names'),
    'the proposer twice': approval(
      'a second signature by the same human',
      'the proposer signs twice inside one envelope',
    ),
    'a passkey beside a device key': NO_PASSKEYS,
    'a human enrolled by one alone': approval('a human invited and enrolled by one person alone'),
    'a signature moved': approval('a signature moved to another statement'),
    'a payload altered': approval('a payload altered after it was signed'),
    'another deployment': approval('a statement made for another deployment'),
    'replayed after rejection, revocation, expiry': approval(
      'a statement played again after it was rejected',
      'a statement played again after its grant was revoked',
      'a statement signed after its time',
    ),
    'keys twice, numbers and Unicode that are not canonical': approval(
      "['duplicate keys',",
      "['another number form',",
      "['a byte order mark',",
    ),
    'an agent signs, approves, enrols, invites': approval(
      "an agent's token used to sign, to invite and to draft",
      "an agent's key signs a statement",
    ),
    'break-glass and admin paths': at('test/attacks/bad-input.test.ts')(
      'the running broker describes every route, and nothing else',
    ),
    'proposer or countersigner removed before use': approval(
      'a countersigner removed between signing and use',
      'a proposer removed between signing and use',
    ),
    'a policy that its owner widens': at('test/attacks/guardrails.test.ts')(
      'hollows one of another out, under its name',
    ),
    'a rejected request leaves something': approval('a request rejected after it was answered'),
  },
  'database edited by hand': {
    'an effect': ledger('a delete described as a write', 'a catalog in which deleting is reading'),
    'a status': rows('a lease that was given back, made active'),
    'a quorum': ledger('a quorum of one', 'a quorum of none'),
    'a role': ledger('a role added to a human'),
    'a grant': ledger('an entry for a grant nobody signed'),
    'a key': ledger("the thief's key as an approver's"),
    'a signature': ledger("another grant's signature laid on the half-signed one"),
    'keys of two agents': ledger('the keys of two agents swapped'),
    'a use counter': rows('a use counter lowered', 'a use counter deleted'),
    'entries deleted, reordered, truncated': ledger(
      'the first entry deleted',
      "two statements in each other's place",
      'every entry deleted',
    ),
    'an entry that is looked up': at('test/attacks/forged-entries.test.ts')(
      'a dry run written by hand: no proposal rests on it',
      'the mark of a migration hidden (%s): its commit is not signed as rolled back',
    ),
    'an entry that is looked up after a crash': at('test/attacks/schema-changes-crash.test.ts')(
      'the same, and the mark is %s by hand: it is not said to be rolled back',
    ),
    "last week's backup": owner('an earlier day'),
    'a backup made to look level with its mirror': mirror(
      'leaf hashes written over those of another history do not make it level',
      'strangers make no ledger grow that halts',
    ),
    'an acceptance of two humans used twice': mirror(
      'is not accepted again by itself, for another restored copy',
    ),
    'an old checkpoint in the place of a newer one': mirror(
      'an old checkpoint under the name of a newer one brings no single use back',
    ),
    'a line of the mirror that nobody signed': mirror(
      'a line %i that nobody signed is none, and an honest restore stays automatic',
    ),
    'a mirror written over': mirror(
      'the name of the line written over: what it holds is replayed all the same',
      'all of it written over is no empty mirror',
    ),
    'a pipe, a link, a terabyte in the mirror': at('test/conformance/mirrors.test.ts')(
      'takes %s for no object, and waits for nobody',
      'reads no more of an object than any of ours has',
    ),
    'two servers on two copies': mirror(
      'a use and a revocation at one stop the other, and an honest server goes on',
    ),
    'a rollback behind a gap': mirror('is noticed by whoever verified since'),
    'a snapshot of authority': at('test/attacks/snapshot.test.ts')(
      "another deployment's, with a grant that nobody signed here",
      'put back from before a revocation: the revocation holds',
    ),
    'truncation, caught by a checkpoint held elsewhere': database(
      'a revocation deleted: the grant does not come back',
    ),
  },
  tokens: {
    'alg none': oauth('with the algorithm taken away'),
    'HS256 under the public key': oauth('under HS256 with the public key'),
    crit: tokens("['crit', { crit: ['exp'] }]"),
    'a key brought along or pointed at': oauth(
      'that brings its key along',
      'that says where its key is',
      'with an x5u',
    ),
    'a kid with a path': oauth('../../../../dev/null'),
    'another typ': oauth('that is a DPoP proof', 'with the typ of an ID token'),
    'another audience or issuer': oauth('for this broker among others', 'without an issuer'),
    'not before tomorrow': oauth('not before tomorrow'),
    'edges of the clock': at('packages/tokens/test/access-token.test.ts')(
      'a replica whose clock is ten seconds behind accepts, eleven refuses',
    ),
    'a token of 1 MB': tokens('a token of 1 MB'),
    'a claim twice': at('packages/tokens/test/client-assertion.test.ts')('a duplicate claim'),
    'an assertion replayed': tokens('played twice'),
    'an assertion for another broker': tokens('for another broker'),
    'an assertion of a year': tokens('with a life of a year'),
    'a proof replayed': tokens('a proof played twice'),
    'a proof for another request': tokens('a proof for another method or another URL'),
    'a proof without ath': tokens('a proof without ath at a protected resource'),
    'a proof with a private key': oauth('with a private key in jwk'),
    'a proof by another key': oauth('made by another key for a token bound to this one'),
    'an exchange that widens': tokens('an exchange that widens'),
    'an exchange that drops the subject': tokens(
      "the client authenticates as somebody who is not the token's subject",
    ),
    'a token that outlives its parent': NO_DELEGATION,
    'a loop in the chain of actors': NO_DELEGATION,
    'renewed after the agent is gone': tokens('an agent disabled after its token was minted'),
    'renewed after the grant is gone': tokens('a grant revoked after its token was minted'),
    'renewed after the issuer is gone': NO_FEDERATION,
    'the right subject of another issuer': NO_FEDERATION,
    'subjects like patterns and prefixes': NO_FEDERATION,
    'secrets compared as they are': at('packages/tokens/test/client-secret.test.ts')(
      'with any one bit flipped is none',
    ),
    'who exists, told by time': secrets('of nobody and a wrong one of somebody get the same words'),
    'a parameter twice, or in query and body': tokens(
      'two parameters of one name, and one in the query',
    ),
  },
  classification: {
    'a verb beside a parameter': readings('what is done stands beside what it is done to'),
    'a value that is harmless as text alone': at('packages/providers/http/test/requests.test.ts')(
      'a value that makes it do more makes it another operation too',
    ),
    'GraphQL that hides what it does': at('packages/providers/railway/test/attacks.test.ts')(
      'several operations without a name',
      'in nested fragments',
      'not included',
      'by a default',
      'a name twice, once escaped',
      'a byte order mark',
      'UTF-16',
      'fragments that double',
      'a volume by isDeleted',
      'is judged by what it holds, and sent as that, whatever is staged by then',
      'a null environment of a volume',
    ),
    'HTTP with two readings': http(
      'a path traversal, escaped',
      'a path, escaped twice',
      'a parameter in the path',
      'a trailing slash',
      'another letter case',
      'method override',
      'the content type twice',
      'a bomb',
      'an Upgrade',
      'both framings',
      'a trailer',
      'CRLF in a header',
      'an absolute target',
      'a body over the limit',
      'another Host than the one meant',
      '100-continue is answered',
    ),
    'a request that hides a delete behind a read': gateway(
      'that hides a delete behind a read',
      'that two humans must sign',
    ),
    "a thief with the agent's proof": http(
      'plays a request again',
      'puts another body under a proof',
    ),
    "the agent's own bearer forwarded upstream": http('own bearer forwarded upstream'),
    'a redirect followed with the credential': http('in a redirect, which is not followed'),
    'a base URL of their own': http('has the credential sent to %s'),
    'a credential sent in clear, or to whom nobody vouches for': upstream(
      'in clear to another machine',
      'is a certificate that nobody vouches for, whatever the environment says',
    ),
    'a credential echoed by the provider': http(
      'in a body, cut in two wherever the network likes',
      'in a header, and in an error',
      'in a challenge, so that an agent looks for a better one',
    ),
    'an answer that outlives its authority': http('a freeze cuts the stream'),
  },
  environment: {
    'an id said twice in a body, or by some of its parts': readings(
      'an environment that is read out of a body is all that the body says',
    ),
    'a name that means another thing elsewhere': readings(
      'the broker asks about the very object that is acted on',
    ),
    'objects that are in two environments, in another, unknown, or not told of': gateway(
      'in two environments',
      'in another environment',
      'that the provider does not know',
      'that the provider says nothing of',
    ),
    'an object moved between its proof and its use': at(
      'packages/broker/test/forward-proof.test.ts',
    )('what moved before it was held is judged by where it is then'),
    'one database under two names': sideDoor(
      'one database a second time, by another name for its host',
    ),
  },
  'native credentials': {
    'names that are quoted, Unicode, too long, SQL': postgres('resource')(
      'law: what is formatted is parsed back, equal only to itself',
      'law: quoting for SQL never ends before its quote does',
    ),
    'an agent disabled, its lease lives on': leases('its agent is disabled'),
    'a crash between steps': faults('crash-table')('what the crashes left is gone'),
    'a database that cannot be reached': faults('leases-at-once')(
      'keeps its leases listed with their trouble',
    ),
    'a table dropped': leases('a table dropped, and its lease revoked'),
    'a schema renamed': leases('a schema renamed under a live lease'),
    'ten thousand leases end at once': faults('leases-at-once')('leases that end at once'),
    'revoked twice': leases('given back twice'),
    'revoked in a transaction': leases('revoked while its session is in a transaction'),
    'a session that outlives its lease': postgres('revoke')('of a lease whose session %s'),
    'everything revoked at a restart': at('test/e2e/replicas.test.ts')(
      'loses nothing that was acknowledged',
    ),
    'a connection removed with live leases': at('test/e2e/connection-removal.test.ts')(
      'its target answers: the session is cut, then the credential is destroyed, once',
    ),
    'what a session makes for itself is left': postgres('revoke')(
      'hands large objects over instead of destroying them',
    ),
    'functions that run as their owner': at('test/attacks/escapes.test.ts')(
      'a SECURITY DEFINER function that PUBLIC may execute suspends a lease that may only select',
    ),
    'catalogs that fill with roles': postgres('group-role')(
      'is made once, and shared by every lease of the same right',
    ),
  },
  'power by the side door': {
    "an endpoint of one's own": sideDoor('a connection pointed at a host of their own'),
    'a delete described as a read': doors('mallory adopts an older catalog, which said less'),
    'a production id mapped into staging': sideDoor(
      'one admin alone maps an id outside production',
    ),
    "a built-in provider's hosts as something generic": described(
      'of a host that is judged completely is refused',
    ),
    'a description changed after it was signed for': at(
      'packages/authority/test/described.test.ts',
    )(
      'is suspended when the API is described anew: its operations may mean something else',
      'replaces another one with two signatures, however strict it is',
    ),
    'a description that counts unsigned': described(
      'counts for nothing until two have signed, since a PATCH is called a write',
    ),
    'a path that a router takes for another': at(
      'packages/providers/http/test/routing.property.test.ts',
    )('a router is sent nothing that it takes for another operation'),
    'a description whose questions do something': readings(
      'a description that one admin may adopt can only look',
    ),
    'a secret in passing, in what ships': at('packages/providers/http/test/shipped.test.ts')(
      'what shows a secret, or does more than it is called, takes a second human',
    ),
    'a description file that is hostile': at('apps/cli/test/catalog-file.test.ts')(
      'a hostile file',
    ),
    'a rule loosened, then used': doors(
      'a half-signed change is not completed against another rule than its signer saw',
    ),
    'a group entered that a rule names': sideDoor('joining a group that a rule names'),
    'the other frozen, then recovered as': doors(
      'mallory freezes carol and recovers as her, without the code',
    ),
    'removing oneself opens enrolment': sideDoor(
      'someone removes themself so that sole enrolment opens again',
    ),
    'removed, enrolled again, old signatures': at('packages/authority/test/standing.test.ts')(
      're-enrolled under a new name and key, an old signature does not count again',
    ),
    'an invitation intercepted by an agent': sideDoor(
      'an intercepted invitation joined by an agent',
    ),
    'a program in an open session': approval(
      'a session alone, without a key: it proposes and signs nothing',
    ),
    'a stolen secret with its own key': secrets(
      'a stolen secret that brings its own DPoP key to a delete-capable grant',
    ),
    'a pushable CI identity with its own key': NO_FEDERATION,
    'a countersigned token handed to another agent': sideDoor(
      'a countersigned token in the hands of another agent',
    ),
    'an older catalog, a downgrade, a rolling upgrade': at(
      'packages/authority/test/adoption.test.ts',
    )('a superseded catalog counts no more, also when an old replica records it again'),
    'a clock set forward or back': faults('replicas')('denies beyond five seconds, either way'),
    'a replica that forwards a minute later': faults('replicas')(
      'after its commit: it starts nothing late',
    ),
    "a provider's rate limit spent": gateway(
      'has the provider asked no more often than its budget',
    ),
    'a ledger filled with denials': load('forty denials of one kind'),
    'a table renamed under a group role': postgres('group-role')(
      'of last week does not reach the table that has its name today',
    ),
    'a missing key made anew': at('apps/server/test/broken-config.test.ts')(
      'COUNTERSIGN_KEK_FILE .*missing',
    ),
    'TLS that verifies nothing': postgres('connection')(
      'verifies the certificate and the name, or does not connect',
    ),
    'a server that wants the password in clear': postgres('guard')(
      'a server that asks for something else than a SCRAM proof gets nothing',
    ),
  },
  secrets: {
    'in logs': found('are in no log of the server'),
    'in errors': found('are in no answer but the one that hands them out'),
    'in metrics': found('are in no metric'),
    'in traces': { not: 'No traces are written: there is no OTLP exporter yet.' },
    'in labels of a heap snapshot': found(
      'are not to be had through a debugger that a signal opens',
    ),
    'in the ledger and its exports': found('are not in the ledger'),
    'in HTTP caches': at('packages/http/test/answers.test.ts')('no-store'),
    'in arguments and environments': found('are in no argument of any process'),
    'in the database outside sealed columns': found('are in no table of the database'),
    'policy in an error': at('test/attacks/guardrails.test.ts')(
      'is not told to the agent it stops',
    ),
  },
  'load and faults': {
    'kill -9 at every step': faults('crash-table')('%s'),
    'a database stopped, out of connections, full, slow': faults('database-away')(
      'out of connections',
      'its disk full',
      'so slow that nothing is decided in time',
    ),
    'a database failed over': faults('database-away')('failed over'),
    'a clock moved': faults('replicas')('a server whose clock differs'),
    'two replicas at one use': at('test/e2e/replicas.test.ts')(
      'one use of a single-use grant, for 64 clients through the balancer',
    ),
    'slow readers and writers': at('test/attacks/bad-framing.test.ts')(
      'senders who take their time',
    ),
    'ten thousand idle connections': {
      not: 'How many sockets a machine gives one process is its own limit; slow and idle senders are cut off.',
    },
  },
};
