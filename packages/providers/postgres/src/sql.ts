/**
 * The few places where text becomes SQL. Utility statements take no parameters, so what goes into
 * them is quoted here, or is one of our own names that need no quotes.
 */
import { ProviderError } from '@countersign/provider-kit';
import { isStorableName } from './resource.ts';

/** An identifier, always quoted. @throws ProviderError `refused` for what PostgreSQL cannot store */
export function identifier(name: string): string {
  if (!isStorableName(name)) {
    throw new ProviderError('refused', 'A name is longer than 63 bytes or no text at all.');
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string constant of an alphabet without quotes and backslashes; anything else is refused. */
export function plainLiteral(text: string): string {
  if (!/^[A-Za-z0-9+/=$:.-]*$/.test(text)) {
    throw new ProviderError('refused', 'A value does not fit into a statement.');
  }
  return `'${text}'`;
}
