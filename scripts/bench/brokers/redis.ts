import { randomUUID } from 'node:crypto';
import { encodeEnvelope } from '../../../src/wire/messages/envelope.ts';
import { type Broker, preparedChunks, QUEUE } from './broker.ts';

/** The lists in which Redis keeps one queue, by priority. */
const QUEUE_KEYS = [QUEUE, ...[3, 6, 9].map(step => `${QUEUE}\x06\x16${step}`)];
/** Keys per step when results are counted. */
const SCANNED = 1000;

export const REDIS: Broker = {
  url: lab => lab.redis.url,
  backend: lab => lab.redis.url,

  async fill(lab, tasks, ignoreResult) {
    for (const messages of preparedChunks(tasks, ignoreResult)) {
      const envelopes = messages.map(message =>
        encodeEnvelope(message, { exchange: '', routingKey: QUEUE, deliveryTag: randomUUID() }),
      );
      await lab.redis.client.lpush(QUEUE, ...envelopes);
    }
  },

  /** What waits in the lists and what workers hold in the hash `unacked`. */
  async openCounter(lab) {
    const redis = lab.redis.open();
    return {
      async remaining() {
        const pipeline = redis.pipeline();
        for (const key of QUEUE_KEYS) pipeline.llen(key);
        const replies = await pipeline.hlen('unacked').exec();
        return (replies ?? []).reduce((sum, [, count]) => sum + Number(count), 0);
      },
      close: () => redis.disconnect(),
    };
  },

  async countResults(lab) {
    let count = 0;
    const keys = lab.redis.client.scanStream({ match: 'celery-task-meta-*', count: SCANNED });
    for await (const some of keys) count += (some as string[]).length;
    return count;
  },
};
