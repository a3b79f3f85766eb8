export { type Config, ConfigError, readConfig } from './config.ts';
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from './embedded/postgres.ts';
export { examineHostHere } from './examine-host.ts';
export { type KeyList, listKeys, rotateKekHere, rotateTokenKeyHere } from './keys.ts';
export { createLogger, type Logger } from './logger.ts';
export { awsCredentials } from './mirror/aws-credentials.ts';
export { directoryMirror } from './mirror/directory.ts';
export { s3Mirror } from './mirror/s3.ts';
export {
  type Playground,
  type PlaygroundConnection,
  type PlaygroundOptions,
  startPlayground,
} from './playground/playground.ts';
export { builtInCatalogs } from './providers.ts';
export type { KekRotation } from './rotate-kek.ts';
export { type Running, serve, start } from './serve.ts';
