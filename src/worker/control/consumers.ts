import { printable } from '../../base/text/printable.ts';
import { refuseOwnDeadLetters } from '../dead-letters.ts';
import { type Handler, ok } from './handler.ts';

export const CONSUMER_HANDLERS = {
  async add_consumer({ app, link, logger }, { queue: given, ...options }) {
    const name = String(given);
    const { queues, conf } = app;
    const declared = queues.has(name)
      ? queues.get(name)
      : queues.declare(name, declaration(name, options));
    refuseOwnDeadLetters([declared], conf.get('worker_dead_letter_queue'));
    await link.addQueue(queues.selectAdd(declared));
    logger.info(`Started consuming from ${printable(name)}`);
    return ok(`add consumer ${name}`);
  },

  async cancel_consumer({ app, link, logger }, { queue }) {
    const name = String(queue);
    app.queues.deselect([name]);
    await link.cancelQueue(name);
    logger.info(`No longer consuming from ${printable(name)}`);
    return ok(`no longer consuming from ${name}`);
  },
} satisfies Record<string, Handler>;

/** Celery's defaults: an exchange of the queue's name, and direct. */
function declaration(name: string, options: Readonly<Record<string, unknown>>) {
  const given = Object.entries(options).filter(
    ([, value]) => value !== null && value !== undefined,
  );
  return { exchange: name, exchange_type: 'direct' as const, ...Object.fromEntries(given) };
}
