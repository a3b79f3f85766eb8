// JavaScript: in TypeScript this one file could not be in the cache that it turns on, and Node would load its
// stripper of types at each start. The compile cache is the installation's own.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url)));
await import('./main.ts');
