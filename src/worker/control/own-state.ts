import type { Celery } from '../../app/app.ts';
import type { ControlState } from '../../app/options/own-commands.ts';
import type { WorkerParts } from '../assembly.ts';
import { taskInfo } from './task-info.ts';

/** What a command of the user's own sees of this worker. */
export function ownState(worker: WorkerParts): ControlState<Celery> {
  const { app, execution, hostname, link, logger, prefetch, state } = worker;
  return {
    app,
    hostname,
    logger,
    active: () =>
      [...state.requests]
        .filter(request => request.state === 'active')
        .map(request => taskInfo(request, { hostname, accept: execution.accept })),
    get queues() {
      return link.queues.map(({ name }) => name);
    },
    get prefetchCount() {
      return Math.max(0, link.prefetch);
    },
    increasePrefetchCount: n => prefetch.increase(n),
  };
}
