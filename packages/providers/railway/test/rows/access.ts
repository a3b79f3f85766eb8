/** What operations on credentials, and what runs elsewhere do. */
import { place, put, type Row, s, the } from '../support/rows.ts';

export const ACCESS: readonly Row[] = [
  {
    does: 'webhookTest sends anything anywhere',
    mutation: () => `webhookTest(url: "http://169.254.169.254/", payload: "x")`,
    effects: ['executed execution'],
    reaches: [],
  },
  {
    does: 'apiTokenCreate mints a credential and shows it',
    mutation: () => `apiTokenCreate(input: { name: "x" })`,
    effects: ['created credential token', 'revealed token'],
    reaches: [],
  },
  {
    does: 'projectTokenCreate mints a credential of one environment',
    mutation: (railway) => `projectTokenCreate(input: { ${place(railway)}, name: "x" })`,
    effects: ['created credential token', 'revealed token'],
  },
  {
    does: 'sshPublicKeyCreate lets somebody in',
    mutation: () => `sshPublicKeyCreate(input: { name: "x", publicKey: "ssh-ed25519 A" }) { id }`,
    effects: ['created credential ssh-key'],
    reaches: [],
  },
  {
    does: 'generateShellToken opens a shell',
    mutation: ({ rental }) =>
      `generateShellToken(input: { environmentId: ${s(rental.staging.id)}, instanceId: "x", scope: "shell" })`,
    effects: ['created credential shell-session', 'revealed shell-session'],
  },
  {
    does: 'bucketCredentialsReset replaces a credential and shows it',
    mutation: ({ rental }) =>
      `bucketCredentialsReset(projectId: ${s(rental.projectId)}, bucketId: ${s(rental.bucketId)}, environmentId: ${s(rental.production.id)}) { secretAccessKey }`,
    effects: ['created credential bucket-instance', 'revealed bucket-instance'],
    reaches: ['production'],
  },
  {
    does: 'apiTokenDelete ends a token',
    mutation: ({ rental }) => `apiTokenDelete(id: ${s(rental.tokens.workspace.id)})`,
    effects: ['destroyed token'],
    reaches: [],
  },
  {
    does: 'projectTokenDelete ends a token',
    mutation: ({ rental }) => `projectTokenDelete(id: ${s(rental.tokens.staging.id)})`,
    effects: ['destroyed token'],
  },
  {
    does: 'sshPublicKeyDelete ends a key',
    given: (railway) =>
      put(railway, 'ssh-key', {
        name: 'x',
        publicKey: 'ssh-ed25519 A',
        userId: railway.rental.userId,
        workspaceId: null,
      }),
    mutation: (railway) => `sshPublicKeyDelete(id: ${the(railway, 'ssh-key')})`,
    effects: ['destroyed ssh-key'],
    reaches: [],
  },
  {
    does: 'sshSignupApprove lets in whoever offered the key',
    given: (railway) =>
      put(railway, 'ssh-signup', {
        code: 'offered',
        publicKey: 'ssh-ed25519 A',
        userId: railway.rental.userId,
      }),
    mutation: () => 'sshSignupApprove(code: "offered")',
    effects: ['created credential ssh-key', 'destroyed ssh-signup'],
    reaches: [],
  },
  {
    does: 'bucketCreate makes a bucket that is nowhere yet',
    mutation: ({ rental }) => `bucketCreate(input: { projectId: ${s(rental.projectId)} }) { id }`,
    effects: ['created bucket'],
    reaches: [],
  },
  {
    does: 'bucketUpdate renames',
    mutation: ({ rental }) =>
      `bucketUpdate(id: ${s(rental.bucketId)}, input: { name: "x" }) { id }`,
    effects: ['changed bucket'],
    reaches: ['production'],
  },
];
