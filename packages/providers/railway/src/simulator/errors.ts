/** The refusals of Railway, in its words and codes. They travel with HTTP 200, as everything it answers does. */
import { GraphQLError } from 'graphql';

function refusal(message: string, code: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

/** No credential, a wrong one, one in the wrong header, or one that does not reach so far. */
export function notAuthorized(): GraphQLError {
  return refusal('Not Authorized', 'INTERNAL_SERVER_ERROR');
}

/** @param what as people call it: `Deployment` → `Deployment not found`. */
export function notFound(what: string): GraphQLError {
  return refusal(`${what} not found`, 'INTERNAL_SERVER_ERROR');
}

export function badInput(message: string): GraphQLError {
  return refusal(message, 'BAD_USER_INPUT');
}
