/**
 * Whether this version can read an authority entry at all. What was ever signed is read for ever, so one
 * that cannot be read was written by a newer version: to leave it out would be to miss a revocation.
 */
import {
  CatalogPartBody,
  CatalogRecordedBody,
  isAuthorityEntryType,
  RestoredBody,
  StatementEffectiveBody,
  StatementProposedBody,
  StatementSignedBody,
} from '@countersign/contract';
import { decodeStatement } from './envelope.ts';

/** True when type, body and, in a proposal, the statement are of shapes this version knows. Never throws. */
export function isReadable(type: string, body: unknown): boolean {
  if (!isAuthorityEntryType(type)) return false;
  switch (type) {
    case 'statement.proposed': {
      const parsed = StatementProposedBody.safeParse(body);
      return parsed.success && isDecodable(parsed.data.envelope.payload);
    }
    case 'statement.signed':
      return StatementSignedBody.safeParse(body).success;
    case 'statement.effective':
      return StatementEffectiveBody.safeParse(body).success;
    case 'catalog.recorded':
      return CatalogRecordedBody.safeParse(body).success;
    case 'catalog.part':
      return CatalogPartBody.safeParse(body).success;
    case 'restored':
      return RestoredBody.safeParse(body).success;
  }
}

function isDecodable(payload: string): boolean {
  try {
    decodeStatement(payload);
    return true;
  } catch {
    return false;
  }
}
