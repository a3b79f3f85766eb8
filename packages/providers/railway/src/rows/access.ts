/** Tokens, keys, codes: whatever lets somebody in. And what runs anything anywhere. */
import { ACCOUNT, type Rows } from './row.ts';

export const ACCESS_QUERIES: Rows = {
  me: { effect: 'read', summary: 'Shows the account behind the credential.', on: ACCOUNT },
  apiToken: { effect: 'read', summary: 'Shows how far the credential reaches.', on: ACCOUNT },
  projectToken: { effect: 'read', summary: 'Shows how far the credential reaches.', on: ACCOUNT },
  apiTokens: {
    effect: 'reveal',
    summary: 'Lists tokens, with the ends of them.',
    on: ACCOUNT,
    never: 'account',
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
    never: 'account',
  },
  apiTokenDelete: {
    effect: 'delete',
    summary: 'Ends a token.',
    on: [['token', 'id']],
    never: 'account',
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
    never: 'account',
  },
  sshPublicKeyDelete: {
    effect: 'delete',
    summary: 'Ends a key.',
    on: [['ssh-key', 'id']],
    never: 'account',
  },
  sshSignupApprove: {
    effect: 'escalate',
    summary: 'Lets whoever offered a key into every service.',
    on: ACCOUNT,
    never: 'account',
  },
  generateShellToken: {
    effect: 'escalate',
    summary: 'Makes a token for a shell beside a service, and shows it.',
    on: [['environment', 'input.environmentId']],
    // Nothing tells of an instance's id in which environment it stands.
    never: 'unplaced',
  },
  webhookTest: {
    effect: 'execute',
    summary: 'Sends anything to anybody, from Railway.',
    on: ACCOUNT,
    never: 'account',
  },
};
