import { readFileSync } from 'node:fs';

/** The package's version; read, not imported, because it is the same file before and after the build. */
export function version(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** What stands where Celery prints the name of its release series. */
export const SERIES = 'tscelery';

export function versionLine(): string {
  return `${version()} (${SERIES})`;
}
