/**
 * A world like the one of the incident: a car rental's project with staging and production, where one volume
 * serves both. Whoever deletes it for staging deletes it for production, backups included.
 */
import { stamp } from './context.ts';
import type { RailwaySimulator } from './simulator.ts';
import type { Environment, Token, Volume, VolumeInstance } from './world/records.ts';

export interface RentalTokens {
  /** Reaches everything of its user. The one that lay in a file. */
  readonly account: Token;
  readonly workspace: Token;
  /** Of staging; for the header `Project-Access-Token`. */
  readonly staging: Token;
}

export interface Rental {
  readonly userId: string;
  readonly workspaceId: string;
  readonly projectId: string;
  readonly staging: Environment;
  readonly production: Environment;
  /** Service ids. */
  readonly services: Readonly<Record<'api' | 'web' | 'worker' | 'postgres', string>>;
  readonly volumes: {
    /** With an instance in staging and one in production. */
    readonly bookings: Volume;
    readonly stagingUploads: Volume;
    readonly productionUploads: Volume;
  };
  /** Volume instances, by where they are. */
  readonly disks: {
    readonly bookings: { readonly staging: VolumeInstance; readonly production: VolumeInstance };
    readonly stagingUploads: VolumeInstance;
    readonly productionUploads: VolumeInstance;
  };
  readonly bucketId: string;
  readonly tokens: RentalTokens;
}

const SERVICES = ['api', 'web', 'worker', 'postgres'] as const;

/** Puts the rental into the simulator's world. With one seed it is the same, to the last id, in every run. */
export function buildRental(simulator: RailwaySimulator): Rental {
  const { world, sequence } = simulator;
  const made = () => stamp(simulator);

  const user = world.put('user', { ...made(), name: 'Jo', email: 'jo@rental.example' });
  const workspace = world.put('workspace', {
    ...made(),
    name: 'Rental',
    plan: 'PRO',
    members: [{ userId: user.id, role: 'ADMIN' }],
  });
  const project = world.put('project', {
    ...made(),
    workspaceId: workspace.id,
    name: 'rental',
    description: null,
    deletedAt: null,
    baseEnvironmentId: null,
    isPublic: false,
    prDeploys: false,
    botPrEnvironments: false,
    focusedPrEnvironments: false,
  });
  const putEnvironment = (name: string) =>
    world.put('environment', {
      ...made(),
      projectId: project.id,
      name,
      isEphemeral: false,
      sourceEnvironmentId: null,
      deletedAt: null,
    });
  const production = putEnvironment('production');
  const staging = putEnvironment('staging');
  world.put('project', { ...project, baseEnvironmentId: production.id });

  const putVariable = (
    environment: Environment,
    serviceId: string | null,
    name: string,
    value: string,
  ) =>
    world.put('variable', {
      ...made(),
      projectId: project.id,
      environmentId: environment.id,
      serviceId,
      name,
      value,
    });
  const putService = (name: (typeof SERVICES)[number]): string => {
    const service = world.put('service', {
      ...made(),
      projectId: project.id,
      name,
      icon: null,
      groupId: null,
    });
    const image =
      name === 'postgres'
        ? 'ghcr.io/railwayapp-templates/postgres-ssl:18'
        : `ghcr.io/rental/${name}:1`;
    const settings = {
      image,
      ...(name === 'api' ? { preDeployCommand: ['npm run migrate'] } : {}),
    };
    for (const environment of [production, staging]) {
      const where = { serviceId: service.id, environmentId: environment.id };
      world.put('service-instance', { ...made(), ...where, settings });
      const password = `${environment.name}-${name}-${sequence.secret()}`;
      putVariable(
        environment,
        service.id,
        name === 'postgres' ? 'POSTGRES_PASSWORD' : 'API_KEY',
        password,
      );
      putVariable(environment, service.id, 'PORT', name === 'postgres' ? '5432' : '3000');
      world.put('deployment', {
        ...made(),
        ...where,
        projectId: project.id,
        status: 'SUCCESS',
        stopped: false,
        runs: settings,
        obeys: {},
        restarts: 0,
        logs: ['Starting Container', `connected with ${password}`],
      });
    }
    return service.id;
  };
  const [api, web, worker, postgres] = [
    putService('api'),
    putService('web'),
    putService('worker'),
    putService('postgres'),
  ];
  for (const each of [production, staging]) {
    putVariable(each, null, 'SENTRY_DSN', `https://${sequence.secret()}@sentry.example/1`);
    world.put('dashboard', { ...made(), environmentId: each.id, items: ['cpu', 'memory'] });
  }

  const putVolume = (name: string) =>
    world.put('volume', { ...made(), projectId: project.id, name });
  const putDisk = (
    volume: Volume,
    environment: Environment,
    serviceId: string,
    mountPath: string,
    contents: string,
  ): VolumeInstance => {
    const disk = world.put('volume-instance', {
      ...made(),
      volumeId: volume.id,
      environmentId: environment.id,
      serviceId,
      mountPath,
      state: 'READY',
      region: 'us-west2',
      sizeMB: 10_000,
      contents,
      isPendingDeletion: false,
      deletedAt: null,
    });
    const schedule = world.put('backup-schedule', {
      ...made(),
      volumeInstanceId: disk.id,
      scheduleKind: 'DAILY',
    });
    for (const day of ['Monday', 'Tuesday']) {
      world.put('backup', {
        ...made(),
        volumeInstanceId: disk.id,
        name: day,
        expiresAt: null,
        scheduleId: schedule.id,
        contents: `${contents} of ${day}`,
      });
    }
    return disk;
  };
  const PGDATA = '/var/lib/postgresql/data';
  const bookings = putVolume('bookings');
  const stagingUploads = putVolume('uploads-staging');
  const productionUploads = putVolume('uploads-production');
  const disks = {
    bookings: {
      production: putDisk(bookings, production, postgres, PGDATA, 'every booking'),
      staging: putDisk(bookings, staging, postgres, PGDATA, 'test bookings'),
    },
    stagingUploads: putDisk(stagingUploads, staging, api, '/uploads', 'test photos'),
    productionUploads: putDisk(productionUploads, production, api, '/uploads', 'photos of cars'),
  };
  world.put('archive', { ...made(), environmentId: production.id, serviceId: postgres });

  const bucket = world.put('bucket', {
    ...made(),
    projectId: project.id,
    name: 'invoices',
    groupId: null,
  });
  world.put('bucket-instance', {
    ...made(),
    bucketId: bucket.id,
    environmentId: production.id,
    region: 'sjc',
    accessKeyId: `AK${sequence.secret().slice(0, 18)}`,
    secretAccessKey: sequence.secret(),
    contents: 'invoices',
  });
  const web443 = { projectId: project.id, environmentId: production.id, serviceId: web };
  world.put('custom-domain', { ...made(), ...web443, domain: 'rental.example', targetPort: 3000 });

  const putToken = (token: Pick<Token, 'reach' | 'name'> & Partial<Token>): Token =>
    world.put('token', {
      userId: null,
      workspaceId: null,
      projectId: null,
      environmentId: null,
      ...made(),
      secret: sequence.secret(),
      ...token,
    });
  return {
    userId: user.id,
    workspaceId: workspace.id,
    projectId: project.id,
    staging,
    production,
    services: { api, web, worker, postgres },
    volumes: { bookings, stagingUploads, productionUploads },
    disks,
    bucketId: bucket.id,
    tokens: {
      account: putToken({ reach: 'account', name: 'domains', userId: user.id }),
      workspace: putToken({ reach: 'workspace', name: 'ci', workspaceId: workspace.id }),
      staging: putToken({
        reach: 'project',
        name: 'staging',
        secret: sequence.id(),
        projectId: project.id,
        environmentId: staging.id,
      }),
    },
  };
}
