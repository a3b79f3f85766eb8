/** What is proposed of an API that nobody reviewed yet: the worst that its words let fear, whatever its document is. */
import { isDeleteCapable } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { compile, importGraphql, importOpenApi, proposeEffect } from '../src/description/index.ts';

const proposed = (request: string, name = '', summary = '-') => {
  const [method = '', path = ''] = request.split(' ');
  return proposeEffect({ method, path, name, summary }).effect;
};

describe('an operation is proposed as no milder than it sounds', () => {
  test.each([
    ['GET /logs/{id}/delete', ''],
    ['GET /jobs/{id}/restart', ''],
    ['HEAD /cache/purge', ''],
    ['GET /x', 'deleteEverything'],
    ['GET /session', 'logout'],
    ['GET /domains/{domain}/auth-code', ''],
    ['GET /clusters/{id}/kubeconfig', ''],
    ['GET /projects/{id}/env', ''],
    ['GET /cards/{id}/card_number', ''],
    ['GET /files/{id}/presigned-url', ''],
    ['GET /users/{id}/backup_codes', ''],
    ['POST /buckets/{id}/empty', ''],
    ['POST /queues/{id}/flush', ''],
    ['POST /items/{id}/trash', ''],
    ['POST /vms/{id}/resize', ''],
    ['POST /apps/{id}/scale', ''],
    ['POST /posts/{id}/unpublish', ''],
    ['POST /x', 'wipeDevice'],
    ['PUT /files/{id}/shares', ''],
    ['POST /users/{id}/impersonate', ''],
    ['POST /keys/{id}/rotate', ''],
    ['POST /admins', ''],
    ['POST /sessions', ''],
    ['POST /vms/{id}/reboot', ''],
    ['POST /sandboxes/{id}/resume', ''],
    ['POST /plans/{id}/apply', ''],
    ['OPTIONS /x', ''],
  ])('%s %s', (request, name) => {
    expect(proposed(request, name)).toSatisfy(isDeleteCapable);
  });

  test.each([
    ['GET /deleted-items', 'listDeletedItems', 'read'],
    ['GET /runs/{id}', 'getRun', 'read'],
    ['GET /environments', 'listEnvironments', 'read'],
    ['POST /notes', 'createNote', 'write'],
    ['PATCH /notes/{id}', 'updateNote', 'write'],
  ])('%s stays what it is', (request, name, effect) => {
    expect(proposed(request, name)).toBe(effect);
  });
});

describe('a hostile document', () => {
  const document = (more: object) => ({
    openapi: '3.1.0',
    info: { title: 'x', version: '1' },
    servers: [{ url: 'https://api.example.com' }],
    ...more,
  });
  const body = (schema: object) => ({
    content: { 'application/json': { schema } },
  });
  const post = (schema: object, more: object = {}) =>
    importOpenApi(document({ paths: { '/x': { post: { requestBody: body(schema) } } }, ...more }), {
      name: 'x',
      base: null,
    }).description;

  test('whose references go round in circles is read to an end', () => {
    const itself = { $ref: '#/components/schemas/A' };
    const description = post(itself, {
      components: { schemas: { A: { allOf: Array.from({ length: 12 }, () => itself) } } },
    });
    expect(description.operations).toMatchObject([{ effect: 'delete', body: { keys: 'any' } }]);
  });

  test('with more operations than a description holds is refused before they are compared', () => {
    const paths = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, at) => [`/a${at}/b`, { get: {} }]),
    );
    const draft = () => importOpenApi(document({ paths }), { name: 'x', base: null });
    expect(draft).toThrow(/more operations than the 4096/);
    const fields = Array.from({ length: 9_000 }, (_, at) => `f${at}: Int`).join(' ');
    const options = { name: 'x', base: 'https://api.example.com/graphql' };
    expect(() => importGraphql(`type Query { ${fields} }`, options)).toThrow(/more operations/);
  });

  test('with arguments within arguments is read as far as a description holds', () => {
    const inside = Array.from({ length: 150 }, (_, at) => `a${at}: I`).join(' ');
    const { description } = importGraphql(`type Query { f(a: I): Int } input I { ${inside} }`, {
      name: 'x',
      base: 'https://api.example.com/graphql',
    });
    expect(description.operations).toMatchObject([{ arguments: 'any' }]);
  });

  test.each([
    ['itself', { $ref: '#/components/schemas/A' }],
    ['a prototype', { $ref: '#/constructor/prototype' }],
    ['elsewhere', { $ref: 'https://evil.example/schema.json#/x' }],
    ['a file', { $ref: 'file:///etc/passwd' }],
  ])('whose body refers to %s says nothing of it', (_name, schema) => {
    const description = post(schema, { components: { schemas: { A: schema } } });
    expect(description.operations).toMatchObject([{ effect: 'delete', body: { keys: 'any' } }]);
    compile(description);
  });

  test.each<[string, object]>([
    ['names of prototypes', { '/constructor': { get: { operationId: '__proto__' } } }],
    ['things that are no objects', { '/x': 5, '/y': [1], '/z': { get: 'no', post: null } }],
    ['lists that are none', { '/x': { get: { parameters: 'no', summary: { a: 1 } } } }],
    ['names that steer a terminal', { '/x': { get: { summary: '\u001b[2Ja\u202eb\u009b31m' } } }],
    ['a path that is only a part', { '/x/{id}.json': { delete: {} }, '/ok': { get: {} } }],
  ])('with %s gives a description, or a refusal in words', (_name, paths) => {
    const { description } = importOpenApi(document({ paths }), { name: 'x', base: null });
    expect(JSON.stringify(description)).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    if (description.operations.length > 0) compile(description);
    else expect(() => compile(description)).toThrow();
  });
});
