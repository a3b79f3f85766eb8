/**
 * The part of a pino logger that the supervisor writes to. Fields never hold a secret: what can be
 * one is a `Secret`, which prints only its label.
 */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
