/**
 * The names of what this provider makes in a target: all begin with `cs`, carry the broker's tag and
 * need no quotes, so a role is found, told apart from another broker's, and never escapes SQL.
 */
import { isUuid } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';

const BROKER_TAG = /^[a-z0-9]{8}$/;
const DIGEST = /^[0-9a-f]{64}$/;

/** What every lease role begins with, whichever broker's. */
export const LEASE_ROLES = 'csl_';

/** What every group role begins with, whichever broker's. */
export const GROUP_ROLES = 'csg_';

/** What the role begins with that gets what leases leave, whichever broker's. */
export const HEIR_ROLES = 'csh_';

/** What every lease role of this broker begins with. */
export function leaseRolePrefix(brokerTag: string): string {
  return `${LEASE_ROLES}${checked(brokerTag)}_`;
}

/** What the login of every dry run of this broker begins with: none is a lease, so none is reaped as one. */
export function dryRunRolePrefix(brokerTag: string): string {
  return `csd_${checked(brokerTag)}_`;
}

/** What every group role of this broker begins with. */
export function groupRolePrefix(brokerTag: string): string {
  return `${GROUP_ROLES}${checked(brokerTag)}_`;
}

/** @throws ProviderError `refused` when the lease id is no UUID */
export function leaseRole(brokerTag: string, leaseId: string): string {
  if (!isUuid(leaseId)) throw new ProviderError('refused', 'A lease id must be a UUID.');
  return `${leaseRolePrefix(brokerTag)}${leaseId.replaceAll('-', '')}`;
}

/** @throws ProviderError `refused` when the id is no UUID */
export function dryRunRole(brokerTag: string, id: string): string {
  if (!isUuid(id)) throw new ProviderError('refused', 'The id of a dry run must be a UUID.');
  return `${dryRunRolePrefix(brokerTag)}${id.replaceAll('-', '')}`;
}

/** Milliseconds: when a dry run began, as the UUIDv7 in its role's name says. */
export function dryRunBegan(brokerTag: string, role: string): number {
  return Number.parseInt(role.slice(dryRunRolePrefix(brokerTag).length).slice(0, 12), 16);
}

/** The role that gets what a lease or a dry run leaves: one for each broker. `role` is a name of ours. */
export function heirRole(role: string): string {
  return `${HEIR_ROLES}${checked(role.slice(LEASE_ROLES.length, LEASE_ROLES.length + 8))}`;
}

/** The lease that a role of this broker was made for, or null when it is no lease role. */
export function leaseIdOf(brokerTag: string, role: string): string | null {
  const prefix = leaseRolePrefix(brokerTag);
  const hex = role.slice(prefix.length);
  if (!role.startsWith(prefix) || !/^[0-9a-f]{32}$/.test(hex)) return null;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** `digest` is a SHA-256 in hex; half of it names the role, all of it is never needed again. */
export function groupRole(brokerTag: string, digest: string): string {
  if (!DIGEST.test(digest)) throw new ProviderError('refused', 'A group role needs a digest.');
  return `${groupRolePrefix(brokerTag)}${digest.slice(0, 32)}`;
}

function checked(brokerTag: string): string {
  if (!BROKER_TAG.test(brokerTag)) {
    throw new ProviderError('misconfigured', 'The broker tag must be eight of a-z and 0-9.');
  }
  return brokerTag;
}
