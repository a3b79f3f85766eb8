/** Tokens, keys and codes, and what else is small. */
import type * as records from '../world/records.ts';
import { type Fields, theOne } from './resolve.ts';

/** The last characters of a secret: as much of it as its owner ever sees again. */
const displayToken = ({ secret }: records.Token): string => `****-${secret.slice(-4)}`;

export const ApiToken: Fields<records.Token> = { displayToken, expiresAt: () => null };

export const ProjectToken: Fields<records.Token> = {
  displayToken,
  project: theOne('project', 'projectId'),
  environment: theOne('environment', 'environmentId'),
};

export const SshPublicKey: Fields<records.SshKey> = {
  fingerprint: ({ publicKey }) => `SHA256:${publicKey.slice(-12)}`,
};

export const InviteCode: Fields<records.InviteCode> = { project: theOne('project', 'projectId') };

export const synced = { syncStatus: () => 'ACTIVE' };

export const Sandbox: Fields<records.Sandbox> = { status: () => 'RUNNING' };

export const CloudAgent: Fields<records.CloudAgent> = {
  status: () => 'RUNNING',
  consoleTargetId: ({ id }) => id,
};

/** The world keeps of an item no more than its id. */
export const ObservabilityDashboard: Fields<records.Dashboard> = {
  items: ({ items }) =>
    items.map((id) => ({
      id,
      displayConfig: {},
      dashboardItem: { id, name: id, type: 'SERVICE_LOGS_ITEM', config: {}, monitors: [] },
    })),
};

export const Signal: Fields<records.Signal> = { writableBy: () => [] };
