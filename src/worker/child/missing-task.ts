import type { RunnableTask } from '../../execute/ports.ts';

/** Stands in for a task that nobody registered, so that its failure is stored like any other. */
export function missingTask(name: string): RunnableTask {
  return {
    name,
    maxRetries: 0,
    defaultRetryDelay: 0,
    ignoreResult: false,
    trackStarted: false,
    storeErrorsEvenIfIgnored: true,
    resultReprMaxsize: 0,
    excModule: 'celery.exceptions',
    isExpected: () => true,
    invoke: () => undefined,
  };
}
