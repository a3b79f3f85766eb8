/** What `npm start` runs. The compile cache is the installation's own: whoever can write there can write the code. */
import { enableCompileCache } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)));
const { serve } = await import('./serve.ts');
await serve(process.env);
