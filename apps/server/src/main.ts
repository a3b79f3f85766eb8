/** What `npm start` runs. */
import process from 'node:process';
import { serve } from './serve.ts';

await serve(process.env);
