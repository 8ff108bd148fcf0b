import type { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import { CommandError } from './parsing/command-error.ts';

/** @throws CommandError where results are sent to whoever sent the task: one would wait for ever */
export async function requireReadableResults(app: Celery): Promise<void> {
  const backend = await app[INTERNALS].backend();
  if (!backend.onlyForSender) return;
  throw new CommandError(
    `The result backend ${backend.url} sends results to the process that sent the task, so they cannot be read here. Use one that stores results, for example "redis://localhost/1".`,
  );
}
