/** Whether a message survives a restart of the broker. Celery: `task_default_delivery_mode`. */

/** 1 is transient: RabbitMQ keeps the message in memory only. 2 is persistent. */
export type DeliveryMode = 1 | 2 | 'transient' | 'persistent';

/** As programs, config files and command lines write it, and the number on the wire. */
export const DELIVERY_MODES: ReadonlyMap<unknown, 1 | 2> = new Map<unknown, 1 | 2>([
  [1, 1],
  [2, 2],
  ['1', 1],
  ['2', 2],
  ['transient', 1],
  ['persistent', 2],
]);
