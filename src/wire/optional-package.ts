/**
 * Packages that only some messages need: loaded when the first such message is written or
 * read, synchronously, because bodies are.
 */

import { createRequire } from 'node:module';
import { SerializerNotInstalled } from './errors.ts';

const require = createRequire(import.meta.url);
const loaded = new Map<string, unknown>();

/**
 * @param what for the error message, for example `yaml messages`
 * @param install what to give to `npm install`, when it is not the package's name
 * @throws SerializerNotInstalled naming the package
 */
export function requirePackage<T>(name: string, what: string, install = name): T {
  if (!loaded.has(name)) loaded.set(name, load(name, what, install));
  return loaded.get(name) as T;
}

function load(name: string, what: string, install: string): unknown {
  try {
    return require(name);
  } catch (error) {
    throw packageMissing(what, install, error);
  }
}

export function packageMissing(
  what: string,
  install: string,
  cause: unknown,
): SerializerNotInstalled {
  return new SerializerNotInstalled(
    `No package is installed that can handle ${what}: npm install ${install}`,
    { cause },
  );
}
