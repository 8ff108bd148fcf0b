import { ownVersion } from '../../base/packages/own-version.ts';

/** What stands where Celery prints the name of its release series. */
export const SERIES = 'tscelery';

export function versionLine(): string {
  return `${ownVersion()} (${SERIES})`;
}
