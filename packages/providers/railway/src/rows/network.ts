/** Under which names, ports and addresses services are reached, and reach out. */
import { neverForwarded, type Row, type Rows } from './row.ts';

const QUERY_AT = [
  ['environment', 'environmentId'],
  ['service-member', 'serviceId'],
  ['project', 'projectId'],
] as const;
const INPUT_AT = [
  ['environment', 'input.environmentId'],
  ['service-member', 'input.serviceId'],
  ['project', 'input.projectId'],
] as const;

/** What is done at the service and environment that the input names. */
function atInput(effect: Row['effect'], summary: string): Row {
  return { effect, summary, on: [['service', 'input.serviceId']], at: INPUT_AT };
}

/** The same; `allEnvironments` reaches beyond the environment that it names. */
function atInputOrEverywhere(effect: Row['effect'], summary: string): Row {
  return {
    ...atInput(effect, summary),
    at: [
      ['environment', 'input.environmentId'],
      ['service', 'input.serviceId', undefined, 'input.allEnvironments'],
      ['service-member', 'input.serviceId'],
    ],
  };
}

export const NETWORK_QUERIES: Rows = {
  domains: {
    effect: 'read',
    summary: 'Lists the domains of a service in one environment.',
    on: [['service', 'serviceId']],
    at: QUERY_AT,
  },
  customDomain: {
    effect: 'read',
    summary: 'Shows a domain.',
    on: [['custom-domain', 'id']],
    at: [
      ['custom-domain', 'id'],
      ['project', 'projectId'],
    ],
  },
  tcpProxies: {
    effect: 'read',
    summary: 'Lists the open ports of a service in one environment.',
    on: [['service', 'serviceId']],
    at: QUERY_AT,
  },
  egressGateways: {
    effect: 'read',
    summary: 'Lists the addresses from which a service reaches out.',
    on: [['service', 'serviceId']],
    at: QUERY_AT,
  },
  egressGatewayHAPreview: {
    effect: 'read',
    summary: 'Shows the addresses from which a service would reach out.',
    on: [['service', 'serviceId']],
    at: QUERY_AT,
  },
  egressGatewayLegacyPreview: {
    effect: 'read',
    summary: 'Shows the addresses from which a service would reach out.',
    on: [['service', 'serviceId']],
    at: QUERY_AT,
  },
  domainStatus: {
    effect: 'read',
    summary: 'Shows whether a domain works.',
    on: [['custom-domain', 'id']],
    at: [
      ['custom-domain', 'id'],
      ['project', 'projectId'],
    ],
  },
  privateNetworks: {
    effect: 'read',
    summary: 'Lists the private networks of an environment.',
    on: [['environment', 'environmentId']],
    at: [['environment', 'environmentId']],
  },
  privateNetworkEndpoint: {
    effect: 'read',
    summary: 'Shows under which name a service is found in a private network.',
    on: [['service', 'serviceId']],
    at: [...QUERY_AT, ['private-network', 'privateNetworkId', 'environmentId']],
  },
  privateNetworkEndpointNameAvailable: {
    effect: 'read',
    summary: 'Tells whether a name is free in a private network.',
    on: [['environment', 'environmentId']],
    at: [
      ['environment', 'environmentId'],
      ['private-network', 'privateNetworkId', 'environmentId'],
    ],
  },
  validateServiceEdgeRules: {
    effect: 'read',
    summary: 'Tells whether rules for what reaches a service could be set.',
    on: [['service', 'input.serviceId']],
    at: INPUT_AT,
  },
};

export const NETWORK_MUTATIONS: Rows = {
  customDomainCreate: atInput('write', 'Lets a service answer under a domain.'),
  customDomainUpdate: {
    effect: 'write',
    summary: 'Changes the port behind a domain.',
    on: [['custom-domain', 'id']],
    // Which of the two Railway goes by is not known, so both count.
    at: [
      ['custom-domain', 'id'],
      ['environment', 'environmentId'],
    ],
  },
  customDomainDelete: {
    effect: 'delete',
    summary: 'Removes a domain.',
    on: [['custom-domain', 'id']],
    at: [['custom-domain', 'id']],
  },
  serviceDomainCreate: atInput('write', 'Gives a service a domain of Railway’s.'),
  serviceDomainUpdate: {
    effect: 'write',
    summary: 'Renames a domain of Railway’s, so that the old name leads nowhere.',
    on: [['service-domain', 'input.serviceDomainId']],
    at: [['service-domain', 'input.serviceDomainId'], ...INPUT_AT],
  },
  serviceDomainDelete: {
    effect: 'delete',
    summary: 'Removes a domain of Railway’s.',
    on: [['service-domain', 'id']],
    at: [['service-domain', 'id']],
  },
  tcpProxyCreate: atInput('escalate', 'Opens a port of a service to everybody.'),
  tcpProxyDelete: {
    effect: 'delete',
    summary: 'Closes a port of a service.',
    on: [['tcp-proxy', 'id']],
    at: [['tcp-proxy', 'id']],
  },
  egressGatewayAssociationCreate: atInput('write', 'Gives a service an address to reach out from.'),
  egressGatewayAssociationsClear: atInputOrEverywhere(
    'delete',
    'Takes from a service the addresses that it reaches out from.',
  ),
  egressGatewayUpgradeToHA: atInputOrEverywhere(
    'delete',
    'Replaces the addresses that a service reaches out from.',
  ),
  egressGatewayRollbackFromHA: atInputOrEverywhere(
    'delete',
    'Replaces the addresses that a service reaches out from.',
  ),
  egressGatewayHAMigrationPreview: atInputOrEverywhere(
    'read',
    'Shows the addresses from which a service would reach out.',
  ),
  customDomainIssueCertificate: {
    effect: 'write',
    summary: 'Has a new certificate made for a domain.',
    on: [['custom-domain', 'id']],
    at: [['custom-domain', 'id']],
  },
  enableServiceCdn: atInput('write', 'Puts a cache in front of a service.'),
  disableServiceCdn: atInput('delete', 'Takes away the cache in front of a service.'),
  updateServiceEdgeConfig: atInput('write', 'Changes how long the cache before a service keeps.'),
  updateServiceEdgeRules: atInput(
    'delete',
    'Replaces every rule of what reaches a service: what is blocked, and what is sent elsewhere.',
  ),
  setServiceUnderAttackMode: {
    ...atInput('write', 'Has visitors of a service challenged, or no longer.'),
    adds: [
      {
        when: 'input.enabled',
        is: 'not true',
        operation: 'serviceUnprotect',
        on: [['service', 'input.serviceId']],
      },
    ],
  },
  privateNetworkCreateOrGet: {
    effect: 'write',
    summary: 'Makes a private network.',
    on: [['environment', 'input.environmentId']],
    at: [
      ['environment', 'input.environmentId'],
      ['project', 'input.projectId'],
    ],
  },
  privateNetworkEndpointCreateOrGet: {
    effect: 'write',
    summary: 'Puts a service into a private network under a name.',
    on: [['service', 'input.serviceId']],
    at: [
      ['environment', 'input.environmentId'],
      ['service-member', 'input.serviceId'],
      ['private-network', 'input.privateNetworkId', 'input.environmentId'],
    ],
  },
  privateNetworksForEnvironmentDelete: {
    effect: 'delete',
    summary: 'Deletes every private network of an environment.',
    on: [['environment', 'environmentId']],
    at: [['environment', 'environmentId']],
  },
  ...neverForwarded('unplaced', 'delete', {
    privateNetworkEndpointDelete: 'Takes a service out of a private network.',
    privateNetworkEndpointRename:
      'Renames a service in a private network, so that it is not found.',
  }),
  purgeServiceCache: atInput('delete', 'Empties the cache in front of a service.'),
};
