/** What must hold after any fault, asked of the databases and the export, not of the server's memory. */
import { ExportLine } from '@countersign/contract';
import { replayAuthority, type SeenTree, verifyExport } from '@countersign/verify';
import type { Rig } from './rig.ts';

/** Login roles at the target that no live lease stands for. */
async function strayCredentials({ own, target }: Rig): Promise<string[]> {
  const live = async () => {
    const rows = await own<{ id: string }[]>`
      select id from countersign.leases where state in ('pending', 'active')`;
    return rows.map(({ id }) => id.replaceAll('-', ''));
  };
  // A lease is written before its role and ended after it, so one of the two looks must show it.
  const before = await live();
  const roles = await target<{ rolname: string }[]>`
    select rolname from pg_roles where starts_with(rolname, 'csl_') and rolcanlogin`;
  const standing = new Set([...before, ...(await live())]);
  return roles.map(({ rolname }) => rolname).filter((role) => !standing.has(role.slice(-32)));
}

/** The same until it is so, for as long as a request under way may take to clear up behind itself. */
async function strayCredentialsAtLast(rig: Rig): Promise<string[]> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const strays = await strayCredentials(rig);
    if (strays.length === 0 || Date.now() > deadline) return strays;
  }
}

interface Entry {
  readonly id: string;
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Looks at everything at once. One auditor goes along, since a tree may only ever grow. */
export class Auditor {
  readonly #rig: Rig;
  readonly #seen: SeenTree[] = [];
  readonly #trust: string;

  constructor(rig: Rig, trust: string) {
    this.#rig = rig;
    this.#trust = trust;
  }

  /** What is wrong, in words; empty when nothing is. */
  async look(): Promise<string[]> {
    const { alice, own, told } = this.#rig;
    const wrong: string[] = [];
    // Rows first: the ledger that is read afterwards may only hold more.
    const leases = await own<{ id: string; decision: string; state: string; grants: string[] }[]>`
      select id, decision, state, grants from countersign.leases`;
    const uses = await own<{ grant_id: string; used: number }[]>`
      select grant_id, used::int from countersign.grant_uses`;
    const sealed = await own<{ statement: string }[]>`
      select statement from countersign.sealed_credentials`;
    const requests = await own<{ id: string }[]>`select id from countersign.access_requests`;
    const toldBefore = [...told];

    const lines: string[] = [];
    for await (const line of alice.client.exportLines({ authority: false })) lines.push(line);
    const report = await verifyExport(each(lines), {
      trust: this.#trust,
      seen: this.#seen.slice(-8),
    });
    if (!report.ok) wrong.push(`audit verify: ${JSON.stringify(report.finding)}`);
    if (report.checkpoint !== null) this.#seen.push(report.checkpoint);

    const entries = new Map(lines.flatMap(entryOf).map((entry) => [entry.id, entry]));
    for (const id of toldBefore) {
      if (!entries.has(id)) wrong.push(`decision ${id} was told and is not in the ledger`);
    }
    for (const lease of leases) {
      const decision = entries.get(lease.decision);
      if (decision?.body['verdict'] !== 'allowed') wrong.push(`lease ${lease.id} has no entry`);
    }
    const destroyed = [...entries.values()]
      .filter(({ type }) => type === 'credential.destroyed')
      .map(({ body }) => String(body['credential']));
    wrong.push(...(await this.#authority(lines, sealed, destroyed)), ...usesWrong(uses, entries));
    const filed = [...entries.values()].filter(({ type }) => type === 'access_request.filed');
    if (filed.length !== requests.length) wrong.push('access requests and their entries differ');
    const roles = await strayCredentialsAtLast(this.#rig);
    if (roles.length > 0) wrong.push(`credentials without a lease: ${roles.join(' ')}`);
    return wrong;
  }

  /** What the server says is authority, against the fold of what was signed. */
  async #authority(
    lines: readonly string[],
    sealed: readonly { readonly statement: string }[],
    destroyed: readonly string[],
  ): Promise<string[]> {
    const { alice } = this.#rig;
    const replayed = await replayAuthority(each(lines), { trust: this.#trust });
    if (!replayed.ok) return [`authority: ${JSON.stringify(replayed.finding)}`];
    const { state } = replayed;
    const wrong: string[] = [];
    for (const grant of (await alice.client.call('grants', { query: { limit: 100 } })).items) {
      const folded = state.grants.get(grant.id);
      const isRevoked = folded !== undefined && folded.revokedAt !== null;
      if (isRevoked !== (grant.status === 'revoked')) {
        wrong.push(`grant ${grant.id} is ${grant.status} to the server only`);
      }
    }
    const set = [...state.statements.values()]
      .map(({ decoded }) => decoded.statement)
      .filter(({ kind }) => kind === 'connection.set')
      .map(({ id }) => id);
    const kept = sealed.map(({ statement }) => statement);
    // A row that went since the look at them has its entry by now.
    const gone = set.filter((id) => !kept.includes(id) && !destroyed.includes(id));
    if (gone.length > 0 || kept.some((id) => !set.includes(id))) {
      wrong.push('sealed credentials and the statements that set them differ');
    }
    return wrong;
  }
}

/** A use for each lease and each forwarded call of a limited grant, less those that came back. */
function usesWrong(
  uses: readonly { readonly grant_id: string; readonly used: number }[],
  entries: ReadonlyMap<string, Entry>,
): string[] {
  return uses.flatMap(({ grant_id, used }) => {
    const named = [...entries.values()].reduce((sum, { type, body }) => {
      if (body['verdict'] === 'allowed' && includes(body['uses'], grant_id)) return sum + 1;
      const mayReturn = type === 'lease.failed' || type === 'forward.refused';
      return mayReturn && includes(body['uses_returned'], grant_id) ? sum - 1 : sum;
    }, 0);
    return used === named
      ? []
      : [`grant ${grant_id}: ${used} uses counted, ${named} in the ledger`];
  });
}

function includes(list: unknown, value: string): boolean {
  return Array.isArray(list) && list.includes(value);
}

function entryOf(line: string): Entry[] {
  const parsed = ExportLine.safeParse(JSON.parse(line));
  if (!parsed.success || !('entry' in parsed.data)) return [];
  const { entry } = parsed.data;
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return [];
  const { id, type, body } = entry;
  if (typeof id !== 'string' || typeof type !== 'string') return [];
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return [];
  return [{ id, type, body }];
}

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}
