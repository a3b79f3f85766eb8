/**
 * Law 1 read a second time, from docs/reference/statements.md and not from the fold: what was accepted is
 * replayed here with its own canonical JSON, its own signature checks and its own counting. It says what is
 * complete, and objects (throws) to whatever should never have been accepted.
 */
import { createPublicKey, verify } from 'node:crypto';
import { canonicalText, sha256 } from './device-keys.ts';

// biome-ignore lint/suspicious/noExplicitAny: documents are read as they come, by a reader without schemas
type Doc = any;

interface Human {
  readonly name: string;
  roles: readonly string[];
  groups: readonly string[];
  /** By role and group held: which time they came to hold it, counted over all of them. */
  held: Map<string, number>;
  recovery: string | null;
  vouchedByOne: boolean;
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
  readonly by: Signed[];
  /** What it would change had been changed so often when it was proposed. */
  readonly onto: string;
  readonly proposedAt: number;
  /** Milliseconds; where signatures are enough and time is not. */
  due: number;
  status: 'pending' | 'cooling_off' | 'complete' | 'rejected';
}

interface Signed {
  readonly kid: string;
  readonly human: string;
  /** What they held when they signed. */
  readonly held: ReadonlyMap<string, number>;
}

interface Guardrail {
  readonly policy: string;
  readonly author: string;
  /** Milliseconds; -1 once two have changed it. */
  readonly aloneUntil: number;
}

interface Adoption {
  readonly digest: string;
  readonly effects: ReadonlyMap<string, string>;
  readonly superseded: ReadonlySet<string>;
}

const HOUR = 3_600_000;

/** From the mildest to the worst. */
const EFFECTS = ['read', 'write', 'reveal', 'execute', 'delete', 'escalate'];

export class Oracle {
  readonly humans = new Map<string, Human>();
  readonly keys = new Map<string, Key>();
  readonly statements = new Map<string, Known>();
  readonly environments = new Map<string, Doc>();
  readonly agents = new Map<string, string[]>();
  readonly revoked = new Set<string>();
  readonly catalogs: Doc[] = [];
  readonly adopted = new Map<string, Adoption>();
  readonly guardrails = new Map<string, Guardrail>();
  readonly connections = new Map<string, Doc>();
  readonly #digests = new Map<string, Doc>();
  readonly #names = new Map<string, string>();
  readonly mapped = new Map<string, { connection: string; environment: string }>();
  readonly #ever = new Map<string, Set<string>>();
  /** How often each thing was changed. */
  readonly #changes = new Map<string, number>();
  #gained = 0;
  #now = 0;
  readonly removed = new Set<string>();
  /** By id: what is stopped, who said so first, who said so too. Lifted ones are gone. */
  readonly freezes = new Map<string, { target: Doc; author: string; second: string | null }>();
  readonly accepted = new Map<string, Map<string, string>>();
  broker: string | null = null;

  /** An accepted entry. @returns where its statement stands now */
  take(type: string, body: Doc, time: string): string {
    this.#now = Date.parse(time);
    if (type === 'catalog.recorded') {
      this.catalogs.push(body.catalog);
      if (!this.#digests.has(body.digest)) this.#changed(`recorded ${body.catalog.provider}`);
      this.#digests.set(body.digest, body.catalog);
      return 'complete';
    }
    if (type === 'statement.effective') return this.#ripe(body.statement);
    if (type === 'statement.signed') {
      const known = this.statements.get(body.statement);
      if (known?.status === 'complete' && known.doc.kind === 'freeze')
        return this.#second(known, body);
      insist(known?.status === 'pending', 'signed though not pending');
      insist(known.onto === this.#onto(known.doc), 'signed for a change of something else');
      return this.#count(known, body.signatures);
    }
    const { payload, signatures } = body.envelope;
    const text = Buffer.from(payload, 'base64url').toString('utf8');
    const doc = JSON.parse(text);
    insist(canonicalText(doc) === text, 'not canonical');
    insist(doc.broker === this.broker, 'made for another deployment');
    insist(!this.statements.has(doc.id), 'an id twice');
    const known: Known = {
      payload,
      doc,
      by: [],
      onto: this.#onto(doc),
      proposedAt: this.#now,
      due: 0,
      status: 'pending',
    };
    this.statements.set(doc.id, known);
    return this.#count(known, signatures, this.#introduced(doc));
  }

  /** A delay is over: what was signed is looked at once more, and nothing new is signed. */
  #ripe(id: string): string {
    const known = this.statements.get(id);
    insist(known !== undefined, 'nothing takes effect');
    insist(known.onto === this.#onto(known.doc), 'in effect on something else');
    if (known.status === 'cooling_off') {
      insist(this.#now >= known.due, 'in effect before its time');
      insist(this.#enough(known), 'in effect with too few');
      this.#effect(known, false);
    } else {
      const { kind, body } = known.doc;
      insist(known.status === 'pending', 'in effect twice');
      insist(kind === 'human.enroll' || kind === 'human.remove', 'nothing else comes by waiting');
      insist(this.#now >= known.proposedAt + 30 * 24 * HOUR, 'in effect before thirty days');
      insist(this.holding(id, 'role/admin').length >= 1, 'in effect without an admin');
      const vouched = kind === 'human.remove' || this.signers(id).includes(body.sponsor);
      insist(vouched, 'in effect without its sponsor');
      this.#effect(known, true);
    }
    return known.status;
  }

  /** Keys that show with a statement that they are there: what brings a key, and what stands for a code. */
  #introduced({ kind, body }: Doc): Map<string, string> {
    const keys = new Map<string, string>();
    if (kind !== 'genesis' && kind !== 'human.enroll' && kind !== 'recover') return keys;
    if (!this.keys.has(thumbprint(body.key.x))) keys.set(thumbprint(body.key.x), body.key.x);
    if (kind === 'recover') keys.set(thumbprint(body.recovery_key.x), body.recovery_key.x);
    return keys;
  }

  #count(known: Known, signatures: readonly Doc[], introduced = new Map<string, string>()): string {
    const { doc, payload } = known;
    const shown = new Set<string>();
    for (const { protected: header, signature } of signatures) {
      const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
      const x = introduced.get(kid) ?? this.keys.get(kid)?.x;
      insist(typeof x === 'string' && verifies(x, header, payload, signature), 'does not verify');
      if (introduced.has(kid)) shown.add(kid);
      else {
        insist(this.#valid(kid), 'signed with a key that may not');
        const spared = doc.kind === 'statement.reject' || doc.kind === 'unfreeze';
        insist(spared || !this.#frozen(kid), 'signed while frozen');
        known.by.push(this.#signed(kid));
      }
    }
    insist(shown.size === introduced.size, 'a key that showed nothing');
    if (doc.kind === 'genesis') insist(this.broker === null, 'genesis twice');
    if (!this.#enough(known)) return known.status;
    const delay = this.#delay(doc);
    if (delay === 0) this.#effect(known, this.#oneIsEnough(doc));
    else {
      known.status = 'cooling_off';
      known.due = this.#now + delay;
    }
    return known.status;
  }

  #signed(kid: string): Signed {
    const human = this.keys.get(kid)?.human ?? '';
    return { kid, human, held: new Map(this.humans.get(human)?.held) };
  }

  #oneIsEnough({ kind }: Doc): boolean {
    return kind === 'human.enroll' && this.humans.size < 2;
  }

  #delay({ kind, body }: Doc): number {
    if (kind === 'recover') return 72 * HOUR;
    const rule = this.environments.get(body.environment);
    return kind === 'environment.set' && rule !== undefined && looser(rule, body)
      ? rule.cool_off * 1000
      : 0;
  }

  #changed(thing: string): void {
    this.#changes.set(thing, (this.#changes.get(thing) ?? 0) + 1);
  }

  /** What a statement changes, and how often that was changed before. */
  #onto({ kind, body }: Doc): string {
    const things: Record<string, readonly string[]> = {
      'human.enroll': [body.human],
      'environment.set': [body.environment],
      'connection.set': [body.connection],
      'escape.accept': [body.connection],
      'guardrail.add': [body.guardrail],
      'guardrail.remove': [body.guardrail],
      'catalog.adopt': [`adopted ${body.provider}`, `recorded ${body.provider}`],
    };
    return (things[kind] ?? []).map((thing) => `${this.#changes.get(thing) ?? 0}`).join();
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
      known.by.push(this.#signed(kid));
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
    return [...new Set(this.#counting(id).map(({ human }) => human))];
  }

  #counting(id: string): Signed[] {
    const { by = [], doc } = this.statements.get(id) ?? {};
    const spared = doc?.kind === 'statement.reject' || doc?.kind === 'unfreeze';
    return by.filter(({ kid }) => this.#valid(kid) && (spared || !this.#frozen(kid)));
  }

  /** Of those, who held one of these roles or groups when they signed, and never lost it since. */
  holding(id: string, ...what: readonly string[]): string[] {
    const has = ({ human, held }: Signed): boolean =>
      what.some((each) => {
        const now = this.humans.get(human)?.held.get(each);
        return now !== undefined && held.get(each) === now;
      });
    return [
      ...new Set(
        this.#counting(id)
          .filter(has)
          .map(({ human }) => human),
      ),
    ];
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
    const admins = this.holding(doc.id, 'role/admin').length;
    const two = this.holding(doc.id, 'role/admin', 'role/approver').length >= 2;
    const second = this.humans.size > 1;
    switch (doc.kind) {
      case 'genesis':
        return true;
      case 'human.enroll': {
        const had = this.humans.get(doc.body.human)?.groups ?? [];
        const entered = doc.body.groups.filter((group: string) => !had.includes(group));
        const rules = [...this.environments.values()].filter(({ groups }) =>
          groups.some((group: string) => entered.includes(group)),
        );
        return (
          all.includes(doc.body.sponsor) &&
          (second ? two : admins >= 1) &&
          rules.every((rule) => this.#meets(doc.id, rule))
        );
      }
      case 'recover':
        return all.some((human) => human !== doc.body.human);
      case 'environment.set': {
        const rule = this.environments.get(doc.body.environment);
        return rule !== undefined && looser(rule, doc.body)
          ? this.#meets(doc.id, rule)
          : admins >= 1;
      }
      case 'catalog.adopt':
        return this.#lowers(doc.body) ? two : admins >= 1;
      case 'guardrail.add':
      case 'guardrail.remove': {
        const { guardrail } = doc.body;
        if (guardrail === null) return admins >= 1;
        const { author = '', aloneUntil = -1 } = this.guardrails.get(guardrail) ?? {};
        return two || (this.#now <= aloneUntil && all.includes(author));
      }
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
      case 'connection.set':
        return admins >= 1 && this.#mayMap(doc, second, two);
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

  #mayMap({ id, body }: Doc, second: boolean, two: boolean): boolean {
    return Object.entries<string[]>(body.mapping).every(([environment, ids]) =>
      ids.every((mapped) => {
        const here = this.mapped.get(mapped);
        if (here?.connection === body.connection && here?.environment === environment) return true;
        const was = [...(this.#ever.get(mapped) ?? [])].filter((other) => other !== environment);
        const moves = was.length === 0 ? [] : [environment, ...was];
        const production = this.environments.get(environment)?.class === 'production';
        return (
          (production || !second || two) &&
          moves.every((each) => this.#meets(id, this.environments.get(each)))
        );
      }),
    );
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
    return this.#meets(doc.id, this.environments.get(doc.body.environment));
  }

  #meets(id: string, rule: Doc): boolean {
    const approvers = this.holding(id, 'role/approver');
    return (
      approvers.length >= Math.max(2, rule?.quorum ?? 2) &&
      this.holding(id, 'role/admin').length > 0 &&
      (rule?.groups ?? []).every((group: string) =>
        this.holding(id, `group/${group}`).some((human) => approvers.includes(human)),
      )
    );
  }

  /** The worst effect any catalog that counts gives; null where one that knows it has none. */
  effect(operation: string, resource: string, environment: string): string | null {
    const production = this.environments.get(environment)?.class === 'production';
    return this.#effectIn(operation, resource, production, this.adopted.get('db'));
  }

  #effectIn(operation: string, resource: string, production: boolean, adoption?: Adoption) {
    let worst = -1;
    for (const [digest, catalog] of this.#digests) {
      if (adoption?.superseded.has(digest) === true) continue;
      for (const op of catalog.operations) {
        if (op.name !== operation) continue;
        const own = digest === adoption?.digest ? adoption.effects.get(operation) : undefined;
        if (own !== undefined) {
          worst = Math.max(worst, EFFECTS.indexOf(own));
          continue;
        }
        const effects = op.effects
          .filter((rule: Doc) => rule.environment_class !== 'production' || production)
          .filter((rule: Doc) => rule.whole_resource !== true || !resource.endsWith(')'))
          .map((rule: Doc) => EFFECTS.indexOf(rule.effect));
        if (effects.length === 0) return null;
        worst = Math.max(worst, ...effects);
      }
    }
    return EFFECTS[worst] ?? null;
  }

  /** Whether anything would count as milder than it does, or as known where it was unknown. */
  #lowers(body: Doc): boolean {
    const [before, after] = [this.adopted.get(body.provider), this.#adoption(body)];
    const names = [...this.#digests.values()].flatMap(({ operations }) =>
      operations.map((op: Doc) => op.name),
    );
    return names.some((name) =>
      ['orders', 'orders(status)'].some((resource) =>
        [true, false].some((production) => {
          const was = this.#effectIn(name, resource, production, before);
          const is = this.#effectIn(name, resource, production, after);
          if (is === null) return false;
          return was === null || EFFECTS.indexOf(is) < EFFECTS.indexOf(was);
        }),
      ),
    );
  }

  #adoption({ digest, effects }: Doc): Adoption {
    return {
      digest,
      effects: new Map(effects.map((each: Doc) => [each.operation, each.effect])),
      superseded: new Set([...this.#digests.keys()].filter((other) => other !== digest)),
    };
  }

  isDeleteCapable(body: Doc): boolean {
    return body.permissions.some((permission: Doc) =>
      permission.operations.some((operation: Doc) =>
        permission.resources.some((resource: string) => {
          const now = this.effect(operation.name, resource, body.environment);
          return now === null || EFFECTS.indexOf(now) > 1 || EFFECTS.indexOf(operation.effect) > 1;
        }),
      ),
    );
  }

  #effect(known: Known, alone: boolean): void {
    const { id, kind, body } = known.doc;
    known.status = 'complete';
    if (kind === 'genesis') {
      this.broker = sha256(Buffer.from(known.payload, 'base64url'));
      const first = { ...body, human: null, roles: ['admin', 'approver'], groups: [] };
      this.#enrol(id, first, false);
    } else if (kind === 'human.enroll') {
      insist(thumbprint(body.key.x) === body.fingerprint, 'another fingerprint');
      this.#enrol(id, body, alone);
    } else if (kind === 'recover') {
      this.#recover(body);
    } else if (kind === 'catalog.adopt') {
      insist(
        this.#digests.get(body.digest)?.provider === body.provider,
        'adopted what is not there',
      );
      this.adopted.set(body.provider, this.#adoption(body));
      this.#changed(`adopted ${body.provider}`);
    } else if (kind === 'guardrail.add') {
      const before = this.guardrails.get(body.guardrail);
      insist(body.guardrail === null || before !== undefined, 'a guardrail that is not there');
      this.#name('guardrail', body.name, body.guardrail ?? id);
      const two = new Set(known.by.map(({ human }) => human)).size > 1;
      this.guardrails.set(body.guardrail ?? id, {
        policy: body.policy,
        author: known.by[0]?.human ?? '',
        aloneUntil: before === undefined ? this.#now + HOUR / 4 : two ? -1 : before.aloneUntil,
      });
      this.#changed(body.guardrail ?? id);
    } else if (kind === 'guardrail.remove') {
      insist(this.guardrails.delete(body.guardrail), 'a guardrail removed twice');
    } else if (kind === 'human.remove') {
      const human = this.humans.get(body.human);
      insist(human?.present, 'removed twice');
      human.present = false;
      for (const key of this.keys.values()) if (key.human === body.human) key.valid = false;
    } else if (kind === 'key.revoke') {
      const key = this.keys.get(body.key);
      insist(key?.valid, 'revoked twice');
      key.valid = false;
      this.#changed(key.human);
    } else if (kind === 'environment.set') {
      insist(body.environment === null || this.environments.has(body.environment), 'no such rule');
      this.#name('environment', body.name, body.environment ?? id);
      insist(body.quorum >= 2, 'a quorum below two');
      const able = this.#able('approver');
      insist(body.quorum <= Math.max(2, able.length), 'a quorum that nobody meets');
      for (const group of body.groups) {
        const some = able.some((human) => this.humans.get(human)?.groups.includes(group));
        insist(some, 'a group that nobody is in');
      }
      this.environments.set(body.environment ?? id, body);
      this.#changed(body.environment ?? id);
    } else if (kind === 'agent.register' || kind === 'agent.credential.set') {
      const agent = body.agent ?? id;
      if (kind === 'agent.register') this.#name('agent', body.name);
      else insist(this.agents.has(agent), 'keys for no agent');
      const kids = body.auth.jwks.keys.map((jwk: Doc) => thumbprint(jwk.x));
      for (const kid of kids) {
        insist(!this.keys.has(kid), "a human's key for an agent");
        this.#name('agent key', kid, agent);
      }
      this.agents.set(agent, kids.sort());
    } else if (kind === 'connection.set') {
      this.#connect(body.connection ?? id, body);
    } else if (kind === 'connection.remove') {
      insist(!this.removed.has(body.connection), 'removed twice');
      this.removed.add(body.connection);
      this.#unmap(body.connection);
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
      const waits = target?.status === 'pending' || target?.status === 'cooling_off';
      insist(target !== undefined && waits, 'rejected though it does not wait');
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

  #enrol(id: string, body: Doc, alone: boolean): void {
    const kid = thumbprint(body.key.x);
    const before = this.humans.get(body.human);
    const key = this.keys.get(kid);
    insist(body.human === null || before?.present, 'a change of nobody');
    const isNew = key === undefined || key.human !== body.human || !key.valid;
    if (isNew) this.#newKey(kid);
    if (before !== undefined && (isNew || body.recovery !== null)) {
      insist(body.sponsor === body.human, 'a key or code that somebody else gave them');
    }
    this.#name('human', body.name, body.human ?? id);
    const held = new Map<string, number>();
    for (const what of [
      ...body.roles.map((role: string) => `role/${role}`),
      ...body.groups.map((group: string) => `group/${group}`),
    ]) {
      this.#gained += 1;
      held.set(what, before?.held.get(what) ?? this.#gained);
    }
    this.humans.set(body.human ?? id, {
      name: body.name,
      roles: body.roles,
      groups: body.groups,
      held,
      recovery: body.recovery ?? before?.recovery ?? null,
      vouchedByOne: before?.vouchedByOne === true || (alone && this.#isSecond(before)),
      present: true,
    });
    if (isNew) this.keys.set(kid, { human: body.human ?? id, x: body.key.x, valid: true });
    this.#changed(body.human ?? id);
  }

  /** Whoever is not the first human, still alone, changing what they are. */
  #isSecond(before: Human | undefined): boolean {
    return before === undefined || this.humans.size > 1;
  }

  #newKey(kid: string): void {
    insist(!this.keys.has(kid), 'a key enrolled twice');
    insist(!this.#names.has(`agent key ${kid}`), "an agent's key enrolled");
  }

  #recover(body: Doc): void {
    const human = this.humans.get(body.human);
    const kid = thumbprint(body.key.x);
    insist(human?.present, 'a recovery of nobody');
    insist(thumbprint(body.recovery_key.x) === human.recovery, 'not their code');
    insist(body.recovery !== human.recovery, 'a code used twice');
    insist(kid !== human.recovery && kid !== body.recovery, 'a code that is a key');
    insist(kid === body.fingerprint, 'another fingerprint');
    this.#newKey(kid);
    for (const [freeze, { target }] of this.freezes) {
      const of = target.kind === 'key' ? this.keys.get(target.id)?.human : target.id;
      if (['key', 'human'].includes(target.kind) && of === body.human) this.freezes.delete(freeze);
    }
    for (const key of this.keys.values()) if (key.human === body.human) key.valid = false;
    this.keys.set(kid, { human: body.human, x: body.key.x, valid: true });
    human.recovery = body.recovery;
    this.#changed(body.human);
  }

  #connect(id: string, body: Doc): void {
    insist(!this.removed.has(id), 'a change of what was removed');
    const before = this.connections.get(id);
    insist(body.connection === null || before !== undefined, 'a change of no connection');
    this.#name('connection', body.name, id);
    const same = ['endpoint', 'account', 'config'].every(
      (member) => canonicalText(before?.[member] ?? null) === canonicalText(body[member]),
    );
    insist(same || before?.credential !== body.credential, 'a credential sent elsewhere');
    if (!same) this.accepted.delete(id);
    this.#unmap(id);
    for (const [environment, ids] of Object.entries<string[]>(body.mapping)) {
      insist(this.environments.has(environment), 'mapped into nothing');
      for (const mapped of ids) {
        insist(!this.mapped.has(mapped), 'an id mapped twice');
        this.mapped.set(mapped, { connection: id, environment });
        this.#ever.set(mapped, new Set([...(this.#ever.get(mapped) ?? []), environment]));
      }
    }
    this.connections.set(id, body);
    this.#changed(id);
  }

  #unmap(connection: string): void {
    for (const [mapped, of] of this.mapped) {
      if (of.connection === connection) this.mapped.delete(mapped);
    }
  }

  /** Enrolled humans of a role who have a key to sign with. */
  #able(role: string): string[] {
    const holders = [...this.humans].filter(
      ([id, { present }]) =>
        present && [...this.keys.values()].some((key) => key.human === id && key.valid),
    );
    return this.are(
      holders.map(([id]) => id),
      role,
    );
  }

  /** A name is one thing's, for ever. */
  #name(kind: string, name: string, id = ''): void {
    const owner = this.#names.get(`${kind} ${name}`);
    insist(owner === undefined || (owner === id && id !== ''), `the ${kind} ${name} twice`);
    this.#names.set(`${kind} ${name}`, id === '' ? 'nobody' : id);
  }
}

function insist(lawful: unknown, objection: string): asserts lawful {
  if (lawful !== true) throw new Error(`accepted against Law 1: ${objection}`);
}

/** Whether anything a rule asked for it asks for no more; `production` is above every other class. */
function looser(before: Doc, after: Doc): boolean {
  const numbers = ['quorum', 'user_verified', 'cool_off', 'require_dpop'];
  return (
    before.name !== after.name ||
    (before.class !== after.class && after.class !== 'production') ||
    numbers.some((member) => Number(after[member]) < Number(before[member])) ||
    !before.groups.every((group: string) => after.groups.includes(group))
  );
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
