/**
 * Compiles for typescript-hooks.mjs what changed since the last time, in one process: each test
 * file that found itself not compiled yet would load the compiler.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedFile } from './typescript-hooks.mjs';

for (const name of ['src', 'test']) {
  const folder = fileURLToPath(new URL(`../../${name}`, import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .map(file => join(folder, file));
  for (const file of files) cachedFile(file);
}
