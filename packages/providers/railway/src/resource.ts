/**
 * Resources of Railway: `<kind>/<id>`, with the ids as Railway prints them. A second spelling of an id (upper case,
 * without hyphens) is none, or a rule that names the first would not hold for it.
 */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/;

const RESOURCE_KINDS = [
  'account',
  'backup',
  'bucket',
  'checkpoint',
  'cloud-agent',
  'custom-domain',
  'dashboard',
  'deployment',
  'deployment-trigger',
  'environment',
  'patch',
  'project',
  'sandbox',
  'service',
  'service-domain',
  'service-instance',
  'ssh-key',
  'tcp-proxy',
  'token',
  /** `variable/<id of its service, or of its environment where it is shared>/<name>`. */
  'variable',
  'volume',
  'volume-instance',
  'workspace',
] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

/** The account behind the credential, whichever it is. */
export const ACCOUNT = 'account/self';

export function isId(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

/** A name that one spelling stands for. Railway's own rules are as strict in practice. */
export function isVariableName(name: string): boolean {
  return VARIABLE.test(name) && name !== '__proto__';
}

/** The kind of a canonical resource; null for what is none. */
export function kindOf(resource: string): ResourceKind | null {
  if (resource === ACCOUNT) return 'account';
  const [kind = '', id = '', ...rest] = resource.split('/');
  const known = RESOURCE_KINDS.find((each) => each === kind && each !== 'account') ?? null;
  if (known === null || !isId(id)) return null;
  if (known !== 'variable') return rest.length === 0 ? known : null;
  const [name = '', ...more] = rest;
  return more.length === 0 && isVariableName(name) ? known : null;
}
