// JavaScript: in TypeScript this one file could not be in the cache that it turns on, and Node would load its
// stripper of types at each start. The cache is the installation's own: whoever can write there can write the code.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)));
await import('./main.ts');
