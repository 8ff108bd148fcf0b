import { statSync } from 'node:fs';
import { join } from 'node:path';

/** In the order of preference when a name without extension fits several files. */
export const MODULE_EXTENSIONS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'] as const;

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** `base` itself, `base` with an extension, or a file of the folder `base` that `stems` name. */
export function findFile(base: string, stems: readonly string[]): string | undefined {
  if (isFile(base)) return base;
  const bases = [base, ...stems.map(stem => join(base, stem))];
  return bases.flatMap(each => MODULE_EXTENSIONS.map(ext => each + ext)).find(isFile);
}
