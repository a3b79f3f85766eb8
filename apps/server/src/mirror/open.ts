/** The mirror that `COUNTERSIGN_MIRROR` names: a directory, or a place in S3-compatible storage. */
import { accessSync, constants, statSync } from 'node:fs';
import type { Mirror } from '@countersign/broker';
import { ConfigError, type MirrorPlace, shown } from '../config.ts';
import { awsCredentials } from './aws-credentials.ts';
import { directoryMirror } from './directory.ts';
import { s3Mirror } from './s3.ts';

/** @throws ConfigError for a directory that is none, or cannot be written to */
export function openMirror(place: MirrorPlace, env: NodeJS.ProcessEnv): Mirror {
  if (place.kind === 's3') return s3Mirror(place, awsCredentials(env));
  requireDirectory(place.path);
  return directoryMirror(place.path);
}

/** Not made here: where a disk is not mounted, an empty directory would pass for a new mirror. */
function requireDirectory(path: string): void {
  try {
    if (!statSync(path).isDirectory()) throw new Error('it is a file');
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    throw new ConfigError(
      'COUNTERSIGN_MIRROR',
      `is ${shown(path)}, which is no directory this process may write to. Make it, or mount the disk it is on.`,
    );
  }
}
