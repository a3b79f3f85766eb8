/**
 * What an operation can do at worst, guessed from its method and its words, on the safe side: a proposal for whoever
 * reviews it, never a class by itself.
 */
import { type Effect, worse } from '@countersign/core';

interface Subject {
  readonly method: string;
  readonly path: string;
  readonly name: string;
  readonly summary: string;
}

interface Proposal {
  readonly effect: Effect;
  readonly reason: string;
}

/** Words by which an operation says more than its method; the first that is found is the reason. */
const WORDS: readonly (readonly [Effect, RegExp])[] = [
  [
    'escalate',
    /\b(?:api[ _-]?keys?|access[ _-]?tokens?|credentials?|deploy[ _-]?keys?|ssh[ _-]?(?:signing[ _-]?)?keys?|gpg[ _-]?keys?|keys?|tokens?|secrets?|passwords?|roles?|permissions?|collaborators?|members?|memberships?|invitations?|invites?|hooks?|webhooks?|oidc|saml|sso|scim|oauth|grants?|polic(?:y|ies)|rulesets?|protection|bypass|runners?|jitconfig|authorizations?|accounts?|users?|teams?|visibility|owners?|ownership|admins?|impersonate|assume|elevate|sudo|certificates?|passkeys?|mfa|totp|sessions?|log[ _-]?in|sign[ _-]?in|rotate|regenerate|shares?|publish)\b/i,
  ],
  [
    'delete',
    /\b(?:deletes?|deleted|destroy|removes?|purge|reset|revoke|revert|restore|rollback|transfer|merges?|archives?|unarchive|rename|replace|set|clear|wipe|drop|truncate|cancel|void|stop|kill|terminate|shutdown|suspend|disable|dismiss|lock|close|expire|expiry|retention|limit|detach|disconnect|unlink|unassign|unstack|uninstall|move|overwrite|promote|swap|refunds?|payouts?|force|erase|flush|empty|prune|trash|discard|abort|reject|deactivate|evict|eject|drain|decommission|deprovision|unpublish|pause|hide|clean|cleanup|forget|ban|block|downgrade|migrate|recreate|resize|scale)\b/i,
  ],
  [
    'execute',
    /\b(?:runs?|rerun|execute|exec|dispatch|dispatches|invoke|trigger|query|sql|script|deploy|deployments?|builds?|commands?|start|restart|rerequest|approve|workflows?|functions?|machines?|dynos?|apply|eval|evaluate|shell|ssh|install|upgrade|resume|launch|boot|reboot)\b/i,
  ],
];

const SECRET =
  /\b(?:secrets?|credentials?|passwords?|api[ _-]?keys?|access[ _-]?tokens?|tokens?|private[ _-]?keys?|jitconfig|config[ _-]?vars?|env(?:ironment)?[ _-]?var(?:iable)?s?|connection[ _-]?(?:uri|string)s?|recovery[ _-]?codes?|backup[ _-]?codes?|auth(?:orization)?[ _-]?codes?|passphrases?|kube[ _-]?config|dsn|totp|card[ _-]?numbers?|cvc|(?:pre)?signed[ _-]?urls?|deploy[ _-]?hooks?|env)\b/i;

/** By which a request says that it acts, though its method only looks. */
const ACTS =
  /^(?:deletes?|destroy|remove|purge|reset|revoke|drop|truncate|wipe|erase|clear|kill|stop|terminate|cancel|restore|rollback|disable|suspend|unsubscribe|logout|run|execute|exec|trigger|start|restart|resume|reboot|deploy)$/i;

/** The effect, and why. Never milder than what its method says. */
export function proposeEffect(subject: Subject): Proposal {
  const words = wordsOf(subject);
  if (subject.method === 'GET' || subject.method === 'HEAD') {
    const act = actOf(subject);
    if (act !== undefined) return { effect: 'delete', reason: `it says “${act}”` };
    const secret = SECRET.exec(words);
    return secret === null
      ? { effect: 'read', reason: `${subject.method} reads` }
      : { effect: 'reveal', reason: `it may show a ${secret[0].toLowerCase()}` };
  }
  const said = WORDS.map(([effect, pattern]) => ({ effect, found: pattern.exec(words)?.[0] }));
  const found = said.flatMap(({ effect, found: word }) =>
    word === undefined ? [] : [{ effect, word: word.toLowerCase() }],
  );
  const [first, ...more] = found;
  if (subject.method === 'DELETE') {
    const isMore = found.some(({ effect }) => effect === 'escalate');
    return {
      effect: 'delete',
      reason: isMore ? 'DELETE, of what grants access' : 'DELETE deletes',
    };
  }
  if (!['POST', 'PUT', 'PATCH'].includes(subject.method)) {
    return { effect: 'delete', reason: `nobody knows what ${subject.method} does` };
  }
  if (first === undefined) return { effect: 'write', reason: `${subject.method} writes` };
  const worst = more.reduce((a, b) => (worse(a.effect, b.effect) === a.effect ? a : b), first);
  return { effect: worst.effect, reason: `it says “${worst.word}”` };
}

/** Whether a read speaks of what should not be seen. */
export function looksSecret(subject: Subject): boolean {
  return SECRET.test(wordsOf(subject));
}

/** The last word of a path, or the first of a name. */
function actOf({ path, name }: Subject): string | undefined {
  const first = wordsIn(name).trim().split(' ')[0] ?? '';
  return [path.split('/').at(-1) ?? '', first].find((word) => ACTS.test(word))?.toLowerCase();
}

/** As words: `{secret_name}` is a name of one, not one; `deployKey` is two. */
function wordsOf({ path, name, summary }: Subject): string {
  const literal = path.replace(/\{[^}]*\}/g, ' ');
  return wordsIn(`${literal} ${name} ${summary}`);
}

function wordsIn(text: string): string {
  return text.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/[_/.-]+/g, ' ');
}
