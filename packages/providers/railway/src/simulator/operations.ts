/** Every root field, by name. */
import type { Operations } from './context.ts';
import { accessMutations, accessQueries } from './operations/access.ts';
import { bucketMutations, bucketQueries } from './operations/buckets.ts';
import { computeMutations, computeQueries } from './operations/compute.ts';
import { deploymentMutations, deploymentQueries } from './operations/deployments.ts';
import { edgeMutations, edgeQueries } from './operations/edge.ts';
import { environmentMutations, environmentQueries } from './operations/environments.ts';
import { machineMutations, machineQueries } from './operations/machines.ts';
import { networkMutations, networkQueries } from './operations/network.ts';
import { projectMutations, projectQueries } from './operations/projects.ts';
import { serviceMutations, serviceQueries } from './operations/services.ts';
import { settingsMutations, settingsQueries } from './operations/settings.ts';
import { variableMutations, variableQueries } from './operations/variables.ts';
import { volumeMutations, volumeQueries } from './operations/volumes.ts';

export const QUERIES: Operations = {
  ...accessQueries,
  ...bucketQueries,
  ...computeQueries,
  ...deploymentQueries,
  ...edgeQueries,
  ...environmentQueries,
  ...machineQueries,
  ...networkQueries,
  ...projectQueries,
  ...serviceQueries,
  ...settingsQueries,
  ...variableQueries,
  ...volumeQueries,
};

export const MUTATIONS: Operations = {
  ...accessMutations,
  ...bucketMutations,
  ...computeMutations,
  ...deploymentMutations,
  ...edgeMutations,
  ...environmentMutations,
  ...machineMutations,
  ...networkMutations,
  ...projectMutations,
  ...serviceMutations,
  ...settingsMutations,
  ...variableMutations,
  ...volumeMutations,
};
