import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  DraftRequest,
  Envelope,
  Name,
  openApiDocument,
  Reason,
  RequestedDetails,
  Resource,
  type Route,
  routes,
  STATEMENT_BODIES,
  STATEMENT_KINDS,
} from '../src/index.ts';

describe('statement kinds', () => {
  test('each has exactly one body, and each body a kind', () => {
    expect([...STATEMENT_KINDS].sort()).toEqual(Object.keys(STATEMENT_BODIES).sort());
  });

  test.each(STATEMENT_KINDS)('%s has no optional member: a meaning has one form', (kind) => {
    for (const [name, shape] of Object.entries(STATEMENT_BODIES[kind].shape)) {
      expect([name, shape.safeParse(undefined).success]).toEqual([name, false]);
    }
  });

  test.each(STATEMENT_KINDS)('%s refuses a member nobody described', (kind) => {
    const parsed = STATEMENT_BODIES[kind].safeParse({ surprise: 1 });
    expect(parsed.error?.issues.some((issue) => issue.code === 'unrecognized_keys')).toBe(true);
  });

  test.each([0, -1, 1, 1.5, '2', null, 1e9, undefined])('a quorum of %j is refused', (quorum) => {
    const rule = {
      environment: null,
      name: 'production',
      class: 'production',
      quorum,
      groups: [],
      user_verified: 0,
      cool_off: 0,
      require_dpop: false,
    };
    expect(STATEMENT_BODIES['environment.set'].safeParse(rule).success).toBe(false);
    expect(STATEMENT_BODIES['environment.set'].safeParse({ ...rule, quorum: 2 }).success).toBe(
      true,
    );
  });
});

describe('primitives', () => {
  test.each(['', 'A', 'a b', '-a', 'a-', 'a'.repeat(64), 'ä', 'a\u202e', '../a'])(
    'no name: %j',
    (text) => {
      expect(Name.safeParse(text).success).toBe(false);
    },
  );

  test.each(['\u0000', 'a\nb', 'a\u202eb', 'a\u200bb', '\ud800', 'a\u2028b'])(
    'no words that lie on a screen: %j',
    (text) => {
      expect(Reason.safeParse(text).success).toBe(false);
      expect(Resource.safeParse(text).success).toBe(false);
    },
  );

  test('an envelope has no room for more than its payload', () => {
    const envelope = { payload: 'e30', signatures: [], assertions: [] };
    expect(Envelope.safeParse(envelope).success).toBe(true);
    expect(Envelope.safeParse({ ...envelope, header: {} }).success).toBe(false);
  });

  test('authorization_details of another type, or with unknown fields, are refused (RFC 9396)', () => {
    const detail = { type: 'countersign', connection: 'pg', environment: 'staging' };
    expect(RequestedDetails.safeParse([detail]).success).toBe(true);
    for (const bad of [
      [],
      [{ ...detail, type: 'openid' }],
      [{ ...detail, actions: ['read'] }],
      [{ ...detail, operations: [] }],
      [{ ...detail, operations: ['*'] }],
      [{ ...detail, environment: undefined }],
      detail,
    ]) {
      expect(RequestedDetails.safeParse(bad).success).toBe(false);
    }
  });

  test('a draft names a kind that exists', () => {
    expect(DraftRequest.safeParse({ kind: 'quorum.skip', id: 'x', body: {} }).success).toBe(false);
  });
});

describe('the OpenAPI document', () => {
  const Document = z.looseObject({
    openapi: z.literal('3.1.0'),
    paths: z.record(z.string(), z.record(z.string(), z.looseObject({ operationId: z.string() }))),
  });

  test('has every route of the table, the gateway, and no other', () => {
    const { paths } = Document.parse(openApiDocument('http://localhost:8420', '0'));
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, { operationId }]) => `${method} ${path} ${operationId}`,
      ),
    );
    const described = Object.entries<Route>(routes).map(
      ([name, route]) => `${route.method} ${route.path} ${name}`,
    );
    const gateway = ['get', 'post', 'put', 'patch', 'delete'].map(
      (method) => `${method} /gateway/{connection}/{path} gateway_${method}`,
    );
    expect(documented.sort()).toEqual([...described, ...gateway].sort());
  });
});
