/** RFC 9396 `authorization_details` of type `countersign`: what an agent wants, what a token may do. */
import { z } from 'zod';
import { Id, Name, Operation, Resource } from './primitives.ts';

/** As an agent writes it: connection and environment by name, the rest may be left out. */
export const RequestedDetail = z.strictObject({
  type: z.literal('countersign'),
  connection: Name,
  environment: Name,
  /** Left out: every granted read and write, never a delete-capable operation. */
  operations: z.array(Operation).min(1).max(64).exactOptional(),
  /** Left out: every resource granted for those operations. */
  resources: z.array(Resource).min(1).max(512).exactOptional(),
  /** Only by this grant, where several would do. */
  grant: Id.exactOptional(),
});
export type RequestedDetail = z.infer<typeof RequestedDetail>;
export const RequestedDetails = z.array(RequestedDetail).min(1).max(16);

/** As a token says it: complete, each object a full product. */
export const GrantedDetail = z.strictObject({
  type: z.literal('countersign'),
  connection: Name,
  environment: Name,
  operations: z.array(Operation).min(1).max(64),
  resources: z.array(Resource).min(1).max(512),
});
export type GrantedDetail = z.infer<typeof GrantedDetail>;
