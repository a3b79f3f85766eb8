/** Every query, with every field that can be selected from it, on a world in which there is something of each. */
import { type GraphQLObjectType, getNamedType, isLeafType, isObjectType } from 'graphql';
import { beforeAll, describe, expect, test } from 'vitest';
import { QUERIES } from '../src/simulator/operations.ts';
import { simulatedSchema } from '../src/simulator/schema.ts';
import { ask, bearer, openRental, projectHeader, type Railway } from './support/railway.ts';

const DEEP = 4;

/** A selection of all fields, as deep as goes without asking a parent for its children again. */
function select(type: GraphQLObjectType, depth: number, above: readonly string[]): string {
  const fields = Object.values(type.getFields()).flatMap((field) => {
    const of = getNamedType(field.type);
    if (isLeafType(of)) return [field.name];
    if (!isObjectType(of) || depth === 0 || above.includes(of.name)) return [];
    return [`${field.name} ${select(of, depth - 1, [...above, type.name])}`];
  });
  return `{ ${fields.length === 0 ? '__typename' : fields.join(' ')} }`;
}

const VALUES: Readonly<Record<string, (railway: Railway) => unknown>> = {
  volumeId: ({ rental }) => rental.volumes.bookings.id,
  volumeInstanceId: ({ rental }) => rental.disks.bookings.production.id,
  bucketId: ({ rental }) => rental.bucketId,
  environmentId: ({ rental }) => rental.production.id,
  projectId: ({ rental }) => rental.projectId,
  serviceId: ({ rental }) => rental.services.web,
  workspaceId: ({ rental }) => rental.workspaceId,
  workflowId: () => 'workflow/1',
  role: () => 'MEMBER',
  ids: ({ rental }) => [rental.projectId],
  input: () => ({}),
  provider: () => 'github',
  providerId: () => '1',
  name: () => 'beta',
};

const first = (
  railway: Railway,
  kind: 'deployment' | 'sandbox' | 'cloud-agent' | 'custom-domain' | 'patch' | 'change-set-apply',
) => railway.simulator.world.where(kind).at(-1)?.id;

const IDS: Readonly<Record<string, (railway: Railway) => unknown>> = {
  cloudAgent: (railway) => first(railway, 'cloud-agent'),
  customDomain: (railway) => first(railway, 'custom-domain'),
  deployment: (railway) => first(railway, 'deployment'),
  buildLogs: (railway) => first(railway, 'deployment'),
  deploymentSnapshot: (railway) => first(railway, 'deployment'),
  deploymentLogs: (railway) => first(railway, 'deployment'),
  environment: ({ rental }) => rental.production.id,
  environmentPatch: (railway) => first(railway, 'patch'),
  environmentChangeSetApply: (railway) => first(railway, 'change-set-apply'),
  project: ({ rental }) => rental.projectId,
  sandbox: (railway) => first(railway, 'sandbox'),
  service: ({ rental }) => rental.services.web,
  volumeInstance: ({ rental }) => rental.disks.bookings.production.id,
};

const CODES: Readonly<Record<string, string>> = {
  inviteCode: 'project-code',
  workspaceByCode: 'workspace-code',
  sshSignupInfo: 'signup-code',
};

/** What cannot be had: a shared variable's service, and what lies in another environment than a token's. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  environment: /^Cannot return null for non-nullable field Variable.service/,
  projectToken: /^Not Authorized$/,
};

describe('every field', () => {
  const railway = openRental();
  const account = bearer(railway.rental.tokens.account);
  const { world, sequence } = railway.simulator;

  beforeAll(async () => {
    const environmentId = railway.rental.production.id;
    const run = async (mutation: string): Promise<void> => {
      const { errors } = await ask(railway, account, `mutation { ${mutation} }`);
      expect(errors, mutation).toEqual([]);
    };
    await run(`sandboxCreate(input: { environmentId: "${environmentId}" }) { id }`);
    await run(
      `observabilityDashboardCreate(input: { environmentId: "${environmentId}", items: [] })`,
    );
    await run(
      `sandboxCheckpointCreate(environmentId: "${environmentId}", sandboxId: "${first(railway, 'sandbox')}", name: "x") { id }`,
    );
    await run(
      `privateNetworkCreateOrGet(input: { environmentId: "${environmentId}", projectId: "${railway.rental.projectId}", name: "x", tags: [] }) { publicId }`,
    );
    await run(`cloudAgentCreate(input: { environmentId: "${environmentId}" }) { id }`);
    await run(`environmentPatchCommit(environmentId: "${environmentId}", patch: {})`);
    await run(
      `environmentApplyChangeSet(environmentId: "${environmentId}", input: { version: 1, changes: [{ kind: "resource.update", address: "service.web", field: "deploy", after: {}, path: "x" }] }) { id }`,
    );
    await run(
      `sshPublicKeyCreate(input: { name: "laptop", publicKey: "ssh-ed25519 AAAA" }) { id }`,
    );
    await run(
      `serviceDomainCreate(input: { environmentId: "${environmentId}", serviceId: "${railway.rental.services.web}" }) { id }`,
    );
    await run(
      `tcpProxyCreate(input: { environmentId: "${environmentId}", serviceId: "${railway.rental.services.web}", applicationPort: 5432 }) { id }`,
    );
    await run(
      `egressGatewayAssociationCreate(input: { environmentId: "${environmentId}", serviceId: "${railway.rental.services.web}" }) { ipv4 }`,
    );
    await run(
      `deploymentTriggerCreate(input: { projectId: "${railway.rental.projectId}", environmentId: "${environmentId}", serviceId: "${railway.rental.services.web}", branch: "main", repository: "rental/web", provider: "github" }) { id }`,
    );
    const made = () => ({
      id: sequence.id(),
      createdAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:00.000Z',
    });
    const { userId, workspaceId, projectId } = railway.rental;
    world.put('invite-code', {
      ...made(),
      code: 'project-code',
      projectId,
      workspaceId: null,
      role: 'VIEWER',
    });
    world.put('invite-code', {
      ...made(),
      code: 'workspace-code',
      projectId: null,
      workspaceId,
      role: 'VIEWER',
    });
    world.put('ssh-signup', {
      ...made(),
      code: 'signup-code',
      publicKey: 'ssh-ed25519 AAAA',
      userId,
    });
    world.put('integration-auth', { ...made(), userId, provider: 'github', providerId: '1' });
    world.put('signal', {
      ...made(),
      name: 'beta',
      owner: userId,
      type: 'bool',
      default: true,
      rules: [1],
      version: 1,
    });
  });

  const queries = Object.values(simulatedSchema().getQueryType()?.getFields() ?? {}).filter(
    ({ name }) => Object.hasOwn(QUERIES, name),
  );

  test.each(queries.filter(({ name }) => name !== 'adminVolumeInstancesForVolume'))(
    '$name answers all that can be selected from it',
    async (field) => {
      const given = field.args.filter(
        (arg) => String(arg.type).endsWith('!') || (arg.name in VALUES && arg.name === 'serviceId'),
      );
      const declared = given.map((arg) => `$${arg.name}: ${arg.type}`).join(', ');
      const passed = given.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
      const of = getNamedType(field.type);
      const selection = isObjectType(of) ? select(of, DEEP, []) : '';
      const variables = Object.fromEntries(
        given.map(({ name }) => {
          const own = name === 'id' || name === 'deploymentId' ? IDS[field.name] : VALUES[name];
          return [name, name === 'code' ? CODES[field.name] : own?.(railway)];
        }),
      );
      const query = `query${declared === '' ? '' : `(${declared})`} { ${field.name}${passed === '' ? '' : `(${passed})`} ${selection} }`;
      const headers =
        field.name === 'projectToken' ? projectHeader(railway.rental.tokens.staging) : account;
      const { data, errors } = await ask(railway, headers, query, variables);
      const refused = REFUSED[field.name] ?? /^$/;
      expect(errors.filter(({ message }) => !refused.test(message))).toEqual([]);
      expect(data?.[field.name]).not.toBeNull();
    },
  );
});
