/** What of Railway’s answers about places is read, and nothing else of them. */
import { z } from 'zod';

export const environmentShape = z.object({
  id: z.string(),
  projectId: z.string(),
  isEphemeral: z.boolean(),
  canAccess: z.boolean(),
  sourceEnvironment: z.object({ id: z.string() }).nullable(),
});
export const ENVIRONMENT = 'id projectId isEphemeral canAccess sourceEnvironment{id}';

export type Environment = z.infer<typeof environmentShape>;

export const endpoints = z.array(z.object({ id: z.string() }));
export const instanceShape = z.object({
  id: z.string(),
  serviceId: z.string(),
  domains: z.object({ serviceDomains: endpoints }),
});
export const diskShape = z.object({ id: z.string(), volumeId: z.string() });
export const identified = z.object({ id: z.string() });

/** Which buckets stand in an environment, which only its configuration tells. */
export function bucketsOf(environmentId: string) {
  return {
    query: 'query($id:String!){environment(id:$id){config(decryptVariables:false)}}',
    variables: { id: environmentId },
    shape: z.object({
      environment: z.object({
        config: z.object({ buckets: z.record(z.string(), z.unknown()).nullish() }),
      }),
    }),
  };
}
