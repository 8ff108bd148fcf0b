import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** The folder of an installed package's main module, for what the package does not export. */
export interface PackageFolder {
  readonly main: unknown;
  require(file: string): unknown;
  read(file: string): Buffer;
}

/** Throws when the package is not installed. */
export function packageFolder(name: string): PackageFolder {
  const main = require.resolve(name);
  const folder = dirname(main);
  return {
    main: require(main),
    require: file => require(join(folder, file)),
    read: file => readFileSync(join(folder, file)),
  };
}
