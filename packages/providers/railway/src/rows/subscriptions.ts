/**
 * Subscriptions need a WebSocket, on which anything may be asked for once it is open: none is forwarded. Each has
 * the class of the query that shows the same, which is what an agent is told to ask instead, again and again.
 */
export const SUBSCRIPTIONS: Readonly<Record<string, string>> = {
  buildLogs: 'buildLogs',
  deployment: 'deployment',
  deploymentEvents: 'deploymentEvents',
  deploymentInstanceExecutions: 'deploymentInstanceExecutions',
  deploymentLogs: 'deploymentLogs',
  dnsQueryLogs: 'dnsQueryLogs',
  environmentLogs: 'environmentLogs',
  environmentStagedPatch: 'environmentStagedChanges',
  httpLogs: 'httpLogs',
  networkFlowLogs: 'networkFlowLogs',
  notificationDeliveryUpdated: 'notificationDeliveries',
  pluginLogs: 'pluginLogs',
  replicationProgress: 'volumeInstance',
};
