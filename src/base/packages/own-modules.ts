/** Where this package's own files are: its sources, or what the build makes of them. */
import { extname } from 'node:path';

export const RUNS_FROM_SOURCE = extname(import.meta.url) === '.ts';

/** The build puts all its files side by side (`scripts/build.mjs`), whatever module is in them. */
const FOLDER = new URL(RUNS_FROM_SOURCE ? '../../' : './', import.meta.url);

export const PACKAGE_FOLDER = new URL('../', FOLDER);

/** What a process or a thread begins with, by its path below the sources; each is an entry of the build. */
export type OwnModule =
  | 'pool/child/main'
  | 'pool/child/stack-watch-thread'
  | 'pool/child/thread'
  | 'worker/child/child'
  | 'worker/steps/main-watch-thread';

export function ownModule(name: OwnModule): URL {
  return new URL(RUNS_FROM_SOURCE ? `${name}.ts` : `${name.replaceAll('/', '-')}.js`, FOLDER);
}
