/** Tokens, keys, codes: whatever lets somebody in. And what runs anything anywhere. */
import type { Place, Rows, Target } from './row.ts';

const ACCOUNT: readonly Target[] = [['account']];
const WHOLE_ACCOUNT: readonly Place[] = [['account', '']];
const CLUSTER_AT = [
  ['environment', 'input.environmentId'],
  ['service-member', 'input.rootServiceId'],
  ['project', 'input.projectId'],
] as const;

export const ACCESS_QUERIES: Rows = {
  me: { effect: 'read', summary: 'Shows the account behind the credential.', on: ACCOUNT },
  apiToken: { effect: 'read', summary: 'Shows how far the credential reaches.', on: ACCOUNT },
  projectToken: { effect: 'read', summary: 'Shows how far the credential reaches.', on: ACCOUNT },
  apiTokens: {
    effect: 'reveal',
    summary: 'Lists tokens, with the ends of them.',
    on: ACCOUNT,
    at: WHOLE_ACCOUNT,
  },
  projectTokens: {
    effect: 'reveal',
    summary: 'Lists the tokens of a project, with the ends of them.',
    on: [['project', 'projectId']],
    at: [['everywhere', 'projectId']],
  },
};

export const ACCESS_MUTATIONS: Rows = {
  apiTokenCreate: {
    effect: 'escalate',
    summary: 'Makes a token that reaches everything, and shows it.',
    on: [['workspace', 'input.workspaceId'], ['account']],
    at: WHOLE_ACCOUNT,
  },
  apiTokenDelete: {
    effect: 'delete',
    summary: 'Ends a token.',
    on: [['token', 'id']],
    at: WHOLE_ACCOUNT,
  },
  projectTokenCreate: {
    effect: 'escalate',
    summary: 'Makes a token that reaches all of an environment, and shows it.',
    on: [['environment', 'input.environmentId']],
    at: [
      ['environment', 'input.environmentId'],
      ['project', 'input.projectId'],
    ],
  },
  projectTokenDelete: {
    effect: 'delete',
    summary: 'Ends the token of an environment.',
    on: [['token', 'id']],
    at: [['token', 'id']],
  },
  sshPublicKeyCreate: {
    effect: 'escalate',
    summary: 'Lets whoever has a key into every service.',
    on: [['workspace', 'input.workspaceId'], ['account']],
    at: WHOLE_ACCOUNT,
  },
  sshPublicKeyDelete: {
    effect: 'delete',
    summary: 'Ends a key.',
    on: [['ssh-key', 'id']],
    at: WHOLE_ACCOUNT,
  },
  sshSignupApprove: {
    effect: 'escalate',
    summary: 'Lets whoever offered a key into every service.',
    on: ACCOUNT,
    at: WHOLE_ACCOUNT,
  },
  // Nothing tells of an instance's id in which environment it stands.
  generateShellToken: {
    effect: 'escalate',
    summary: 'Makes a token for a shell beside a service, and shows it.',
    on: [['environment', 'input.environmentId']],
    at: WHOLE_ACCOUNT,
  },
  webhookTest: {
    effect: 'execute',
    summary: 'Sends anything to anybody, from Railway.',
    on: ACCOUNT,
    at: WHOLE_ACCOUNT,
  },
  cloudAgentCreate: {
    effect: 'execute',
    summary: 'Starts an agent that runs what it likes in an environment.',
    on: [['environment', 'input.environmentId']],
    at: [['environment', 'input.environmentId']],
  },
  enablePitrForHaCluster: {
    effect: 'execute',
    summary: 'Redeploys a cluster of databases so that it can be restored to any time.',
    on: [['service', 'input.rootServiceId']],
    at: CLUSTER_AT,
  },
  disablePitrForHaCluster: {
    effect: 'delete',
    summary: 'Ends that a cluster of databases can be restored to any time.',
    on: [['service', 'input.rootServiceId']],
    at: CLUSTER_AT,
  },
};
