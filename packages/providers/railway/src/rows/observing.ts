/** What tells how things run: metrics, events, logs of requests and networks, usage, dashboards. */
import type { Place, Row, Rows } from './row.ts';

const INSTANCE: Pick<Row, 'on' | 'at'> = {
  on: [['service', 'serviceId']],
  at: [
    ['environment', 'environmentId'],
    ['service-member', 'serviceId'],
  ],
};
/** Of one service of the environment, or of all of it. */
const NETWORK: Pick<Row, 'on' | 'at'> = {
  on: [
    ['service', 'serviceId'],
    ['environment', 'environmentId'],
  ],
  at: [
    ['environment', 'environmentId'],
    ['service-member', 'serviceId'],
  ],
};
const HERE: Pick<Row, 'on' | 'at'> = {
  on: [['environment', 'environmentId']],
  at: [['environment', 'environmentId']],
};

/** Law 2: a workspace beside a project may widen what is shown, so it is taken to. */
const WIDER: Place = ['account', '', undefined, 'workspaceId'];

const USAGE: Pick<Row, 'on' | 'at'> = {
  on: [['project', 'projectId'], ['account']],
  at: [['environment-or-all', 'projectId'], WIDER],
};

export const OBSERVING_QUERIES: Rows = {
  metrics: {
    effect: 'read',
    summary: 'Shows how much something uses, in every environment where none is named.',
    on: [
      ['service', 'serviceId'],
      ['volume', 'volumeId'],
      ['environment', 'environmentId'],
      ['project', 'projectId'],
      ['account'],
    ],
    at: [
      ['environment-or-all', 'projectId', 'environmentId'],
      ['service-member', 'serviceId'],
      ['volume-in', 'volumeId', 'environmentId'],
      // The name of an instance at whoever measures it, which nothing places.
      ['account', '', undefined, 'volumeInstanceExternalId'],
      WIDER,
    ],
  },
  httpDurationMetrics: {
    effect: 'read',
    summary: 'Shows how fast a service answered in one environment.',
    ...INSTANCE,
  },
  httpMetrics: {
    effect: 'read',
    summary: 'Shows how much a service answered in one environment.',
    ...INSTANCE,
  },
  httpMetricsGroupedByStatus: {
    effect: 'read',
    summary: 'Shows how well a service answered in one environment.',
    ...INSTANCE,
  },
  httpLogs: {
    effect: 'reveal',
    summary: 'Shows what a deployment was asked, which often holds secrets.',
    on: [['deployment', 'deploymentId']],
    at: [['deployment', 'deploymentId']],
  },
  dnsQueryLogs: {
    effect: 'read',
    summary: 'Shows which names services looked up in one environment.',
    ...NETWORK,
  },
  networkFlowLogs: {
    effect: 'read',
    summary: 'Shows with whom services spoke in one environment.',
    ...NETWORK,
  },
  deploymentEvents: {
    effect: 'read',
    summary: 'Lists the steps of a deployment.',
    on: [['deployment', 'id']],
    at: [['deployment', 'id']],
  },
  events: {
    effect: 'read',
    summary: 'Lists what happened, in every environment where none is named.',
    on: [
      ['environment', 'environmentId'],
      ['project', 'projectId'],
    ],
    at: [['environment-or-all', 'projectId', 'environmentId']],
  },
  estimatedUsage: {
    effect: 'read',
    summary: 'Shows what a project is likely to use, in all of its environments.',
    ...USAGE,
  },
  usage: {
    effect: 'read',
    summary: 'Shows what a project used, in all of its environments.',
    ...USAGE,
  },
  observabilityDashboards: {
    effect: 'read',
    summary: 'Lists the dashboards of an environment.',
    ...HERE,
  },
};

const DASHBOARD: Pick<Row, 'on' | 'at'> = {
  on: [['dashboard', 'id']],
  at: [['dashboard', 'id']],
};

export const OBSERVING_MUTATIONS: Rows = {
  observabilityDashboardCreate: {
    effect: 'write',
    summary: 'Makes a dashboard.',
    on: [['environment', 'input.environmentId']],
    at: [['environment', 'input.environmentId']],
  },
  observabilityDashboardUpdate: {
    effect: 'delete',
    summary: 'Replaces everything on a dashboard.',
    ...DASHBOARD,
  },
  observabilityDashboardReset: {
    effect: 'delete',
    summary: 'Takes everything from a dashboard that was put there.',
    ...DASHBOARD,
  },
};
