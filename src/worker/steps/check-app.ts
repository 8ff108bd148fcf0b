import type { Celery } from '../../app/app.ts';
import { INTERNALS } from '../../app/app-internals.ts';
import { poolKind } from '../../pool/open.ts';
import { checkTasks } from './check-tasks.ts';

/**
 * All that a worker looks at before it connects: names in settings and tasks, URLs, the pool.
 * Opens no connection.
 *
 * @throws ImproperlyConfigured naming the setting or the task
 */
export async function checkApp(app: Celery): Promise<void> {
  await app.checkNames();
  checkTasks(app);
  poolKind(String(app.conf.worker_pool));
  for (const use of ['read', 'write'] as const) {
    const transport = await app[INTERNALS].openTransport(use);
    await transport.close();
  }
  await app[INTERNALS].backend();
}
