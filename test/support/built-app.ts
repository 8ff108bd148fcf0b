/**
 * Apps of test/fixtures as a worker starts with them: to load TypeScript costs each process of a
 * worker as much again as the library itself, so they are JavaScript where the built package runs.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from './program.ts';
import { cachedFile } from './typescript-hooks.mjs';

const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/tscelery-apps/', import.meta.url));

/**
 * What a fixture is as JavaScript; itself, when the library runs from its sources.
 *
 * @param path of a TypeScript file that imports nothing of this repository but `tscelery`
 */
export function builtApp(path: string): string {
  if (program.nodeArgs.length > 0) return path;
  const file = join(FOLDER, basename(path).replace(/\.ts$/, '.mjs'));
  const text = cachedFile(path)
    .replaceAll(/(from |import\()'tscelery'/g, `$1${JSON.stringify(program.library)}`)
    // a stack names the lines of this file
    .replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) write(file, text);
  return file;
}

/** Whole or not at all: other test files start workers with it meanwhile. */
function write(file: string, text: string): void {
  const part = `${file}.${process.pid}`;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(part, text);
  renameSync(part, file);
}
