/** Where an anchor is: its project, and the environments whose data it shows or whose state it is (Law 2). */
import { RequestRefusal } from '@countersign/provider-kit';
import type { Anchor } from './anchor.ts';
import type { Lookup } from './lookup.ts';
import { ownerOf } from './owner.ts';
import { filtered, known, notKnown, notTogether, type Placed, requireAccess } from './proof.ts';
import type { Environment } from './shapes.ts';

export class Places {
  readonly #lookup: Lookup;
  readonly #projects: readonly string[];
  readonly #isNarrow: boolean;

  /**
   * @param projects of the connection: what belongs to another is foreign, whoever can see it
   * @param isNarrow the credential reaches no other project
   */
  constructor(lookup: Lookup, projects: readonly string[], isNarrow: boolean) {
    this.#lookup = lookup;
    this.#projects = projects;
    this.#isNarrow = isNarrow;
  }

  /**
   * @throws RequestRefusal `environment_mismatch` for what is foreign or not known, `environment_unproven` for
   * what the credential cannot look into
   */
  async place({ kind, id, within }: Anchor): Promise<Placed> {
    switch (kind) {
      case 'account':
        throw new RequestRefusal(
          'environment_mismatch',
          'It reaches whatever the account reaches, and a request is judged in one environment.',
        );
      case 'project':
        return { project: this.#own(id), environments: [] };
      case 'everywhere':
        return this.#everywhere(id);
      case 'environment':
        return this.#environment(id);
      case 'environment-or-all':
        return within === null ? this.#everywhere(id) : this.#both(id, within);
      case 'fork-or-all':
        return this.#forkOr(within, () => this.#everywhere(id));
      case 'service-member':
        return { project: await this.#projectOfService(id), environments: [] };
      case 'service':
        return this.#service(id);
      case 'service-in':
        return this.#forkOr(within, () => this.#service(id));
      case 'volume':
        return this.#volume(id);
      case 'volume-in':
        return within === null ? this.#volume(id) : this.#volumeIn(id, within);
      case 'volume-instance':
        return this.#directly('volumeInstance', id);
      case 'deployment':
        return this.#directly('deployment', id);
      case 'patch':
        return this.#directly('environmentPatch', id);
      case 'backup':
        return this.#backup(id, within);
      case 'custom-domain':
        return this.#customDomain(id);
      case 'service-domain':
        return this.#inEnvironments(async (environment) => {
          const found = known(await this.#lookup.instances(environment.id));
          return found.some(({ domains }) => domains.serviceDomains.some((one) => one.id === id));
        });
      case 'tcp-proxy':
        return this.#inEnvironments((environment) => this.#hasProxy(environment.id, id));
      case 'deployment-trigger':
        return this.#listed(id, (environmentId) => this.#lookup.triggers(environmentId));
      case 'service-instance':
        return this.#listed(id, (environmentId) => this.#lookup.instances(environmentId));
      case 'dashboard':
        return this.#listed(id, (environmentId) => this.#lookup.dashboards(environmentId));
      case 'cloud-agent':
        return this.#inEnvironments((environment) => this.#runs('cloudAgent', environment, id));
      case 'sandbox':
        return this.#within(within, (environment) => this.#runs('sandbox', environment, id));
      case 'checkpoint':
        return this.#within(within, async (environment) =>
          known(await this.#lookup.checkpoints(environment.id)).includes(id),
        );
      case 'private-network':
        return this.#within(within, async (environment) =>
          known(await this.#lookup.networks(environment.id)).includes(id),
        );
      case 'bucket':
        return this.#bucket(id);
      case 'bucket-in':
        return this.#bucketIn(id, within);
      case 'token':
        return this.#token(id);
      case 'new-service':
        return this.#newOr(within, await this.#lookup.projectOfService(id), () =>
          this.#service(id),
        );
      case 'new-volume':
        return this.#newOr(within, await this.#owner('volumes', id), () => this.#volume(id));
      case 'new-bucket':
        return this.#newOr(within, await this.#owner('buckets', id), () => this.#bucket(id));
    }
  }

  /** Every environment of a project of the connection. */
  async #everywhere(project: string): Promise<Placed> {
    return { project, environments: known(await this.#lookup.environments(this.#own(project))) };
  }

  #own(project: string): string {
    if (this.#projects.includes(project)) return project;
    throw notKnown();
  }

  async #environment(id: string): Promise<Placed> {
    const environment = known(await this.#lookup.environment(id));
    return { project: this.#own(environment.projectId), environments: [environment] };
  }

  async #both(project: string, environmentId: string): Promise<Placed> {
    const placed = await this.#environment(environmentId);
    if (placed.project !== project) throw notTogether();
    return placed;
  }

  /** Railway heeds an environment here only if it is a fork. Else it means them all, whichever was named. */
  async #forkOr(within: string | null, all: () => Promise<Placed>): Promise<Placed> {
    if (within === null) return all();
    const named = await this.#environment(within);
    const isFork = named.environments.every(
      ({ isEphemeral, sourceEnvironment }) => isEphemeral && sourceEnvironment !== null,
    );
    const placed = await all();
    if (placed.project !== named.project) throw notTogether();
    return isFork
      ? named
      : { ...placed, environments: [...placed.environments, ...named.environments] };
  }

  async #projectOfService(id: string): Promise<string> {
    return this.#own(known(await this.#lookup.projectOfService(id)));
  }

  async #service(id: string): Promise<Placed> {
    const project = await this.#projectOfService(id);
    const all = known(await this.#lookup.environments(project));
    const found = await filtered(all, async (environment) =>
      known(await this.#instances(environment)).some(({ serviceId }) => serviceId === id),
    );
    // What stands nowhere may stand anywhere next.
    return { project, environments: found.length === 0 ? all : found };
  }

  async #instances(environment: Environment) {
    requireAccess(environment);
    return this.#lookup.instances(environment.id);
  }

  async #disks(environment: Environment) {
    requireAccess(environment);
    return known(await this.#lookup.disks(environment.id));
  }

  async #volume(id: string): Promise<Placed> {
    for (const project of this.#projects) {
      const volumes = known(await this.#lookup.volumes(project));
      if (!volumes.some((each) => each.id === id)) continue;
      const all = known(await this.#lookup.environments(project));
      const found = await filtered(all, async (environment) =>
        (await this.#disks(environment)).some(({ volumeId }) => volumeId === id),
      );
      return { project, environments: found.length === 0 ? all : found };
    }
    throw notKnown();
  }

  async #volumeIn(id: string, environmentId: string): Promise<Placed> {
    const placed = await this.#environment(environmentId);
    for (const environment of placed.environments) {
      const disks = await this.#disks(environment);
      if (!disks.some(({ volumeId }) => volumeId === id)) throw notTogether();
    }
    return placed;
  }

  async #holdsBucket(environment: Environment, id: string): Promise<boolean> {
    requireAccess(environment);
    return known(await this.#lookup.bucketsIn(environment.id)).includes(id);
  }

  async #bucket(id: string): Promise<Placed> {
    for (const project of this.#projects) {
      const buckets = known(await this.#lookup.buckets(project));
      if (!buckets.some((each) => each.id === id)) continue;
      const all = known(await this.#lookup.environments(project));
      const found = await filtered(all, (environment) => this.#holdsBucket(environment, id));
      return { project, environments: found };
    }
    throw notKnown();
  }

  async #bucketIn(id: string, environmentId: string | null): Promise<Placed> {
    const { project, environments } = await this.#bucket(id);
    const found = environments.filter((each) => each.id === environmentId);
    if (found.length === 0) throw notTogether();
    return { project, environments: found };
  }

  async #directly(
    field: 'deployment' | 'environmentPatch' | 'volumeInstance',
    id: string,
  ): Promise<Placed> {
    return this.#environment(known(await this.#lookup.environmentOf(field, id)));
  }

  async #backup(id: string, volumeInstanceId: string | null): Promise<Placed> {
    if (volumeInstanceId === null) throw notKnown();
    const placed = await this.#directly('volumeInstance', volumeInstanceId);
    const backups = known(await this.#lookup.backups(volumeInstanceId));
    if (!backups.includes(id)) throw notTogether();
    return placed;
  }

  async #customDomain(id: string): Promise<Placed> {
    for (const project of this.#projects) {
      const found = await this.#lookup.environmentOfDomain(id, project);
      if (found !== undefined) return this.#environment(found);
    }
    throw notKnown();
  }

  async #hasProxy(environmentId: string, id: string): Promise<boolean> {
    for (const { serviceId } of known(await this.#lookup.instances(environmentId))) {
      const proxies = known(await this.#lookup.proxies(serviceId, environmentId));
      if (proxies.includes(id)) return true;
    }
    return false;
  }

  async #token(id: string): Promise<Placed> {
    for (const project of this.#projects) {
      const tokens = known(await this.#lookup.tokens(project));
      const found = tokens.find((each) => each.id === id);
      if (found !== undefined) {
        return found.environmentId === null
          ? this.#everywhere(project)
          : this.#environment(found.environmentId);
      }
    }
    throw notKnown();
  }

  async #owner(list: 'volumes' | 'buckets', id: string): Promise<string | undefined> {
    const owner = await ownerOf(this.#lookup, this.#projects, this.#isNarrow, list, id);
    return owner === undefined ? owner : this.#own(owner);
  }

  /** Law 2: that something is new is Railway's to say. Who has it already stays where it is. */
  async #newOr(
    within: string | null,
    owner: string | undefined,
    present: () => Promise<Placed>,
  ): Promise<Placed> {
    if (owner !== undefined) return present();
    if (within === null) throw notKnown();
    return this.#environment(within);
  }

  /** What has to be in the environment that is named beside it. */
  async #within(
    environmentId: string | null,
    holds: (environment: Environment) => Promise<boolean>,
  ): Promise<Placed> {
    if (environmentId === null) throw notKnown();
    const placed = await this.#environment(environmentId);
    for (const environment of placed.environments) {
      requireAccess(environment);
      if (!(await holds(environment))) throw notTogether();
    }
    return placed;
  }

  /** Whether a machine of that id runs there, by its own account of where it is. */
  async #runs(
    field: 'cloudAgent' | 'sandbox',
    environment: Environment,
    id: string,
  ): Promise<boolean> {
    return (await this.#lookup.environmentOfMachine(field, environment.id, id)) === environment.id;
  }

  /** In the environment whose list has it. */
  #listed(
    id: string,
    list: (environmentId: string) => Promise<readonly { readonly id: string }[] | undefined>,
  ): Promise<Placed> {
    return this.#inEnvironments(async (environment) =>
      known(await list(environment.id)).some((each) => each.id === id),
    );
  }

  /** What can be found only by looking into one environment after the other. */
  async #inEnvironments(holds: (environment: Environment) => Promise<boolean>): Promise<Placed> {
    for (const project of this.#projects) {
      for (const environment of known(await this.#lookup.environments(project))) {
        requireAccess(environment);
        if (await holds(environment)) return { project, environments: [environment] };
      }
    }
    throw notKnown();
  }
}
