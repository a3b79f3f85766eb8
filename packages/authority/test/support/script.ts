/**
 * Turns random steps into ledger entries against whatever the world has come to: mostly such as people
 * would write, some that an attacker would. Steps are small numbers, so that a failure shrinks.
 */
import fc from 'fast-check';
import { type AuthorityEntry, type AuthorityState, delayed } from '../../src/index.ts';
import {
  agentBody,
  type Body,
  CATALOG,
  codeOf,
  connectionBody,
  enrollBody,
  environmentBody,
  grantBody,
  permission,
  pinsFor,
  recoverBody,
  withEffects,
} from './bodies.ts';
import { type Draft, HOUR, instant, payloadOf, type Team } from './deployment.ts';
import { canonicalText, keyOf, sha256, signed, type TestKey } from './device-keys.ts';
import type { Oracle } from './oracle.ts';
import { type Loot, pick, TWISTS, twisted, type Wire } from './twists.ts';

const KINDS = [
  ...Array<'sign'>(18).fill('sign'),
  ...Array<'dangerous'>(13).fill('dangerous'),
  'enrol',
  'enrol',
  'key',
  'remove',
  'remove',
  'revokeKey',
  'environment',
  'stricter',
  'agent',
  'connection',
  'read',
  'read',
  'revoke',
  'reject',
  'catalog',
  'catalog',
  'time',
  'disable',
  ...Array<'freeze'>(5).fill('freeze'),
  ...Array<'unfreeze'>(12).fill('unfreeze'),
  ...Array<'second'>(2).fill('second'),
  'disconnect',
  'escape',
  ...Array<'roles'>(4).fill('roles'),
  ...Array<'loosen'>(4).fill('loosen'),
  ...Array<'effective'>(5).fill('effective'),
  ...Array<'recover'>(3).fill('recover'),
  'rekey',
  ...Array<'remap'>(3).fill('remap'),
  'adopt',
  'adopt',
  'guardrail',
  'guardrail',
  'unguard',
] as const;

/** Kinds that one admin completes; a second signer only gets them refused. */
const ONE_ADMIN: readonly string[] = [
  'environment',
  'stricter',
  'agent',
  'disable',
  'read',
  'disconnect',
  'rekey',
];
const MILD = ['db:select', 'db:update'];
const DANGEROUS = ['db:dump', 'db:drop', 'db:run', 'db:share', 'db:update'];

const ROLES = [['admin', 'approver'], ['approver'], ['auditor'], ['approver'], ['admin']];
const GROUPS = [[], ['security'], [], ['platform', 'security'], ['platform'], ['security']];

/** Within a day or two: what waits longer is not worth the grants that expire meanwhile. */
function soon(from: string, now: number): boolean {
  return Date.parse(from) < now + 2 * 24 * HOUR;
}

export const STEP = fc.record({
  kind: fc.constantFrom(...KINDS),
  a: fc.nat(60),
  b: fc.nat(60),
  c: fc.nat(60),
  signers: fc.array(fc.nat(60), { minLength: 1, maxLength: 3 }),
  /** False: anyone signs, the removed, the revoked, one human twice. */
  sensible: fc.oneof(
    { weight: 4, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
  twist: fc.oneof(
    { weight: 5, arbitrary: fc.constant('none' as const) },
    { weight: 2, arbitrary: fc.constantFrom(...TWISTS) },
    { weight: 1, arbitrary: fc.constantFrom('index' as const, 'clock' as const) },
  ),
});
export type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never;

export class Script {
  readonly #team: Team;
  readonly #state: AuthorityState;
  readonly #oracle: Oracle;
  readonly #ring: TestKey[];
  readonly #agents: TestKey[];
  readonly #codes: TestKey[];
  readonly #drafts: Draft[] = [];
  readonly #sent: Wire[] = [];
  #made = 0;
  now: number;

  constructor(team: Team, state: AuthorityState, oracle: Oracle) {
    this.#team = team;
    this.#state = state;
    this.#oracle = oracle;
    this.#ring = [team.alice, team.bob, team.carol, team.dave, team.erin].map(({ key }) => key);
    this.#agents = [team.agentKey];
    this.#codes = ['alice', 'bob', 'carol', 'dave', 'erin'].map(codeOf);
    this.now = team.broker.now;
  }

  /** The entry a step makes, to be fed next; null when there is nothing such a step could be about. */
  next(step: Step): AuthorityEntry | null {
    if (step.kind === 'time') {
      this.now += (step.a % 5) * HOUR;
      return null;
    }
    const made = this.#wire(step);
    if (made === null) return null;
    const wire =
      step.twist === 'none' || step.twist === 'index' || step.twist === 'clock'
        ? made
        : twisted(step.twist, made, this.#loot(), step.b);
    this.#sent.push(wire);
    return {
      index: this.#state.size - (step.twist === 'index' ? 1 + (step.a % 3) : 0),
      time: instant(this.now - (step.twist === 'clock' ? HOUR : 0)),
      ...wire,
    };
  }

  #wire(step: Step): Wire | null {
    if (step.kind === 'catalog') {
      const effects = (['read', 'write', 'reveal', 'delete'] as const)[step.a % 4] ?? 'read';
      const name = CATALOG.operations[step.b % 6]?.name ?? '';
      const catalog = withEffects(name, [{ effect: effects }]);
      return {
        type: 'catalog.recorded',
        body: { digest: sha256(canonicalText(catalog)), catalog },
      };
    }
    if (step.kind === 'effective') return this.#effective(step);
    if (step.kind === 'sign' || step.kind === 'second') {
      const waiting = this.#drafts.filter(({ id, kind }) =>
        step.kind === 'second'
          ? kind === 'freeze' && this.#state.freezes.has(id)
          : this.#state.statements.get(id)?.status === 'pending',
      );
      const draft = pick(step.c % 7 === 0 ? this.#drafts : waiting, step.a);
      if (draft === undefined) return null;
      const payload = payloadOf(draft);
      const already = this.#oracle.signers(draft.id);
      const signatures = this.#signers(step, already).map((key) => signed(payload, key));
      return {
        type: 'statement.signed',
        body: { statement: draft.id, signatures, assertions: [] },
      };
    }
    const made = this.#body(step);
    if (made === null) return null;
    const draft: Draft = {
      v: 1,
      kind: made.kind,
      id: this.#id(),
      broker: this.#state.broker,
      issued_at: instant(this.now),
      sign_by: instant(this.now + (1 + (step.c % 24)) * HOUR),
      body: made.body,
    };
    this.#drafts.push(draft);
    const payload = payloadOf(draft);
    const keys = [...(made.possession ?? []), ...this.#signers(step, [])];
    return {
      type: 'statement.proposed',
      body: {
        envelope: { payload, signatures: keys.map((key) => signed(payload, key)), assertions: [] },
      },
    };
  }

  /** The end of a delay: mostly of what is due soonest and then, sometimes of anything, or too early. */
  #effective({ a, c }: Step): Wire | null {
    const waits = delayed(this.#state).filter(({ from }) => c % 4 === 0 || soon(from, this.now));
    const next = waits[a % 3 === 0 ? a % Math.max(1, waits.length) : 0];
    const statement = c % 9 === 1 ? pick(this.#drafts, a)?.id : next?.statement;
    if (statement === undefined) return null;
    if (next !== undefined && c % 5 > 0) this.now = Math.max(this.now, Date.parse(next.from));
    return { type: 'statement.effective', body: { statement } };
  }

  /** An entry by which everyone who can sign, one key each, lifts a freeze; not part of the story. */
  liftedByAll(freeze: string): AuthorityEntry {
    const keys = new Map(
      this.#ring.flatMap((key) => {
        const known = this.#oracle.keys.get(key.kid);
        const valid = known?.valid === true && this.#oracle.humans.get(known.human)?.present;
        return valid === true ? [[known.human, key] as const] : [];
      }),
    );
    const payload = payloadOf({
      v: 1,
      kind: 'unfreeze',
      id: '01a1f82f-1e80-7000-a000-000000000000',
      broker: this.#state.broker,
      issued_at: instant(this.now),
      sign_by: instant(this.now + HOUR),
      body: { freeze, reason: 'because' },
    });
    const signatures = [...keys.values()].map((key) => signed(payload, key));
    return {
      index: this.#state.size,
      time: instant(this.now),
      type: 'statement.proposed',
      body: { envelope: { payload, signatures, assertions: [] } },
    };
  }

  #loot(): Loot {
    return {
      sent: this.#sent,
      ring: this.#ring,
      agents: this.#agents,
      drafted: this.#drafts.map(({ id }) => id),
    };
  }

  /** Sensibly: an admin first, then approvers, each human once and none with a dead key. */
  #signers(step: Step, already: readonly string[]): TestKey[] {
    if (!step.sensible) return step.signers.map((n) => pick(this.#ring, n) ?? this.#team.agentKey);
    const seen = new Set(already);
    const alone = ONE_ADMIN.includes(step.kind);
    return (alone ? step.signers.slice(0, 1) : step.signers).flatMap((n, at) => {
      const role = at === 0 && already.length === 0 ? 'admin' : 'approver';
      const willing = this.#ring.filter(({ kid }) => {
        const key = this.#oracle.keys.get(kid);
        if (key?.valid !== true || seen.has(key.human)) return false;
        return this.#oracle.are([key.human], role).length > 0;
      });
      const chosen = pick(willing, n);
      if (chosen === undefined) return [];
      seen.add(this.#oracle.keys.get(chosen.kid)?.human ?? '');
      return [chosen];
    });
  }

  #body(step: Step): { kind: string; body: Body; possession?: TestKey[] } | null {
    const { a, b, c } = step;
    const reason = 'because';
    const humans = [...this.#oracle.humans];
    const human = pick(humans, a)?.[0] ?? '';
    const environment = pick([...this.#state.environments.keys()], b) ?? '';
    switch (step.kind) {
      case 'enrol': {
        const key =
          c % 9 === 0 ? (pick([...this.#ring, ...this.#agents], a) ?? this.#key()) : this.#key();
        const sponsorKey = this.#signers({ ...step, sensible: true }, [])[0];
        const sponsor = this.#oracle.keys.get(sponsorKey?.kid ?? '')?.human ?? human;
        const name = c % 8 === 1 ? (pick(humans, b)?.[1].name ?? 'x') : `human-${this.#made}`;
        const body = enrollBody(name, key, sponsor, pick(ROLES, b) ?? []);
        this.#codes.push(codeOf(name));
        return {
          kind: 'human.enroll',
          body: { ...body, groups: pick(GROUPS, c) ?? [] },
          possession: [key],
        };
      }
      case 'roles':
        return this.#change(step, human);
      case 'recover': {
        const known = this.#oracle.humans.get(human);
        const code = this.#codes.find(({ kid }) => kid === known?.recovery) ?? codeOf('nobody');
        const key = this.#key();
        const next = codeOf(`${this.#made}`);
        this.#codes.push(next);
        const shown = c % 7 === 0 ? codeOf('nobody') : code;
        const body = recoverBody(human, key, shown, next);
        return { kind: 'recover', body, possession: [key, shown] };
      }
      case 'key': {
        const key = this.#key();
        const of = this.#oracle.humans.get(human);
        const body = enrollBody(of?.name ?? 'x', key, human, [...(of?.roles ?? [])]);
        // Sometimes somebody else would have a key, or a code, of theirs.
        const sponsor = c % 5 === 0 ? (pick(humans, b)?.[0] ?? human) : human;
        const code = c % 4 === 0 ? this.#code() : null;
        const theirs = { human, groups: of?.groups ?? [], sponsor, recovery: code?.kid ?? null };
        return { kind: 'human.enroll', body: { ...body, ...theirs }, possession: [key] };
      }
      case 'remove':
        return { kind: 'human.remove', body: { human, reason } };
      case 'revokeKey':
        return { kind: 'key.revoke', body: { key: pick(this.#ring, a)?.kid ?? '', reason } };
      case 'environment': {
        const body = environmentBody(
          c % 8 === 1 ? 'staging' : `env-${this.#made}`,
          b % 2 ? 'production' : 'test',
        );
        return { kind: 'environment.set', body: { ...body, quorum: 2 + (a % 3) } };
      }
      case 'stricter': {
        const rule = this.#state.environments.get(environment)?.rule;
        const quorum = Math.max(
          2,
          (rule?.quorum ?? 2) + (a % 4 === 0 ? 1 : 0) - (a % 7 === 1 ? 1 : 0),
        );
        const change = { environment, quorum, class: c % 5 === 0 ? 'production' : rule?.class };
        return { kind: 'environment.set', body: { ...rule, ...change } };
      }
      case 'loosen': {
        const slow = [...this.#state.environments.values()].filter(({ rule }) => rule.cool_off > 0);
        const which = c % 2 === 0 ? (pick(slow, b)?.id ?? environment) : environment;
        return { kind: 'environment.set', body: this.#loosened(step, which) };
      }
      case 'rekey': {
        const agent = pick([...this.#oracle.agents.keys()], a) ?? '';
        const known = [...this.#ring, ...this.#agents];
        const key = c % 4 === 0 ? (pick(known, b) ?? this.#key()) : keyOf(`agent ${this.#made}`);
        this.#agents.push(key);
        const { auth, require_dpop } = agentBody('x', key);
        return { kind: 'agent.credential.set', body: { agent, auth, require_dpop, reason } };
      }
      case 'remap':
        return this.#remapped(step);
      case 'adopt': {
        const digest = pick([...this.#state.catalogs.keys()], a) ?? '';
        const name = CATALOG.operations[b % 6]?.name ?? '';
        const effect = (['read', 'write', 'delete', 'escalate'] as const)[c % 4] ?? 'read';
        const effects = c % 3 === 0 ? [] : [{ operation: name, effect }];
        return { kind: 'catalog.adopt', body: { provider: 'db', digest, effects, reason } };
      }
      case 'guardrail': {
        const [id, present] = pick([...this.#state.guardrails], a) ?? [null, null];
        const changes = present !== null && c % 3 > 0;
        const name = changes ? present.name : `guardrail-${this.#made}`;
        const policy = `forbid (${b});`;
        return {
          kind: 'guardrail.add',
          body: { guardrail: changes ? id : null, name, policy, reason },
        };
      }
      case 'unguard': {
        const guardrail = pick([...this.#state.guardrails.keys()], a);
        return guardrail === undefined
          ? null
          : { kind: 'guardrail.remove', body: { guardrail, reason } };
      }
      case 'agent': {
        const key =
          c % 6 === 0
            ? (pick([...this.#ring, ...this.#agents], a) ?? this.#key())
            : keyOf(`agent ${this.#made}`);
        this.#agents.push(key);
        return {
          kind: 'agent.register',
          body: agentBody(c % 8 === 1 ? 'ci' : `agent-${this.#made}`, key),
        };
      }
      case 'disable':
        if (c % 3 > 0) return null;
        return {
          kind: 'agent.disable',
          body: { agent: pick([...this.#oracle.agents.keys()], a), reason },
        };
      case 'connection': {
        const mapping = { [environment]: [c % 6 === 0 ? 'prod-1' : `id-${this.#made}`] };
        return { kind: 'connection.set', body: connectionBody(`db-${this.#made}`, mapping) };
      }
      case 'freeze': {
        const target = this.#freezeTarget(step);
        return target === null ? null : { kind: 'freeze', body: { target, reason } };
      }
      case 'unfreeze': {
        const standing = [...this.#oracle.freezes.keys()];
        const freeze = pick(c % 6 === 0 ? [...this.#state.freezes.keys()] : standing, a);
        return freeze === undefined ? null : { kind: 'unfreeze', body: { freeze, reason } };
      }
      case 'disconnect': {
        const connection = pick([...this.#state.connections.keys()], a) ?? '';
        return c % 4 > 0 ? null : { kind: 'connection.remove', body: { connection, reason } };
      }
      case 'escape': {
        const connection = pick([...this.#state.connections.keys()], a) ?? '';
        const escapes = [{ object: `f${b % 3}()`, digest: sha256(`f${c % 4}`) }];
        return { kind: 'escape.accept', body: { connection, escapes, reason } };
      }
      case 'revoke': {
        const grant = pick([...this.#state.grants.keys()], a);
        return grant === undefined ? null : { kind: 'grant.revoke', body: { grant, reason } };
      }
      case 'reject': {
        const waiting = this.#drafts.filter(
          ({ id }) =>
            c % 4 === 0 ||
            ['pending', 'cooling_off'].includes(this.#state.statements.get(id)?.status ?? ''),
        );
        const statement = pick(waiting, a)?.id;
        return statement === undefined
          ? null
          : { kind: 'statement.reject', body: { statement, reason } };
      }
      default:
        return { kind: 'grant.create', body: this.#grant(step) };
    }
  }

  /** Other roles or groups of whoever is enrolled, under a key of theirs; sometimes another's. */
  #change(step: Step, human: string): { kind: string; body: Body } | null {
    const { b, c } = step;
    const known = this.#oracle.humans.get(human);
    const theirs = this.#ring.filter(({ kid }) => this.#oracle.keys.get(kid)?.human === human);
    const key = pick(c % 11 === 0 ? this.#ring : theirs, c);
    if (known === undefined || key === undefined) return null;
    const sponsorKey = this.#signers({ ...step, sensible: true }, [])[0];
    const sponsor = this.#oracle.keys.get(sponsorKey?.kid ?? '')?.human ?? human;
    const roles = b % 3 === 0 ? [...known.roles] : (pick(ROLES, b) ?? []);
    const groups = pick(GROUPS, c) ?? [];
    const recovery = b % 9 === 4 ? this.#code().kid : null;
    const body = enrollBody(known.name, key, sponsor, roles);
    return { kind: 'human.enroll', body: { ...body, human, groups, recovery } };
  }

  #code(): TestKey {
    const code = codeOf(`${this.#made}`);
    this.#codes.push(code);
    return code;
  }

  /** One component or two of a rule as somebody would rather have it: mostly milder. */
  #loosened({ a, b, c }: Step, environment: string): Body {
    const rule = this.#state.environments.get(environment)?.rule;
    const changes: Body[] = [
      { quorum: 2 },
      { groups: [], cool_off: 0 },
      { groups: pick(GROUPS, c) ?? [] },
      { groups: ['platform'] },
      { cool_off: [0, 60, 3600, 86_400][c % 4] },
      { require_dpop: c % 2 === 0 },
      { class: ['production', 'test', 'staging'][c % 3] },
      { name: c % 3 === 0 ? `renamed-${this.#made}` : rule?.name },
    ];
    return { ...rule, environment, ...pick(changes, a), ...(b % 4 === 0 ? pick(changes, b) : {}) };
  }

  /** A connection whose ids move, come or go, or that reaches something else. */
  #remapped({ a, b, c }: Step): { kind: string; body: Body } | null {
    const connections = [...this.#state.connections.values()];
    const present = pick(connections, a);
    if (present === undefined) return null;
    const environments = [...this.#state.environments.keys()];
    const ids = Object.values(present.body.mapping).flat();
    const moved =
      c % 3 === 0 ? `id-${b % 4}` : (pick([...ids, 'prod-1', 'stage-1'], b) ?? 'prod-1');
    const rest = Object.entries(present.body.mapping).map(
      ([environment, some]) => [environment, some.filter((id) => id !== moved)] as const,
    );
    const mapping = new Map(rest.filter(([, some]) => some.length > 0));
    const to = pick(environments, b + c);
    if (c % 4 > 0 && to !== undefined) {
      mapping.set(to, [...(mapping.get(to) ?? []), moved].sort());
    }
    const elsewhere =
      c % 5 === 0
        ? { endpoint: `host-${b % 3}:5432` }
        : c % 5 === 1
          ? { config: { b: b % 3 } }
          : {};
    const credential = c % 7 < 4 ? sha256(`credential ${this.#made}`) : present.body.credential;
    const body = {
      ...present.body,
      ...elsewhere,
      mapping: Object.fromEntries(mapping),
      credential,
    };
    return { kind: 'connection.set', body: { ...body, connection: present.id } };
  }

  #freezeTarget({ a, b, c }: Step): Body | null {
    const of = {
      everything: [null],
      environment: [...this.#state.environments.keys()],
      connection: [...this.#state.connections.keys()],
      agent: [...this.#oracle.agents.keys()],
      human: [...this.#oracle.humans.keys()],
      key: this.#ring.map(({ kid }) => kid),
    };
    const kinds = ['everything', 'environment', 'connection', 'agent', 'human', 'human', 'key'];
    const kind = Object.keys(of).find((each) => each === pick(kinds, b));
    // Sometimes an id of another kind of thing.
    const ids = Object.entries(of).find(([each]) => each === (c % 9 === 0 ? 'agent' : kind));
    const id = pick(ids?.[1] ?? [], a);
    return kind === undefined || id === undefined ? null : { kind, id };
  }

  #grant({ kind, a, b, c }: Step): Body {
    const connection = pick([...this.#state.connections.values()], b) ?? null;
    const environment = pick(Object.keys(connection?.body.mapping ?? {}), a) ?? '';
    const agent = pick([...this.#oracle.agents], c);
    const on = { agent: agent?.[0] ?? '', connection: connection?.id ?? '', environment };
    const resource = c % 3 === 0 ? 'orders(status)' : 'orders';
    const name = pick(kind === 'read' ? MILD : DANGEROUS, a) ?? '';
    const known = this.#oracle.effect(name, resource, environment) ?? 'write';
    // Sometimes in the words of the latest catalog alone, or as a mere read: milder than it can do.
    const mild = c % 4 === 1;
    const effect = mild ? (b % 3 > 0 ? this.#latestWord(name) : 'read') : known;
    const body = grantBody(on, [permission({ [name]: effect }, [resource])]);
    if (!this.#oracle.isDeleteCapable(body)) return body;
    if (mild || b % 13 === 5) return body;
    return {
      ...body,
      valid_for: b % 13 === 6 ? 90_000 : 3600 * (1 + (b % 24)),
      max_uses: 1,
      pins: pinsFor(this.#state, on.agent, on.connection, environment),
      sender: agent?.[1][0] ?? null,
    };
  }

  #latestWord(name: string): string {
    const { operations = [] } = Object(this.#oracle.catalogs.at(-1));
    const found = operations.find((op: { name: string }) => op.name === name);
    return found?.effects[0].effect ?? 'read';
  }

  #key(): TestKey {
    const key = keyOf(`scripted ${this.#made}`);
    this.#ring.push(key);
    return key;
  }

  #id(): string {
    this.#made += 1;
    return `01a1f82f-1e80-7000-9000-${this.#made.toString(16).padStart(12, '0')}`;
  }
}
