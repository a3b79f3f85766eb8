/** The token that opens the metrics: a file, so that it is in no environment and no process list. */
import { readFileSync, statSync } from 'node:fs';
import { Secret } from '@countersign/core';
import { ConfigError } from '../config.ts';

/** 32 characters of RFC 6750's alphabet or more: as hard to guess as any other bearer token. */
const TOKEN = /^[A-Za-z0-9\-._~+/]{32,512}=*$/;

/** @throws ConfigError when the file cannot be read, others can read it, or it holds no such token */
export function readMetricsToken(file: string | null): Secret | null {
  if (file === null) return null;
  let mode: number;
  let text: string;
  try {
    ({ mode } = statSync(file));
    text = readFileSync(file, 'utf8').trim();
  } catch {
    throw wrong(`names ${file}, which cannot be read.`);
  }
  if ((mode & 0o007) !== 0) {
    throw wrong(`names ${file}, which everybody can read. Run: chmod o= ${file}`);
  }
  if (!TOKEN.test(text)) {
    throw wrong(
      `names ${file}, which does not hold a token of 32 characters or more (A-Z a-z 0-9 - . _ ~ + /). Make one with: (umask 077; head -c 32 /dev/urandom | base64 > ${file})`,
    );
  }
  return new Secret('metrics token', text);
}

function wrong(problem: string): ConfigError {
  return new ConfigError('COUNTERSIGN_METRICS_TOKEN_FILE', problem);
}
