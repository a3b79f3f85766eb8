/** Every root field, by name. */
import type { Operations } from './context.ts';
import { accessMutations, accessQueries } from './operations/access.ts';
import { bucketMutations, bucketQueries } from './operations/buckets.ts';
import { computeMutations, computeQueries } from './operations/compute.ts';
import { deploymentMutations, deploymentQueries } from './operations/deployments.ts';
import { environmentMutations, environmentQueries } from './operations/environments.ts';
import { networkMutations, networkQueries } from './operations/network.ts';
import { projectMutations, projectQueries } from './operations/projects.ts';
import { serviceMutations, serviceQueries } from './operations/services.ts';
import { variableMutations, variableQueries } from './operations/variables.ts';
import { volumeMutations, volumeQueries } from './operations/volumes.ts';

export const QUERIES: Operations = {
  ...accessQueries,
  ...bucketQueries,
  ...computeQueries,
  ...deploymentQueries,
  ...environmentQueries,
  ...networkQueries,
  ...projectQueries,
  ...serviceQueries,
  ...variableQueries,
  ...volumeQueries,
};

export const MUTATIONS: Operations = {
  ...accessMutations,
  ...bucketMutations,
  ...computeMutations,
  ...deploymentMutations,
  ...environmentMutations,
  ...networkMutations,
  ...projectMutations,
  ...serviceMutations,
  ...variableMutations,
  ...volumeMutations,
};
