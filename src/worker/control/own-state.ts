import type { Celery } from '../../app/app.ts';
import type { ControlState } from '../../app/options/own-commands.ts';
import type { WorkerParts } from '../assembly.ts';
import { INSPECT_HANDLERS } from './inspect.ts';

/** What a command of the user's own sees of this worker. */
export function ownState(worker: WorkerParts): ControlState<Celery> {
  const { app, hostname, link, logger, prefetch } = worker;
  return {
    app,
    hostname,
    logger,
    active: () => INSPECT_HANDLERS.active(worker, {}),
    get queues() {
      return link.queues.map(({ name }) => name);
    },
    get prefetchCount() {
      return Math.max(0, link.prefetch);
    },
    increasePrefetchCount: n => prefetch.increase(n),
  };
}
