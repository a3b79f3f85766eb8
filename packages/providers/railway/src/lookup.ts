/** The questions by which objects are placed, each asked at most once for a request, and counted. */
import { type AnswerCache, RequestRefusal, type ResolveAsk } from '@countersign/provider-kit';
import { z } from 'zod';
import type { Ask, Question } from './ask.ts';
import { everyNode, PAGE_INFO, PAGE_SIZE, type Page, pageOf } from './pages.ts';
import {
  bucketsOf,
  diskShape,
  ENVIRONMENT,
  type Environment,
  endpoints,
  environmentShape,
  identified,
  instanceShape,
} from './shapes.ts';

/** A request that needs more questions than these is not placed at all. */
const MOST_QUESTIONS = 150;

export class Lookup {
  readonly #ask: Ask;
  readonly #cache: AnswerCache;
  readonly #scope: string;
  readonly #options: ResolveAsk;
  readonly #asked = new Map<string, Promise<unknown>>();
  #questions = 0;
  #remembers = false;

  /** @param scope of the cache: what one credential sees is not what another sees */
  constructor(ask: Ask, cache: AnswerCache, scope: string, options: ResolveAsk) {
    this.#ask = ask;
    this.#cache = cache;
    this.#scope = scope;
    this.#options = options;
  }

  /** Whether anything was taken from what Railway said a moment ago. */
  get remembers(): boolean {
    return this.#remembers;
  }

  environment(id: string): Promise<Environment | undefined> {
    return this.#once(`environment ${id}`, async () => {
      const query = `query($id:String!){environment(id:$id){${ENVIRONMENT}}}`;
      const shape = z.object({ environment: environmentShape });
      return (await this.#question({ query, variables: { id }, shape }))?.environment;
    });
  }

  /** Every environment of a project, forks too. */
  environments(projectId: string): Promise<readonly Environment[] | undefined> {
    return this.#list(
      `environments ${projectId}`,
      { root: 'project', id: projectId, field: 'environments', node: ENVIRONMENT },
      environmentShape,
    );
  }

  /** Ids of every project that the credential reaches. Never from memory. */
  reachable(): Promise<readonly string[] | undefined> {
    const query = `query($after:String){of:projects(first:${PAGE_SIZE},after:$after,includeDeleted:true){edges{node{id}} ${PAGE_INFO}}}`;
    const shape = z.object({ of: pageOf(identified) });
    return this.#once(
      'projects',
      async () => {
        const all = await everyNode(
          async (after) => (await this.#question({ query, variables: { after }, shape }))?.of,
        );
        return all?.map(({ id }) => id);
      },
      true,
    );
  }

  projectOfService(id: string): Promise<string | undefined> {
    return this.#once(`service ${id}`, async () => {
      const query = 'query($id:String!){service(id:$id){projectId}}';
      const shape = z.object({ service: z.object({ projectId: z.string() }) });
      return (await this.#question({ query, variables: { id }, shape }))?.service.projectId;
    });
  }

  /** What of services stands in an environment. */
  instances(environmentId: string) {
    const node = 'id serviceId domains{serviceDomains{id}}';
    return this.#list(
      `instances ${environmentId}`,
      { root: 'environment', id: environmentId, field: 'serviceInstances', node },
      instanceShape,
    );
  }

  /** What of volumes stands in an environment. */
  disks(environmentId: string) {
    return this.#list(
      `disks ${environmentId}`,
      { root: 'environment', id: environmentId, field: 'volumeInstances', node: 'id volumeId' },
      diskShape,
    );
  }

  volumes(projectId: string, afresh?: boolean) {
    return this.#list(
      `volumes ${projectId}`,
      { root: 'project', id: projectId, field: 'volumes', node: 'id' },
      identified,
      afresh,
    );
  }

  buckets(projectId: string, afresh?: boolean) {
    return this.#list(
      `buckets ${projectId}`,
      { root: 'project', id: projectId, field: 'buckets', node: 'id' },
      identified,
      afresh,
    );
  }

  /** Ids of the buckets that stand in an environment, which only its configuration tells. */
  bucketsIn(environmentId: string): Promise<readonly string[] | undefined> {
    return this.#once(`config ${environmentId}`, async () => {
      const answer = await this.#question(bucketsOf(environmentId));
      return answer && Object.keys(answer.environment.config.buckets ?? {});
    });
  }

  triggers(environmentId: string) {
    return this.#list(
      `triggers ${environmentId}`,
      { root: 'environment', id: environmentId, field: 'deploymentTriggers', node: 'id' },
      identified,
    );
  }

  /** Of the environment itself, or of what stands in it. */
  environmentOf(
    field: 'deployment' | 'environmentPatch' | 'volumeInstance',
    id: string,
  ): Promise<string | undefined> {
    return this.#once(`${field} ${id}`, async () => {
      const query = `query($id:String!){of:${field}(id:$id){environmentId}}`;
      const shape = z.object({ of: z.object({ environmentId: z.string() }) });
      return (await this.#question({ query, variables: { id }, shape }))?.of.environmentId;
    });
  }

  environmentOfDomain(id: string, projectId: string): Promise<string | undefined> {
    return this.#once(`customDomain ${projectId} ${id}`, async () => {
      const query =
        'query($id:String!,$projectId:String!){of:customDomain(id:$id,projectId:$projectId){environmentId}}';
      const shape = z.object({ of: z.object({ environmentId: z.string() }) });
      return (await this.#question({ query, variables: { id, projectId }, shape }))?.of
        .environmentId;
    });
  }

  /** Ids of the open ports of a service in an environment. */
  proxies(serviceId: string, environmentId: string): Promise<readonly string[] | undefined> {
    const query = 'query($s:String!,$e:String!){of:tcpProxies(serviceId:$s,environmentId:$e){id}}';
    const variables = { s: serviceId, e: environmentId };
    return this.#ids(`proxies ${environmentId} ${serviceId}`, query, variables);
  }

  /** Undefined: Railway knows none of that id there. */
  environmentOfMachine(
    field: 'cloudAgent' | 'sandbox',
    environmentId: string,
    id: string,
  ): Promise<string | undefined> {
    return this.#once(`${field} ${environmentId} ${id}`, async () => {
      const type = field === 'cloudAgent' ? 'ID!' : 'String!';
      const query = `query($e:${type},$id:${type}){of:${field}(environmentId:$e,id:$id){environmentId}}`;
      const shape = z.object({ of: z.object({ environmentId: z.string() }).nullable() });
      const variables = { e: environmentId, id };
      return (await this.#question({ query, variables, shape }))?.of?.environmentId;
    });
  }

  dashboards(environmentId: string) {
    const query = `query($id:String!,$after:String){of:observabilityDashboards(environmentId:$id,first:${PAGE_SIZE},after:$after){edges{node{id}} ${PAGE_INFO}}}`;
    const shape = z.object({ of: pageOf(identified) });
    return this.#once(`dashboards ${environmentId}`, () =>
      everyNode(async (after) => {
        const variables = { id: environmentId, after };
        return (await this.#question({ query, variables, shape }))?.of;
      }),
    );
  }

  checkpoints(environmentId: string): Promise<readonly string[] | undefined> {
    const query = 'query($id:String!){of:sandboxCheckpoints(environmentId:$id){id}}';
    return this.#ids(`checkpoints ${environmentId}`, query, { id: environmentId });
  }

  networks(environmentId: string): Promise<readonly string[] | undefined> {
    return this.#once(`networks ${environmentId}`, async () => {
      const query = 'query($id:String!){of:privateNetworks(environmentId:$id){publicId}}';
      const shape = z.object({ of: z.array(z.object({ publicId: z.string() })) });
      const answer = await this.#question({ query, variables: { id: environmentId }, shape });
      return answer?.of.map(({ publicId }) => publicId);
    });
  }

  backups(volumeInstanceId: string): Promise<readonly string[] | undefined> {
    const query = 'query($id:String!){of:volumeInstanceBackupList(volumeInstanceId:$id){id}}';
    return this.#ids(`backups ${volumeInstanceId}`, query, { id: volumeInstanceId });
  }

  tokens(projectId: string) {
    const shape = z.object({ id: z.string(), environmentId: z.string().nullable() });
    const query = `query($id:String!,$after:String){of:projectTokens(projectId:$id,first:${PAGE_SIZE},after:$after){edges{node{id environmentId}} ${PAGE_INFO}}}`;
    return this.#once(`tokens ${projectId}`, () =>
      everyNode(async (after) => {
        const variables = { id: projectId, after };
        return (await this.#question({ query, variables, shape: z.object({ of: pageOf(shape) }) }))
          ?.of;
      }),
    );
  }

  /** What is staged in an environment now, with the values of its variables. Never from memory. */
  async staged(environmentId: string): Promise<unknown> {
    const query =
      'query($id:String!){of:environmentStagedChanges(environmentId:$id){patch(decryptVariables:true)}}';
    const shape = z.object({ of: z.object({ patch: z.unknown() }) });
    return (await this.#question({ query, variables: { id: environmentId }, shape }))?.of.patch;
  }

  /** Of a list that comes whole. */
  #ids(
    key: string,
    query: string,
    variables: Readonly<Record<string, string>>,
  ): Promise<readonly string[] | undefined> {
    return this.#once(key, async () => {
      const answer = await this.#question({ query, variables, shape: z.object({ of: endpoints }) });
      return answer?.of.map(({ id }) => id);
    });
  }

  #list<T>(
    key: string,
    of: { root: 'project' | 'environment'; id: string; field: string; node: string },
    shape: z.ZodType<T>,
    afresh?: boolean,
  ): Promise<readonly T[] | undefined> {
    const { root, id, field, node } = of;
    const query = `query($id:String!,$after:String){of:${root}(id:$id){list:${field}(first:${PAGE_SIZE},after:$after){edges{node{${node}}} ${PAGE_INFO}}}}`;
    const answer = z.object({ of: z.object({ list: pageOf(shape) }) });
    const ask = () =>
      everyNode(async (after): Promise<Page<T> | undefined> => {
        const variables = { id, after };
        return (await this.#question({ query, variables, shape: answer }))?.of.list;
      });
    return this.#once(key, ask, afresh);
  }

  #question<T>(question: Question<T>): Promise<T | undefined> {
    this.#questions += 1;
    if (this.#questions > MOST_QUESTIONS) {
      throw new RequestRefusal(
        'environment_unproven',
        'To find out where it would take place takes too many questions.',
      );
    }
    return this.#ask(question, this.#options.spend());
  }

  /** Law 2: what is asked afresh is taken from no memory but this request's own. */
  async #once<T>(
    key: string,
    work: () => Promise<T | undefined>,
    afresh = this.#options.fresh,
  ): Promise<T | undefined> {
    const scoped = `${this.#scope} ${key}`;
    const present = this.#asked.get(key);
    // Both memories hold under this key what this very work returned.
    if (present !== undefined) return present as Promise<T | undefined>;
    const kept = afresh ? undefined : this.#cache.get(scoped);
    if (kept !== undefined) {
      this.#remembers = true;
      return kept.value as T;
    }
    const answer = work();
    this.#asked.set(key, answer);
    const value = await answer;
    if (value !== undefined) this.#cache.put(scoped, value);
    return value;
  }
}
