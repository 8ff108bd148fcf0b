import { DEFAULT_EXCHANGE, queue } from '../../../src/messaging/entities.ts';
import { openTransport } from '../../../src/messaging/open.ts';
import { type Broker, preparedChunks, QUEUE, REPLY_QUEUE } from './broker.ts';

/**
 * In one drain, for all that are compared with the default prefetch: the longer a queue, the more
 * of RabbitMQ's time goes to the garbage collection of its process.
 */
export const RABBITMQ_TASKS = 40_000;

const TASKS = queue(QUEUE);
/** What a client with the backend rpc:// consumes; nobody does here, so replies can be counted. */
const REPLIES = queue(REPLY_QUEUE, { exchange: DEFAULT_EXCHANGE, durable: false, expires: 3600 });

export const RABBITMQ: Broker = {
  url: lab => lab.rabbitmq.url,
  backend: () => 'rpc://',

  /** Both queues are new: a run leaves replies behind, and one that failed leaves tasks. */
  async fill(lab, tasks, ignoreResult) {
    const options = { transportOptions: {}, connectTimeout: 4, useSsl: false };
    const transport = await openTransport(lab.rabbitmq.url, options);
    const destination = { exchange: DEFAULT_EXCHANGE, routingKey: QUEUE };
    try {
      for (const each of [TASKS, REPLIES]) {
        await transport.delete(each);
        await transport.declare(each);
      }
      for (const messages of preparedChunks(tasks, ignoreResult)) {
        await Promise.all(messages.map(message => transport.publish(message, destination)));
      }
    } finally {
      await transport.close();
    }
  },

  async openCounter({ rabbitmq }) {
    return { remaining: () => rabbitmq.count(QUEUE), close: () => {} };
  },

  countResults: lab => lab.rabbitmq.count(REPLY_QUEUE),
};
