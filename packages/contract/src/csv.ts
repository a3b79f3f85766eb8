/**
 * Reports for spreadsheets: RFC 4180, one row an identity. Spreadsheets run a cell that begins as a formula
 * does, and some of what stands here came from other people, so no cell begins so.
 */
import type { AgentReport, GrantReport, HumanReport, IdentityReport } from './reports.ts';

/** What a spreadsheet may take for the beginning of a formula, whatever blanks stand before it. */
const FORMULA = /^[\s\p{Cf}]*[=+\-@\t\r\n＝＋－＠]/u;
const QUOTED = /[",\r\n]|^\s|\s$/;

/** One record of RFC 4180 section 2, with its CRLF. */
export function csvRecord(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(text: string): string {
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return QUOTED.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** Columns of `identityCells`, in their order. They are API: new ones come last. */
export const IDENTITY_COLUMNS = [
  'kind',
  'name',
  'id',
  'state',
  'since',
  'until',
  'by',
  'vouched_by_one',
  'roles',
  'groups',
  'credentials',
  'last_credential',
  'last_credential_at',
  'grants',
  'delete_capable_grants',
  'never_used_grants',
  'leases',
  'allowed',
  'denied',
  'last_allowed_at',
  'last_denied_at',
  'signed',
  'proposed',
  'vetoed',
  'last_signed_at',
] as const;

type Cells = Partial<Readonly<Record<(typeof IDENTITY_COLUMNS)[number], string>>>;

/** One identity as cells; what does not concern its kind is empty. */
export function identityCells(identity: IdentityReport): string[] {
  const cells = identity.kind === 'agent' ? agentCells(identity) : humanCells(identity);
  return IDENTITY_COLUMNS.map((column) => cells[column] ?? '');
}

function agentCells(agent: AgentReport): Cells {
  return {
    kind: 'agent',
    name: agent.name,
    id: agent.id,
    state: agent.state,
    since: agent.registered_at,
    until: agent.disabled_at ?? '',
    by: agent.registered_by,
    credentials: list(agent.credentials.map(({ kind, thumbprint }) => `${kind}:${thumbprint}`)),
    last_credential: shown(agent.authenticated_by?.credential),
    last_credential_at: agent.authenticated_by?.at ?? '',
    grants: list(agent.grants.map(grantWord)),
    delete_capable_grants: `${agent.grants.filter((each) => each.delete_capable).length}`,
    never_used_grants: list(
      agent.grants.filter(({ used_at: at }) => at === null).map(({ id }) => id),
    ),
    leases: `${agent.leases.length}`,
    allowed: list(agent.allowed.map(({ stage, count }) => `${stage}=${count}`)),
    denied: list(agent.denied.map(({ code, count }) => `${code}=${count}`)),
    last_allowed_at: agent.last_allowed_at ?? '',
    last_denied_at: agent.last_denied_at ?? '',
  };
}

function humanCells(human: HumanReport): Cells {
  return {
    kind: 'human',
    name: human.name,
    id: human.id,
    state: human.state,
    since: human.enrolled_at,
    until: human.removed_at ?? '',
    vouched_by_one: human.vouched_by_one ? 'yes' : 'no',
    roles: list(human.roles),
    groups: list(human.groups),
    credentials: list(
      human.keys.filter((key) => key.revoked_at === null).map(({ type, kid }) => `${type}:${kid}`),
    ),
    last_credential: shown(human.signed_in_by?.credential),
    last_credential_at: human.signed_in_by?.at ?? '',
    signed: list(human.signed.map(({ kind, count }) => `${kind}=${count}`)),
    proposed: `${human.proposed}`,
    vetoed: `${human.vetoed}`,
    last_signed_at: human.last_signed_at ?? '',
  };
}

/** A thumbprint may begin with a dash, which is no formula: with its kind before it, nobody takes it for one. */
function shown(credential: string | undefined): string {
  return credential === undefined ? '' : `key:${credential}`;
}

function grantWord({ id, status, environment, connection }: GrantReport): string {
  return `${id}:${status}:${environment}:${connection}`;
}

function list(words: readonly string[]): string {
  return words.join(' ');
}
