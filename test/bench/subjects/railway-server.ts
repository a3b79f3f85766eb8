/** The simulated Railway in a process of its own, so that what is measured before it shares no thread with it. */
import {
  buildRental,
  RailwaySimulator,
  serveSimulator,
} from '@countersign/provider-railway/simulator';

const simulator = new RailwaySimulator({ seed: 'bench', rate: { perHour: 1e12, perSecond: 1e9 } });
buildRental(simulator);
await serveSimulator(simulator, { port: Number(process.env['PORT']) });
process.stdout.write('listening\n');
