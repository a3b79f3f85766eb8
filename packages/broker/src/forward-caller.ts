/** Who asks for a request to be forwarded, and the request as its provider may see it: no token in it. */
import { nameKey, presentConnection } from '@countersign/authority';
import type { InboundRequest } from '@countersign/provider-kit';
import { Unauthenticated } from './authenticate.ts';
import type { Deps } from './deps.ts';
import { type Subject, verifySender, verifyToken } from './subject-token.ts';
import type { ForwardInput, Presented } from './use-cases.ts';

/** Bytes that are read of a request on a connection that forwards nothing, to be able to say so. */
const LONGEST_ELSEWHERE = 65_536;

/** All that a provider ever sees of what came. Anything else says nothing that it could be asked about. */
const SHOWN_HEADERS = ['accept', 'accept-language', 'content-type', 'user-agent'] as const;

export interface ForwardRequest {
  readonly caller: Subject;
  readonly token: string;
  /** By name. */
  readonly connection: string;
  readonly inbound: InboundRequest;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** @throws Unauthenticated; CountersignError `too_large`, `invalid_request` */
export async function readForwardRequest(deps: Deps, input: ForwardInput): Promise<ForwardRequest> {
  const { version } = deps.authority;
  const { scheme, token } = presentedIn(deps, input);
  const claims = await verifyToken(deps, token);
  requireScheme(deps, scheme, claims.cnf !== undefined);
  const body = await input.readBody(longestBodyOn(deps, input.connection));
  // One URL may stand for every operation there is, so a proof is for one body.
  const once = await verifySender(deps, claims, input.proof, {
    method: input.method,
    url: input.url,
    accessToken: token,
    body,
  });
  return {
    caller: { claims, once, client: null, version },
    token,
    connection: input.connection,
    inbound: {
      method: input.method,
      path: input.path,
      query: input.query,
      headers: new Map(
        SHOWN_HEADERS.flatMap((name) => {
          const value = input.headers.get(name);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
      body,
    },
    signal: input.signal,
  };
}

/** The token, from `Authorization` or where a provider's own clients put theirs, and from one place only. */
function presentedIn(
  deps: Deps,
  { authorization, headers }: ForwardInput,
): { readonly scheme: Presented['scheme'] | null; readonly token: string } {
  const names = [...deps.providers.values()].flatMap(({ gateway }) => gateway?.tokenHeaders ?? []);
  const elsewhere = [...new Set(names)].flatMap((name) => {
    const token = headers.get(name);
    return token === undefined ? [] : [{ scheme: null, token }];
  });
  const [found, ...others] = [...(authorization === null ? [] : [authorization]), ...elsewhere];
  if (found === undefined) {
    deps.denials.unauthenticated('unauthenticated');
    throw new Unauthenticated('unauthenticated', 'This request needs a token of this broker.');
  }
  if (others.length > 0) {
    deps.denials.unauthenticated('invalid_token');
    throw new Unauthenticated(
      'invalid_token',
      'The token goes into one header, and is there twice.',
    );
  }
  return found;
}

/** RFC 9449 section 7.1: a bound token is never a bearer. Other headers have no scheme to say it with. */
function requireScheme(deps: Deps, scheme: Presented['scheme'] | null, isBound: boolean): void {
  if (scheme === null || (scheme === 'DPoP') === isBound) return;
  deps.denials.unauthenticated('sender_mismatch');
  throw new Unauthenticated(
    'sender_mismatch',
    isBound
      ? 'This token is bound to a key; present it as DPoP, with a proof.'
      : 'This token is not bound to a key; present it as Bearer.',
  );
}

function longestBodyOn(deps: Deps, name: string): number {
  const { state } = deps.authority;
  const id = state.names.get(nameKey('connection', name)) ?? '';
  const provider = presentConnection(state, id)?.body.provider ?? '';
  return deps.providers.get(provider)?.gateway?.longestBody ?? LONGEST_ELSEWHERE;
}
