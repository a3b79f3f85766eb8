/** Something of each kind in both environments, a fork of one of them, and a project that the connection is not for. */
import type { Railway } from './railway.ts';
import { put } from './rows.ts';

/** Puts it beside what a rental has. */
export function furnish(railway: Railway): void {
  const { rental, simulator } = railway;
  const { projectId } = rental;
  for (const { id } of [rental.staging, rental.production]) {
    const at = { serviceId: rental.services.api, environmentId: id };
    put(railway, 'tcp-proxy', { ...at, applicationPort: 1, proxyPort: 1, domain: 'proxy.example' });
    put(railway, 'service-domain', {
      ...at,
      projectId,
      domain: `${id}.up.railway.app`,
      targetPort: null,
    });
    put(railway, 'deployment-trigger', {
      ...at,
      projectId,
      branch: 'main',
      repository: 'x/y',
      provider: 'github',
      checkSuites: false,
    });
    put(railway, 'patch', {
      environmentId: id,
      status: 'STAGED',
      patch: { sharedVariables: { SENTRY_DSN: null } },
      message: null,
      appliedAt: null,
    });
    put(railway, 'sandbox', {
      environmentId: id,
      region: 'us-west2',
      networkIsolation: 'PRIVATE',
      idleTimeoutMinutes: null,
    });
    put(railway, 'checkpoint', { environmentId: id, key: 'x' });
    put(railway, 'cloud-agent', { projectId, environmentId: id, name: 'x' });
    const agent = simulator.world.where('cloud-agent').at(-1)?.id;
    put(railway, 'execution', { environmentId: id, where: `cloud-agent/${agent}`, command: 'x' });
    put(railway, 'dashboard', { environmentId: id, items: ['a', 'b'] });
    put(railway, 'private-network', { projectId, environmentId: id, name: 'x' });
    put(railway, 'edge-config', { ...at, rules: ['block'], challenges: true });
    put(railway, 'egress-gateway', { ...at, ipv4: '203.0.113.1', region: 'us-west2' });
    put(railway, 'archive', at);
  }
  put(railway, 'environment', {
    projectId,
    name: 'pr',
    isEphemeral: true,
    sourceEnvironmentId: rental.staging.id,
    deletedAt: null,
  });
  put(railway, 'project', {
    workspaceId: rental.workspaceId,
    name: 'other',
    description: null,
    deletedAt: null,
    baseEnvironmentId: null,
    isPublic: false,
    prDeploys: false,
    botPrEnvironments: false,
    focusedPrEnvironments: false,
  });
  const other = simulator.world.where('project').at(-1)?.id ?? '';
  put(railway, 'environment', {
    projectId: other,
    name: 'staging',
    isEphemeral: false,
    sourceEnvironmentId: null,
    deletedAt: null,
  });
  put(railway, 'volume', { projectId: other, name: 'theirs' });
  put(railway, 'bucket', { projectId: other, name: 'theirs', groupId: null });
}
