/**
 * Who asks, and how far they reach. A token knows no operation: an account token reaches all its user reaches, a
 * workspace token its workspace, a project token one environment and what belongs to the project as a whole.
 */
import { notAuthorized, notFound } from './errors.ts';
import { environmentsOf, projectOf, workspaceOf } from './world/places.ts';
import type { Role, Token } from './world/records.ts';
import type { Kind, Kinds, World } from './world/world.ts';

/** Lower-case header name → value. */
export type Headers = Readonly<Record<string, string | undefined>>;

/**
 * The token that a request carries in the header that belongs to it. A project token as Bearer is no token, nor is
 * an account's in `Project-Access-Token`.
 */
export function authenticate(world: World, headers: Headers): Token | undefined {
  const projectSecret = headers['project-access-token'];
  const bearer = /^Bearer ([^\s]+)$/i.exec(headers['authorization'] ?? '')?.[1];
  const bySecret = (secret: string | undefined, project: boolean): Token | undefined =>
    secret === undefined
      ? undefined
      : world.find(
          'token',
          (each) => each.secret === secret && (each.reach === 'project') === project,
        );
  return projectSecret === undefined ? bySecret(bearer, false) : bySecret(projectSecret, true);
}

/**
 * What an operation needs of its caller: to look, to put something into a project, to change, to delete a volume,
 * service or project, or to give rights.
 */
export type Need = 'read' | 'create' | 'write' | 'delete' | 'administer';

const ROLES: Readonly<Record<Role, ReadonlySet<Need>>> = {
  // Railway's table of roles: a member deletes variables, but no service, volume or project.
  ADMIN: new Set(['read', 'create', 'write', 'delete', 'administer']),
  MEMBER: new Set(['read', 'create', 'write']),
  VIEWER: new Set(['read']),
};

export class Caller {
  readonly #world: World;
  readonly token: Token | undefined;
  #looked: (readonly [Kind, { readonly id: string }])[] = [];

  constructor(world: World, token: Token | undefined) {
    this.#world = world;
    this.token = token;
  }

  /** The user behind an account token. @throws not authorized, for every other caller. */
  get userId(): string {
    if (this.token?.reach !== 'account' || this.token.userId === null) throw notAuthorized();
    return this.token.userId;
  }

  /** Ids of the workspaces it reaches with at least that right. */
  workspaces(need: Need = 'read'): string[] {
    if (this.token?.reach === 'workspace') {
      return this.token.workspaceId === null ? [] : [this.token.workspaceId];
    }
    if (this.token?.reach !== 'account') return [];
    const { userId } = this.token;
    return this.#world
      .where('workspace')
      .filter(({ members }) =>
        members.some((member) => member.userId === userId && ROLES[member.role].has(need)),
      )
      .map(({ id }) => id);
  }

  /** What was needed for reading since it was last asked. */
  takeLooked(): (readonly [Kind, { readonly id: string }])[] {
    const looked = this.#looked;
    this.#looked = [];
    return looked;
  }

  reaches<K extends Kind>(kind: K, record: Kinds[K], need: Need): boolean {
    const { token } = this;
    if (token === undefined) return false;
    const state = this.#world.state;
    if (token.reach !== 'project') {
      const workspaceId = workspaceOf(state, kind, record);
      if (workspaceId !== undefined) return this.workspaces(need).includes(workspaceId);
      return 'userId' in record && token.reach === 'account' && record.userId === token.userId;
    }
    if (projectOf(state, kind, record) !== token.projectId) return false;
    // A volume or service belongs to the project: nothing says that Railway narrows a project token to those with
    // no instance elsewhere, and it is seen to delete services with one. The worst is assumed.
    if (kind === 'volume' || kind === 'service' || kind === 'bucket') return true;
    if (kind === 'project') return need === 'read' || need === 'create';
    if (need === 'administer') return false;
    return environmentsOf(state, kind, record).every((id) => id === token.environmentId);
  }

  /** The record, if it is there and in reach. @throws as Railway does: not found, or not authorized. */
  need<K extends Kind>(kind: K, id: string, need: Need): Kinds[K] {
    if (this.token === undefined) throw notAuthorized();
    const record = this.#world.get(kind, id);
    if (record === undefined) throw kind === 'service' ? notAuthorized() : notFound(nameOf(kind));
    if (!this.reaches(kind, record, need)) throw notAuthorized();
    if (need === 'read') this.#looked.push([kind, record]);
    return record;
  }
}

/** `volume-instance` → `Volume instance`. */
function nameOf(kind: Kind): string {
  return `${kind.charAt(0).toUpperCase()}${kind.slice(1).replaceAll('-', ' ')}`;
}
