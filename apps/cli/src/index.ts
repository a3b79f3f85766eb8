export { EXIT, type ExitStatus } from './exit-status.ts';
export { run, type Surroundings } from './run.ts';
