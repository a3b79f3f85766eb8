/**
 * OpenBao, where its binary is on PATH: a JWT login for a short-lived token, with its audit device
 * writing a line for each. In dev mode its storage is memory, which only speaks for it.
 */
import { spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '../../support/broker-process.ts';
import { assertion } from '../assertions.ts';
import type { ClientIdentity } from './bare.ts';
import { expectStatus, type Subject } from './subject.ts';

/** The binary, or null. */
export function findOpenBao(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'bao')).find((file) => existsSync(file)) ?? null;
}

/** @throws Error with what OpenBao refused */
export async function startOpenBao(binary: string, identity: ClientIdentity): Promise<Subject> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const directory = await mkdtemp(join(tmpdir(), 'countersign-bench-bao-'));
  const child = spawn(
    binary,
    ['server', '-dev', '-dev-root-token-id=root', `-dev-listen-address=127.0.0.1:${port}`],
    { stdio: 'ignore', env: { PATH: process.env['PATH'], HOME: directory } },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await untilHealthy(origin, () => child.exitCode !== null);
    const publicKey = createPublicKey({ key: JSON.parse(identity.publicJwk), format: 'jwk' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    const call = caller(origin);
    await call('PUT', 'sys/audit/file', {
      type: 'file',
      options: { file_path: join(directory, 'audit.log') },
    });
    await call('POST', 'sys/auth/jwt', { type: 'jwt' });
    await call('POST', 'auth/jwt/config', {
      jwt_validation_pubkeys: [pem],
      jwt_supported_algs: ['EdDSA'],
    });
    await call('POST', 'auth/jwt/role/cursor', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: [origin],
      token_ttl: '300s',
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: 'OpenBao',
    ports: [port],
    pids: [child.pid ?? 0],
    issue: {
      next: () => loginRequest(origin, assertion(identity.key, 'cursor', origin)),
      check: expectStatus(200),
    },
    stop,
  };
}

function loginRequest(origin: string, jwt: string): Buffer {
  const body = JSON.stringify({ role: 'cursor', jwt });
  return Buffer.from(
    [
      'POST /v1/auth/jwt/login HTTP/1.1',
      `Host: ${new URL(origin).host}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
}

async function untilHealthy(origin: string, isGone: () => boolean): Promise<void> {
  while (!isGone()) {
    const answer = await fetch(`${origin}/v1/sys/health`).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.ok === true) return;
  }
  throw new Error('OpenBao stopped before it was ready');
}

function caller(origin: string) {
  return async (method: string, path: string, body: unknown): Promise<void> => {
    const answer = await fetch(`${origin}/v1/${path}`, {
      method,
      headers: { 'x-vault-token': 'root', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`OpenBao refused ${path}: ${answer.status} ${text}`);
  };
}
