/**
 * What there is at Railway, as plain immutable records. A record says only where it belongs and what it holds;
 * what a GraphQL field makes of it stands in `operations/`.
 */

export interface Stored {
  readonly id: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type Role = 'ADMIN' | 'MEMBER' | 'VIEWER';

export interface User extends Stored {
  readonly name: string;
  readonly email: string;
}

export interface Workspace extends Stored {
  readonly name: string;
  readonly plan: 'FREE' | 'HOBBY' | 'PRO';
  readonly members: readonly { readonly userId: string; readonly role: Role }[];
}

export interface Project extends Stored {
  readonly workspaceId: string;
  readonly name: string;
  readonly description: string | null;
  /** When a scheduled deletion falls due; null for one that stays. */
  readonly deletedAt: string | null;
  readonly baseEnvironmentId: string | null;
  readonly isPublic: boolean;
  readonly prDeploys: boolean;
  readonly botPrEnvironments: boolean;
  readonly focusedPrEnvironments: boolean;
}

export interface Environment extends Stored {
  readonly projectId: string;
  readonly name: string;
  readonly isEphemeral: boolean;
  /** The environment that this one is a fork of. */
  readonly sourceEnvironmentId: string | null;
  readonly deletedAt: string | null;
}

export interface Service extends Stored {
  readonly projectId: string;
  readonly name: string;
  readonly icon: string | null;
  readonly groupId: string | null;
}

/** What an instance is told to run, and how. Absent means Railway's default. */
export interface Settings {
  readonly image?: string | null;
  readonly repo?: string | null;
  readonly branch?: string | null;
  readonly commitSha?: string | null;
  readonly buildCommand?: string | null;
  readonly builder?: string | null;
  readonly startCommand?: string | null;
  readonly preDeployCommand?: readonly string[] | null;
  readonly cronSchedule?: string | null;
  readonly dockerfilePath?: string | null;
  readonly railwayConfigFile?: string | null;
  readonly rootDirectory?: string | null;
  readonly nixpacksPlan?: unknown;
  readonly registryPassword?: string | null;
  readonly [setting: string]: unknown;
}

export interface ServiceInstance extends Stored {
  readonly serviceId: string;
  readonly environmentId: string;
  readonly settings: Settings;
}

export interface Deployment extends Stored {
  readonly projectId: string;
  readonly environmentId: string;
  readonly serviceId: string;
  readonly status: 'SUCCESS' | 'REMOVED' | 'FAILED' | 'DEPLOYING';
  readonly stopped: boolean;
  /** The settings it runs, as they were when it was made. */
  readonly runs: Settings;
  /** Of the variables it was given, those that choose what runs. */
  readonly obeys: Readonly<Record<string, string>>;
  readonly restarts: number;
  readonly logs: readonly string[];
}

export interface DeploymentTrigger extends Stored {
  readonly projectId: string;
  readonly environmentId: string;
  readonly serviceId: string;
  readonly branch: string;
  readonly repository: string;
  readonly provider: string;
  readonly checkSuites: boolean;
}

export interface Variable extends Stored {
  readonly projectId: string;
  readonly environmentId: string;
  /** Null for a shared variable of the environment. */
  readonly serviceId: string | null;
  readonly name: string;
  readonly value: string;
}

export interface Volume extends Stored {
  readonly projectId: string;
  readonly name: string;
}

export interface VolumeInstance extends Stored {
  readonly volumeId: string;
  readonly environmentId: string;
  readonly serviceId: string | null;
  readonly mountPath: string;
  readonly state: string;
  readonly region: string;
  readonly sizeMB: number;
  /** What lies on it, in a word; null for an empty disk. */
  readonly contents: string | null;
  readonly isPendingDeletion: boolean;
  readonly deletedAt: string | null;
}

export interface Backup extends Stored {
  readonly volumeInstanceId: string;
  readonly name: string | null;
  readonly expiresAt: string | null;
  readonly scheduleId: string | null;
  readonly contents: string | null;
}

export type ScheduleKind = 'DAILY' | 'WEEKLY' | 'MONTHLY';

export interface BackupSchedule extends Stored {
  readonly volumeInstanceId: string;
  readonly scheduleKind: ScheduleKind;
}

/** Continuous archiving of a cluster's write-ahead log: what a point-in-time restore needs. */
export interface Archive extends Stored {
  readonly environmentId: string;
  readonly serviceId: string;
}

export interface Token extends Stored {
  readonly reach: 'account' | 'workspace' | 'project';
  readonly name: string;
  readonly secret: string;
  readonly userId: string | null;
  readonly workspaceId: string | null;
  readonly projectId: string | null;
  readonly environmentId: string | null;
}

export interface SshKey extends Stored {
  readonly name: string;
  readonly publicKey: string;
  readonly userId: string | null;
  readonly workspaceId: string | null;
}

export interface SshSignup extends Stored {
  readonly code: string;
  readonly publicKey: string;
  readonly userId: string;
}

export interface ShellSession extends Stored {
  readonly environmentId: string;
  readonly serviceId: string | null;
  readonly secret: string;
}

export interface InviteCode extends Stored {
  readonly code: string;
  readonly projectId: string | null;
  readonly workspaceId: string | null;
  readonly role: Role;
}

export interface IntegrationAuth extends Stored {
  readonly userId: string;
  readonly provider: string;
  readonly providerId: string;
}

export interface Bucket extends Stored {
  readonly projectId: string;
  readonly name: string;
  readonly groupId: string | null;
}

export interface BucketInstance extends Stored {
  readonly bucketId: string;
  readonly environmentId: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly contents: string | null;
}

/** Also the shape of a service domain. */
export interface CustomDomain extends Stored {
  readonly projectId: string;
  readonly environmentId: string;
  readonly serviceId: string;
  readonly domain: string;
  readonly targetPort: number | null;
}

export interface TcpProxy extends Stored {
  readonly environmentId: string;
  readonly serviceId: string;
  readonly applicationPort: number;
  readonly proxyPort: number;
  readonly domain: string;
}

export interface EgressGateway extends Stored {
  readonly environmentId: string;
  readonly serviceId: string;
  readonly ipv4: string;
  readonly region: string;
}

export interface Patch extends Stored {
  readonly environmentId: string;
  readonly status: 'STAGED' | 'COMMITTED';
  readonly patch: Readonly<Record<string, unknown>>;
  readonly message: string | null;
  readonly appliedAt: string | null;
}

export interface ChangeSetApply extends Stored {
  readonly environmentId: string;
  readonly changes: readonly { readonly kind: string; readonly path: string | null }[];
}

export interface Sandbox extends Stored {
  readonly environmentId: string;
  readonly region: string;
  readonly networkIsolation: 'ISOLATED' | 'PRIVATE';
  readonly idleTimeoutMinutes: number | null;
}

/** What was kept of a sandbox's disk. */
export interface Checkpoint extends Stored {
  readonly environmentId: string;
  readonly key: string;
}

export interface PrivateNetwork extends Stored {
  readonly projectId: string;
  readonly environmentId: string;
  readonly name: string;
}

/** What stands in front of a service. */
export interface EdgeConfig extends Stored {
  readonly environmentId: string;
  readonly serviceId: string;
  readonly rules: readonly unknown[];
  /** Visitors have to show that they are no program. */
  readonly challenges: boolean;
}

export interface CloudAgent extends Stored {
  readonly projectId: string;
  readonly environmentId: string;
  readonly name: string;
}

export interface Signal extends Stored {
  readonly name: string;
  readonly owner: string;
  readonly type: string;
  readonly default: unknown;
  readonly rules: readonly unknown[];
  readonly version: number;
}

export interface Plugin extends Stored {
  readonly projectId: string;
  readonly name: string;
}

export interface PluginInstance extends Stored {
  readonly pluginId: string;
  readonly environmentId: string;
  readonly contents: string | null;
}

export interface Dashboard extends Stored {
  readonly environmentId: string;
  readonly items: readonly string[];
}

export interface EdgeCache extends Stored {
  readonly environmentId: string;
  readonly serviceId: string;
  readonly purges: number;
}

export interface Transfer extends Stored {
  readonly projectId: string;
  readonly memberId: string;
}

/** Something that ran, or that Railway sent: it happened, and nothing takes it back. */
export interface Execution extends Stored {
  readonly environmentId: string | null;
  readonly where: string;
  readonly command: string;
}
