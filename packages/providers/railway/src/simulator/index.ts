/** A simulated Railway: its API on a world of one's own, and a record of what was really done to it. */
export type { ArmedFault, Fault } from './http/faults.ts';
export { RATES, type Rate } from './http/rate-limit.ts';
export { type ServedSimulator, serveSimulator } from './http/serve.ts';
export { buildRental, type Rental, type RentalTokens } from './rental.ts';
export {
  ENDPOINT_PATH,
  RailwaySimulator,
  type SimulatorAnswer,
  type SimulatorOptions,
  type SimulatorRequest,
} from './simulator.ts';
export type { Effect, EffectKind } from './world/effects.ts';
