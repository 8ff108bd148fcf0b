/**
 * For `node --import`, also in worker threads: TypeScript for the tests, in half the time that tsx
 * takes to load this library from its sources. The files keep their URLs; what they become is kept
 * in node_modules/.cache. It does what the tests need and no more: specifiers have extensions,
 * and all TypeScript is ES modules. tsx runs the same files.
 */
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
// stacks name the lines of the TypeScript
process.setSourceMapsEnabled(true);
