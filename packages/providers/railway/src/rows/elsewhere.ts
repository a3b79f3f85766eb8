/** What comes from elsewhere or goes there: repositories, templates, compose files, integrations. */
import { neverForwarded, onAccount, type Place, type Row, type Rows } from './row.ts';

export const ELSEWHERE_QUERIES: Rows = {
  ...onAccount('read', {
    gitHubRepoAccessAvailable: 'Tells whether the account reaches a repository.',
    gitHubSshKeys: 'Lists the public keys that the account has at GitHub.',
    githubIsRepoNameAvailable: 'Tells whether a repository could be made.',
    githubRepo: 'Shows a repository.',
    githubRepoBranches: 'Lists the branches of a repository.',
    githubRepos: 'Lists the repositories that the account reaches.',
    githubWritableScopes: 'Lists where the account may make repositories.',
    herokuApps: 'Lists what the account has at Heroku.',
    template: 'Shows a template, without what it would deploy.',
    templateMetrics: 'Shows how often a template was deployed.',
    templateSearch: 'Finds templates.',
    templates: 'Lists templates.',
    templatesCount: 'Counts templates.',
    vercelInfo: 'Lists what the account has at Vercel.',
  }),
  githubPRInfo: {
    effect: 'read',
    summary: 'Shows a pull request of the repository of a service.',
    on: [['service', 'serviceId']],
    at: [['service-member', 'serviceId']],
  },
  githubPRInfoResult: {
    effect: 'read',
    summary: 'Shows a pull request of the repository of a service.',
    on: [['service', 'serviceId']],
    at: [['service-member', 'serviceId']],
  },
  integrations: {
    effect: 'reveal',
    summary: 'Lists what a project is connected to, with how.',
    on: [['project', 'projectId']],
    at: [['everywhere', 'projectId']],
  },
  templateSourceForProject: {
    effect: 'read',
    summary: 'Shows the template that a project was made from.',
    on: [['project', 'projectId']],
    at: [['project', 'projectId']],
  },
  workspaceTemplates: {
    effect: 'read',
    summary: 'Lists the templates of a workspace.',
    on: [['workspace', 'workspaceId']],
  },
};

/** A template, or a repository, that is put into an environment, or into all where none is named. */
const DEPLOYED: Pick<Row, 'on' | 'at'> = {
  on: [['environment', 'input.environmentId'], ['project', 'input.projectId'], ['account']],
  at: [['environment-or-all', 'input.projectId', 'input.environmentId']],
};

const CLUSTER: readonly Place[] = [
  ['environment', 'input.environmentId'],
  ['service-member', 'input.rootServiceId'],
  ['project', 'input.projectId'],
];

export const ELSEWHERE_MUTATIONS: Rows = {
  githubRepoDeploy: {
    effect: 'execute',
    summary: 'Runs a repository as a new service.',
    ...DEPLOYED,
  },
  githubRepoUpdate: {
    effect: 'execute',
    summary: 'Lets a service run what its template has become.',
    on: [['service', 'input.serviceId']],
    at: [
      ['environment', 'input.environmentId'],
      ['service-member', 'input.serviceId'],
      ['project', 'input.projectId'],
    ],
  },
  templateDeploy: {
    effect: 'execute',
    summary: 'Runs a template: services, volumes, variables and commands of somebody’s.',
    ...DEPLOYED,
  },
  templateDeployV2: {
    effect: 'execute',
    summary: 'Runs a template: services, volumes, variables and commands of somebody’s.',
    ...DEPLOYED,
    at: [
      ['environment-or-all', 'input.projectId', 'input.environmentId'],
      ['service-member', 'input.existingRootServiceId'],
    ],
    adds: [
      {
        // What becomes of the service that is made part of a cluster only Railway knows.
        when: 'input.existingRootServiceId',
        is: 'named',
        operation: 'templateRevert',
        on: [
          ['environment', 'input.environmentId'],
          ['project', 'input.projectId'],
        ],
      },
    ],
  },
  templateRevert: {
    effect: 'delete',
    summary: 'Deletes every service of a cluster but one, with its variables.',
    on: [['environment', 'input.environmentId']],
    at: CLUSTER,
  },
  templateServiceSourceEject: {
    effect: 'execute',
    summary: 'Copies what services run into a new repository, and lets them run that.',
    on: [['service', 'input.serviceIds']],
    at: [
      ['service', 'input.serviceIds'],
      ['project', 'input.projectId'],
    ],
  },
  ...neverForwarded('content', 'execute', {
    dockerComposeImport: 'Creates services and volumes as a compose file says.',
    herokuImportVariables: 'Sets variables to what they are at Heroku.',
  }),
  ...neverForwarded('unplaced', 'escalate', {
    integrationCreate: 'Connects a project to another service.',
    integrationUpdate: 'Connects a project to another service, or otherwise.',
  }),
  ...neverForwarded('unplaced', 'delete', {
    integrationDelete: 'Ends that a project is connected to another service.',
  }),
  ...neverForwarded('workspace', 'reveal', {
    templateClone: 'Copies a template.',
    templateGenerate: 'Makes a template of a project, with how it is set up.',
    templatePublish: 'Shows a template to everybody.',
    templateVolumeUpdate: 'Changes a volume of a template.',
  }),
  ...neverForwarded('workspace', 'delete', {
    templateDelete: 'Deletes a template.',
    templateUnpublish: 'Takes a template from those who deploy it.',
  }),
};
