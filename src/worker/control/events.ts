import { SOFTWARE } from '../events/heart.ts';
import { type Handler, ok } from './handler.ts';

/** Seconds between beats that a heartbeat on request tells, as in Celery. */
const REQUESTED_FREQUENCY = 5;

export const EVENT_HANDLERS = {
  enable_events({ events, logger }) {
    // where the worker tells nothing of itself by default, its tasks would be without a worker
    events.enable('worker');
    if (!events.enable('task')) return ok('task events already enabled');
    logger.info('Events of group {task} enabled by remote.');
    return ok('task events enabled');
  },

  disable_events({ events, logger }) {
    if (!events.disable('task')) return ok('task events already disabled');
    logger.info('Events of group {task} disabled by remote.');
    return ok('task events disabled');
  },

  /** Monitors that start ask for it, to know at once who is there. */
  heartbeat({ events, logger }) {
    logger.debug('Heartbeat requested by remote.');
    events.send('worker-heartbeat', { freq: REQUESTED_FREQUENCY, ...SOFTWARE });
    return null;
  },
} satisfies Record<string, Handler>;
