/**
 * Law 1 read a second time, from domain.md and not from the fold: what was accepted is replayed here with
 * its own canonical JSON, its own signature checks and its own counting. It says what is complete, and
 * objects (throws) to whatever should never have been accepted.
 */
import { createPublicKey, verify } from 'node:crypto';
import { canonicalText, sha256 } from './device-keys.ts';

// biome-ignore lint/suspicious/noExplicitAny: documents are read as they come, by a reader without schemas
type Doc = any;

interface Human {
  readonly name: string;
  readonly roles: readonly string[];
  present: boolean;
}

interface Key {
  readonly human: string;
  readonly x: string;
  valid: boolean;
}

interface Known {
  readonly payload: string;
  readonly doc: Doc;
  readonly by: { readonly kid: string; readonly human: string }[];
  status: 'pending' | 'complete' | 'rejected';
}

const WORSE = ['read', 'write', 'reveal', 'execute', 'delete', 'escalate'];

export class Oracle {
  readonly humans = new Map<string, Human>();
  readonly keys = new Map<string, Key>();
  readonly statements = new Map<string, Known>();
  readonly environments = new Map<string, Doc>();
  readonly agents = new Map<string, string[]>();
  readonly revoked = new Set<string>();
  readonly catalogs: Doc[] = [];
  readonly #names = new Set<string>();
  readonly #mapped = new Map<string, string>();
  readonly removed = new Set<string>();
  /** By id: what is stopped, who said so first, who said so too. Lifted ones are gone. */
  readonly freezes = new Map<string, { target: Doc; author: string; second: string | null }>();
  readonly accepted = new Map<string, Map<string, string>>();
  broker: string | null = null;

  /** An accepted entry. @returns where its statement stands now */
  take(type: string, body: Doc): string {
    if (type === 'catalog.recorded') {
      this.catalogs.push(body.catalog);
      return 'complete';
    }
    if (type === 'statement.signed') {
      const known = this.statements.get(body.statement);
      if (known?.status === 'complete' && known.doc.kind === 'freeze')
        return this.#second(known, body);
      insist(known?.status === 'pending', 'signed though not pending');
      return this.#count(known, body.signatures);
    }
    const { payload, signatures } = body.envelope;
    const text = Buffer.from(payload, 'base64url').toString('utf8');
    const doc = JSON.parse(text);
    insist(canonicalText(doc) === text, 'not canonical');
    insist(doc.broker === this.broker, 'made for another deployment');
    insist(!this.statements.has(doc.id), 'an id twice');
    const known: Known = { payload, doc, by: [], status: 'pending' };
    this.statements.set(doc.id, known);
    return this.#count(known, signatures);
  }

  #count(known: Known, signatures: readonly Doc[]): string {
    const { doc, payload } = known;
    let possessed = false;
    for (const { protected: header, signature } of signatures) {
      const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
      const introduced = doc.kind === 'genesis' || doc.kind === 'human.enroll';
      const own = introduced && thumbprint(doc.body.key.x) === kid;
      const x = own ? doc.body.key.x : this.keys.get(kid)?.x;
      insist(typeof x === 'string' && verifies(x, header, payload, signature), 'does not verify');
      if (own) possessed = true;
      else {
        insist(this.#valid(kid), 'signed with a key that may not');
        const spared = doc.kind === 'statement.reject' || doc.kind === 'unfreeze';
        insist(spared || !this.#frozen(kid), 'signed while frozen');
        known.by.push({ kid, human: this.keys.get(kid)?.human ?? '' });
      }
    }
    if (doc.kind === 'genesis') insist(possessed && this.broker === null, 'genesis');
    if (this.#enough(known)) this.#effect(known);
    return known.status;
  }

  #valid(kid: string): boolean {
    const key = this.keys.get(kid);
    return key?.valid === true && this.humans.get(key.human)?.present === true;
  }

  /** One other human signs a freeze that stands: it takes two to lift from now on. */
  #second(known: Known, { signatures }: Doc): string {
    const freeze = this.freezes.get(known.doc.id);
    insist(freeze?.second === null, 'seconded though lifted or seconded');
    for (const { protected: header, signature } of signatures) {
      const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
      const { human = '', x = '' } = this.keys.get(kid) ?? {};
      insist(verifies(x, header, known.payload, signature), 'does not verify');
      insist(this.#valid(kid) && !this.#frozen(kid), 'seconded with a key that may not');
      insist(human !== freeze.author, 'seconded by its own author');
      freeze.second ??= human;
      known.by.push({ kid, human });
    }
    insist(freeze.second !== null, 'seconded by nobody');
    return 'complete';
  }

  #frozen(kid: string): boolean {
    const human = this.keys.get(kid)?.human;
    return [...this.freezes.values()].some(
      ({ target }) =>
        (target.kind === 'key' && target.id === kid) ||
        (target.kind === 'human' && target.id === human),
    );
  }

  /** Distinct humans who signed with keys that are valid now; the frozen only where they count. */
  signers(id: string): string[] {
    const { by = [], doc } = this.statements.get(id) ?? {};
    const spared = doc?.kind === 'statement.reject' || doc?.kind === 'unfreeze';
    const counting = by.filter(({ kid }) => this.#valid(kid) && (spared || !this.#frozen(kid)));
    return [...new Set(counting.map(({ human }) => human))];
  }

  /** Whoever froze it, while nobody seconded it and nobody else froze them or a key of theirs. */
  #mayLiftAlone(id: string): string | null {
    const freeze = this.freezes.get(id);
    if (freeze === undefined || freeze.second !== null) return null;
    const { author } = freeze;
    const doubted = [...this.freezes.values()].some(
      (other) =>
        other.author !== author &&
        ((other.target.kind === 'human' && other.target.id === author) ||
          (other.target.kind === 'key' &&
            this.keys.get(other.target.id)?.valid === true &&
            this.keys.get(other.target.id)?.human === author)),
    );
    return doubted ? null : author;
  }

  are(humans: readonly string[], ...roles: readonly string[]): string[] {
    return humans.filter((id) => this.humans.get(id)?.roles.some((role) => roles.includes(role)));
  }

  #enough({ doc }: Known): boolean {
    const all = this.signers(doc.id);
    const admins = this.are(all, 'admin').length;
    const two = this.are(all, 'admin', 'approver').length >= 2;
    const second = this.humans.size > 1;
    switch (doc.kind) {
      case 'genesis':
        return true;
      case 'human.enroll':
        return all.includes(doc.body.sponsor) && (second ? two : admins >= 1);
      case 'human.remove':
        return two || (all.includes(doc.body.human) && this.#approversWithout(doc.body.human) >= 2);
      case 'key.revoke': {
        const owner = this.keys.get(doc.body.key)?.human ?? '';
        const others = [...this.keys].some(
          ([kid, key]) => key.human === owner && key.valid && kid !== doc.body.key,
        );
        const left =
          this.#approversWithout(owner) + (others ? this.are([owner], 'approver').length : 0);
        return two || (all.includes(owner) && left >= 2);
      }
      case 'connection.set': {
        const production = Object.keys(doc.body.mapping).every(
          (id) => this.environments.get(id)?.class === 'production',
        );
        return admins >= 1 && (production || !second || two);
      }
      case 'grant.create':
        return this.isDeleteCapable(doc.body) ? this.quorumMet(doc) : admins >= 1;
      case 'grant.revoke':
      case 'statement.reject':
      case 'freeze':
        return all.length >= 1;
      case 'unfreeze': {
        const alone = this.#mayLiftAlone(doc.body.freeze);
        return all.length >= 2 || (alone !== null && all.includes(alone));
      }
      case 'escape.accept':
        return two;
      default:
        return admins >= 1;
    }
  }

  #approversWithout(human: string): number {
    const holders = [...this.humans].filter(
      ([id, { present }]) =>
        present && id !== human && [...this.keys.values()].some((k) => k.human === id && k.valid),
    );
    return this.are(
      holders.map(([id]) => id),
      'approver',
    ).length;
  }

  /** The environment's quorum of distinct approvers, never fewer than two, with an admin among them. */
  quorumMet(doc: Doc): boolean {
    const all = this.signers(doc.id);
    const quorum = this.environments.get(doc.body.environment)?.quorum ?? 2;
    return (
      this.are(all, 'approver').length >= Math.max(2, quorum) && this.are(all, 'admin').length > 0
    );
  }

  /** The worst effect any recorded catalog gives; null where one that knows it has none. */
  effect(operation: string, resource: string, environment: string): string | null {
    let worst = -1;
    for (const catalog of this.catalogs) {
      for (const op of catalog.operations) {
        if (op.name !== operation) continue;
        const effects = op.effects
          .filter(
            (rule: Doc) =>
              rule.environment_class !== 'production' ||
              this.environments.get(environment)?.class === 'production',
          )
          .filter((rule: Doc) => rule.whole_resource !== true || !resource.endsWith(')'))
          .map((rule: Doc) => WORSE.indexOf(rule.effect));
        if (effects.length === 0) return null;
        worst = Math.max(worst, ...effects);
      }
    }
    return WORSE[worst] ?? null;
  }

  isDeleteCapable(body: Doc): boolean {
    return body.permissions.some((permission: Doc) =>
      permission.operations.some((operation: Doc) =>
        permission.resources.some((resource: string) => {
          const now = this.effect(operation.name, resource, body.environment);
          return now === null || WORSE.indexOf(now) > 1 || WORSE.indexOf(operation.effect) > 1;
        }),
      ),
    );
  }

  #effect(known: Known): void {
    const { id, kind, body } = known.doc;
    known.status = 'complete';
    if (kind === 'genesis') {
      this.broker = sha256(Buffer.from(known.payload, 'base64url'));
      this.#enrol(id, { ...body, human: null, roles: ['admin', 'approver'] });
    } else if (kind === 'human.enroll') {
      insist(thumbprint(body.key.x) === body.fingerprint, 'another fingerprint');
      this.#enrol(id, body);
    } else if (kind === 'human.remove') {
      const human = this.humans.get(body.human);
      insist(human?.present, 'removed twice');
      human.present = false;
      for (const key of this.keys.values()) if (key.human === body.human) key.valid = false;
    } else if (kind === 'key.revoke') {
      const key = this.keys.get(body.key);
      insist(key?.valid, 'revoked twice');
      key.valid = false;
    } else if (kind === 'environment.set') {
      const before = this.environments.get(body.environment);
      if (body.environment === null) this.#name('environment', body.name);
      else {
        const kept = before.class === body.class || body.class === 'production';
        insist(kept && body.quorum >= before.quorum, 'a rule loosened');
      }
      insist(body.quorum >= 2, 'a quorum below two');
      this.environments.set(body.environment ?? id, body);
    } else if (kind === 'agent.register') {
      this.#name('agent', body.name);
      const kids = body.auth.jwks.keys.map((jwk: Doc) => thumbprint(jwk.x));
      for (const kid of kids) {
        insist(!this.keys.has(kid), "a human's key for an agent");
        this.#name('agent key', kid);
      }
      this.agents.set(id, kids.sort());
    } else if (kind === 'connection.set') {
      this.#name('connection', body.name);
      for (const mapped of Object.values<string[]>(body.mapping).flat()) {
        insist(!this.#mapped.has(mapped), 'an id mapped twice');
        this.#mapped.set(mapped, id);
      }
    } else if (kind === 'connection.remove') {
      insist(!this.removed.has(body.connection), 'removed twice');
      this.removed.add(body.connection);
      for (const [mapped, of] of this.#mapped) {
        if (of === body.connection) this.#mapped.delete(mapped);
      }
    } else if (kind === 'freeze') {
      const [author, second] = known.by;
      insist(author !== undefined, 'a freeze by nobody');
      insist(author.human !== second?.human, 'frozen by one human twice');
      this.freezes.set(id, {
        target: body.target,
        author: author.human,
        second: second?.human ?? null,
      });
    } else if (kind === 'unfreeze') {
      insist(this.freezes.delete(body.freeze), 'lifted what does not stand');
    } else if (kind === 'escape.accept') {
      insist(!this.removed.has(body.connection), 'an escape of nothing');
      const before = this.accepted.get(body.connection) ?? [];
      const escapes = body.escapes.map(({ object, digest }: Doc) => [object, digest]);
      this.accepted.set(body.connection, new Map([...before, ...escapes]));
    } else if (kind === 'grant.create') {
      insist(!this.removed.has(body.connection), 'a grant on nothing');
    } else if (kind === 'grant.revoke') {
      this.revoked.add(body.grant);
    } else if (kind === 'statement.reject') {
      const target = this.statements.get(body.statement);
      insist(target?.status === 'pending', 'rejected though not pending');
      const about = target.doc.body;
      const whose = [
        target.doc.kind === 'human.remove' && about.human,
        target.doc.kind === 'key.revoke' && this.keys.get(about.key)?.human,
        target.doc.kind === 'unfreeze' && this.freezes.get(about.freeze)?.author,
      ];
      insist(!known.by.some(({ human }) => whose.includes(human)), 'vetoed in their own matter');
      target.status = 'rejected';
    }
  }

  #enrol(id: string, body: Doc): void {
    const kid = thumbprint(body.key.x);
    insist(!this.keys.has(kid), 'a key enrolled twice');
    insist(!this.#names.has(`agent key ${kid}`), "an agent's key enrolled");
    if (body.human === null) {
      this.#name('human', body.name);
      this.humans.set(id, { name: body.name, roles: body.roles, present: true });
    }
    this.keys.set(kid, { human: body.human ?? id, x: body.key.x, valid: true });
  }

  #name(kind: string, name: string): void {
    insist(!this.#names.has(`${kind} ${name}`), `the ${kind} ${name} twice`);
    this.#names.add(`${kind} ${name}`);
  }
}

function insist(lawful: unknown, objection: string): asserts lawful {
  if (lawful !== true) throw new Error(`accepted against Law 1: ${objection}`);
}

function thumbprint(x: string): string {
  return sha256(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`);
}

const verified = new Map<string, boolean>();

function verifies(x: string, header: string, payload: string, signature: string): boolean {
  const question = sha256([x, header, payload, signature].join(' '));
  const known = verified.get(question);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const answer = verify(
    null,
    Buffer.from(`${header}.${payload}`),
    key,
    Buffer.from(signature, 'base64url'),
  );
  verified.set(question, answer);
  return answer;
}
