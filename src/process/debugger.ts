/** What `kill -USR2` does: Celery opens its remote debugger, Node has one of its own. */
import inspector from 'node:inspector';

/** Any port that is free, and nobody from outside. */
const PORT = 0;
const HOST = '127.0.0.1';

/**
 * Opens the inspector when `CELERY_RDBSIG` is set, as it lets whoever may connect run any code.
 * Returns what to tell the operator.
 */
export function openDebugger(env: NodeJS.ProcessEnv = process.env): string {
  if (!env.CELERY_RDBSIG) {
    return 'SIGUSR2 opens a debugger, but only when CELERY_RDBSIG=1 was set at the start. Nothing was done.';
  }
  if (inspector.url() === undefined) inspector.open(PORT, HOST);
  return `The debugger listens at ${inspector.url()}`;
}
