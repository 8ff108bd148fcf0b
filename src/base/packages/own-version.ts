import { readFileSync } from 'node:fs';
import { PACKAGE_FOLDER } from './own-modules.ts';

/** The package's version; read, not imported, because it is the same file before and after the build. */
export function ownVersion(): string {
  const file = new URL('package.json', PACKAGE_FOLDER);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
