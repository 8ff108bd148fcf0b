/** What `kill -USR2` does: Celery opens its remote debugger, Node has one of its own. */

/** Any port that is free, and nobody from outside. */
const PORT = 0;
const HOST = '127.0.0.1';

let isOpenedHere = false;

/**
 * Opens the inspector, or closes what it opened. Only when `CELERY_RDBSIG` is set, as it lets
 * whoever may connect run any code. Returns what to tell the operator.
 */
export async function toggleDebugger(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  // only when it is needed, since it is large
  const { default: inspector } = await import('node:inspector');
  if (inspector.url() === undefined) isOpenedHere = false;
  if (isOpenedHere) {
    inspector.close();
    isOpenedHere = false;
    return 'The debugger is closed.';
  }
  if (!env.CELERY_RDBSIG) {
    return 'SIGUSR2 opens a debugger, but only when CELERY_RDBSIG=1 was set at the start. Nothing was done.';
  }
  if (inspector.url() !== undefined) return `The debugger listens at ${inspector.url()}`;
  inspector.open(PORT, HOST);
  isOpenedHere = true;
  return `The debugger listens at ${inspector.url()}. Another SIGUSR2 closes it.`;
}
