import type { Celery } from '../../app/app.ts';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { isSqliteMemory } from '../../drivers/sqlite/location.ts';
import { poolKind, runsInProcess } from '../../pool/open.ts';

/** Memory is per process: children of a pool would have other queues and results than we. */
export function refuseMemoryAcrossProcesses(app: Celery, pool: string): void {
  if (runsInProcess(poolKind(pool))) return;
  for (const setting of ['broker_read_url', 'result_backend'] as const) {
    const url = app.conf.get(setting) ?? '';
    if (!/^(cache\+)?memory:/.test(url) && !isSqliteMemory(url)) continue;
    throw new ImproperlyConfigured(
      `${setting} ${JSON.stringify(url)} lives inside one process, and the pool ${JSON.stringify(pool)} has several. Use the pool "async" or "solo", or a broker and backend that processes share ("sqla+sqlite:///celery.sqlite", "redis://…").`,
    );
  }
}
