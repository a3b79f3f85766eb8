/**
 * The state of a simulated Railway: one immutable table per kind of object, so that what an operation did is the
 * difference of two states and nothing an operation says of itself.
 */
import type * as records from './records.ts';

/** Kind → record. The kind is what stands before the slash in an effect's object: `volume/<id>`. */
export interface Kinds {
  user: records.User;
  workspace: records.Workspace;
  project: records.Project;
  environment: records.Environment;
  service: records.Service;
  'service-instance': records.ServiceInstance;
  deployment: records.Deployment;
  'deployment-trigger': records.DeploymentTrigger;
  variable: records.Variable;
  volume: records.Volume;
  'volume-instance': records.VolumeInstance;
  backup: records.Backup;
  'backup-schedule': records.BackupSchedule;
  archive: records.Archive;
  token: records.Token;
  'ssh-key': records.SshKey;
  'ssh-signup': records.SshSignup;
  'shell-session': records.ShellSession;
  'invite-code': records.InviteCode;
  'integration-auth': records.IntegrationAuth;
  bucket: records.Bucket;
  'bucket-instance': records.BucketInstance;
  'custom-domain': records.CustomDomain;
  'service-domain': records.CustomDomain;
  'tcp-proxy': records.TcpProxy;
  'egress-gateway': records.EgressGateway;
  patch: records.Patch;
  'change-set-apply': records.ChangeSetApply;
  sandbox: records.Sandbox;
  checkpoint: records.Checkpoint;
  'cloud-agent': records.CloudAgent;
  signal: records.Signal;
  plugin: records.Plugin;
  'plugin-instance': records.PluginInstance;
  dashboard: records.Dashboard;
  'edge-cache': records.EdgeCache;
  'edge-config': records.EdgeConfig;
  'private-network': records.PrivateNetwork;
  transfer: records.Transfer;
  execution: records.Execution;
}

export type Kind = keyof Kinds;

export type State = { readonly [K in Kind]: ReadonlyMap<string, Kinds[K]> };

const TABLES: { readonly [K in Kind]: true } = {
  user: true,
  workspace: true,
  project: true,
  environment: true,
  service: true,
  'service-instance': true,
  deployment: true,
  'deployment-trigger': true,
  variable: true,
  volume: true,
  'volume-instance': true,
  backup: true,
  'backup-schedule': true,
  archive: true,
  token: true,
  'ssh-key': true,
  'ssh-signup': true,
  'shell-session': true,
  'invite-code': true,
  'integration-auth': true,
  bucket: true,
  'bucket-instance': true,
  'custom-domain': true,
  'service-domain': true,
  'tcp-proxy': true,
  'egress-gateway': true,
  patch: true,
  'change-set-apply': true,
  sandbox: true,
  checkpoint: true,
  'cloud-agent': true,
  signal: true,
  plugin: true,
  'plugin-instance': true,
  dashboard: true,
  'edge-cache': true,
  'edge-config': true,
  'private-network': true,
  transfer: true,
  execution: true,
};

// Object.keys is typed as strings; the table above has exactly the kinds as its keys.
export const KINDS = Object.keys(TABLES) as readonly Kind[];

function freezeDeeply(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const each of Object.values(value)) freezeDeeply(each);
}

/**
 * A mutable handle on an immutable `State`. Writes copy the table they touch, so a state once read never changes
 * underneath its reader; records are frozen, so an operation that edits one in place fails.
 */
export class World {
  #state: State;

  constructor() {
    const tables = Object.fromEntries(KINDS.map((kind) => [kind, new Map()]));
    // One empty map per kind: of no record, so of each record type.
    this.#state = tables as unknown as State;
  }

  get state(): State {
    return this.#state;
  }

  get<K extends Kind>(kind: K, id: string): Kinds[K] | undefined {
    return this.#state[kind].get(id);
  }

  /** Every record of the kind that the test holds for, oldest first. */
  where<K extends Kind>(kind: K, test: (record: Kinds[K]) => boolean = () => true): Kinds[K][] {
    return [...this.#state[kind].values()].filter(test);
  }

  find<K extends Kind>(kind: K, test: (record: Kinds[K]) => boolean): Kinds[K] | undefined {
    for (const record of this.#state[kind].values()) if (test(record)) return record;
    return undefined;
  }

  put<K extends Kind>(kind: K, record: Kinds[K]): Kinds[K] {
    freezeDeeply(record);
    const table: Map<string, Kinds[K]> = new Map(this.#state[kind]);
    table.set(record.id, record);
    this.#state = { ...this.#state, [kind]: table };
    return record;
  }

  /** Goes back to what there was. */
  restore(state: State): void {
    this.#state = state;
  }

  drop(kind: Kind, id: string): void {
    if (!this.#state[kind].has(id)) return;
    const kept: ReadonlyMap<string, Kinds[Kind]> = this.#state[kind];
    const table = new Map([...kept].filter(([each]) => each !== id));
    this.#state = { ...this.#state, [kind]: table };
  }

  /** Runs, and undoes all of it if it throws: an operation that is refused changed nothing. */
  transact<Result>(run: () => Result): { before: State; after: State; result: Result } {
    const before = this.#state;
    try {
      const result = run();
      return { before, after: this.#state, result };
    } catch (thrown) {
      this.#state = before;
      throw thrown;
    }
  }
}
