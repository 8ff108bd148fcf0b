import { statSync } from 'node:fs';
import { Celery } from '../app/app.ts';
import { AppNotFound } from '../app/loading/errors.ts';
import { findApp } from '../app/loading/find-app.ts';
import { UsageError } from './parsing/command-error.ts';
import type { GlobalValues } from './parsing/global-options.ts';

export interface AppSource {
  /** What followed `-A`. */
  readonly app: string | undefined;
  readonly cwd: string;
  /** What followed `--config`. */
  readonly config: string | undefined;
}

/**
 * Without `-A` it is an app without tasks, with the config file of the working directory.
 *
 * @throws UsageError when the working directory or the app cannot be found
 */
export async function loadApp(globals: GlobalValues): Promise<{ app: Celery; source: AppSource }> {
  if (globals.workdir !== undefined) changeDirectory(globals.workdir);
  // Settings ask the environment first, so these win over every config file, here and in the
  // children of the pool, which inherit it. Celery does the same.
  if (globals.broker !== undefined) process.env.CELERY_BROKER_URL = globals.broker;
  if (globals.resultBackend !== undefined)
    process.env.CELERY_RESULT_BACKEND = globals.resultBackend;
  const source = { app: globals.app, cwd: process.cwd(), config: globals.config };
  const app = globals.app === undefined ? new Celery() : await find(globals.app, source.cwd);
  await app.load({
    cwd: source.cwd,
    ...(source.config === undefined ? {} : { config: source.config }),
  });
  return { app, source };
}

function changeDirectory(directory: string): void {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`Invalid value for '--workdir': Directory '${directory}' does not exist.`);
  }
  process.chdir(directory);
}

async function find(spec: string, cwd: string): Promise<Celery> {
  try {
    return (await findApp(spec, { cwd })) as Celery;
  } catch (error) {
    if (!(error instanceof AppNotFound)) throw error;
    const source = process.env.APP === spec ? ' (environment variable APP)' : '';
    throw new UsageError(`Invalid value for '-A' / '--app'${source}:\n${error.message}`);
  }
}
