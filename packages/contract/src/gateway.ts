/**
 * The gateway's route. What it takes and answers is the provider's own API, so no schema validates it: the
 * provider reads it (Law 3), and it stands beside the table of routes.
 */
import { z } from 'zod';
import { Name } from './primitives.ts';

export const GATEWAY = {
  path: '/gateway/{connection}/{path}',
  summary: "Forward a request to a connection's provider, judged before the credential is added.",
  methods: ['get', 'head', 'post', 'put', 'patch', 'delete'],
  params: z.strictObject({
    connection: Name,
    path: z.string().describe("The rest of the path, of the provider's own API."),
  }),
} as const;
