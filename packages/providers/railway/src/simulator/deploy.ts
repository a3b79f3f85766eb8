/** Making deployments: the newest of an instance runs, the one before it is removed. */
import { type Context, change, stamp } from './context.ts';
import type { Deployment, ServiceInstance, Settings } from './world/records.ts';

function deploymentsOf(
  { world }: Context,
  { serviceId, environmentId }: { serviceId: string; environmentId: string },
): Deployment[] {
  return world.where(
    'deployment',
    (each) => each.serviceId === serviceId && each.environmentId === environmentId,
  );
}

/** Names that a shell, a loader or a runtime runs something for, before any code of the service. */
const OBEYED =
  /^(?:NODE_OPTIONS|LD_PRELOAD|LD_LIBRARY_PATH|BASH_ENV|PYTHONSTARTUP|PYTHONPATH|PERL5OPT|RUBYOPT|JAVA_TOOL_OPTIONS|PATH|GIT_SSH_COMMAND|(?:NIXPACKS|RAILPACK)_.+)$/;

function isObeyed(name: string): boolean {
  return OBEYED.test(name);
}

/** Runs the instance as it is configured now, or with the settings of an older deployment. */
export function deploy(
  context: Context,
  instance: ServiceInstance,
  runs: Settings = instance.settings,
): Deployment {
  const { world } = context;
  const { serviceId, environmentId } = instance;
  const variables = world.where(
    'variable',
    (each) => each.environmentId === environmentId && each.serviceId === serviceId,
  );
  const before = deploymentsOf(context, instance);
  const deployment = world.put('deployment', {
    ...stamp(context),
    projectId: world.get('environment', environmentId)?.projectId ?? '',
    environmentId,
    serviceId,
    status: 'SUCCESS',
    stopped: false,
    runs,
    obeys: Object.fromEntries(
      variables.filter(({ name }) => isObeyed(name)).map(({ name, value }) => [name, value]),
    ),
    restarts: 0,
    // As careless start-up code does, and the reason why logs count as secrets.
    logs: ['Starting Container', ...variables.map(({ name, value }) => `env ${name}=${value}`)],
  });
  for (const older of before.filter(({ status }) => status !== 'REMOVED')) {
    change(context, 'deployment', older, { status: 'REMOVED', stopped: true });
  }
  return deployment;
}

/** After a change of variables or configuration: only what runs is deployed anew. */
export function redeploy(context: Context, instance: ServiceInstance): void {
  const running = deploymentsOf(context, instance).some(({ status }) => status === 'SUCCESS');
  if (running) deploy(context, instance);
}

export function instanceOf(
  { world }: Context,
  serviceId: string,
  environmentId: string,
): ServiceInstance | undefined {
  return world.find(
    'service-instance',
    (each) => each.serviceId === serviceId && each.environmentId === environmentId,
  );
}
