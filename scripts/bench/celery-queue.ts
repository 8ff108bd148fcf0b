/** Filling and counting the queue `celery`, alike for Python and tscelery. */
import { randomUUID } from 'node:crypto';
import { DEFAULT_EXCHANGE } from '../../src/messaging/entities.ts';
import { openTransport } from '../../src/messaging/open.ts';
import { openSqlite } from '../../src/messaging/sqlite/driver.ts';
import { encodeEnvelope } from '../../src/wire/envelope.ts';
import type { Message } from '../../src/wire/message.ts';
import { buildTaskMessage } from '../../src/wire/task-message.ts';
import type { Lab } from './lab.ts';
import type { QueueCounter } from './system.ts';

const QUEUE = 'celery';
/** The lists in which Redis keeps one queue, by priority. */
const QUEUE_KEYS = [QUEUE, ...[3, 6, 9].map(step => `${QUEUE}\x06\x16${step}`)];
/** Messages per write when filling. */
const CHUNK = 1000;

/** A call of the no-op as a Python client sends it. */
function message(ignoreResult: boolean): Message {
  return buildTaskMessage({
    task: 'bench.noop',
    id: randomUUID(),
    args: [],
    kwargs: {},
    ignoreResult,
    origin: 'gen1@bench',
    replyTo: 'b7a1c9ee-6f6b-3d0c-9f5e-2f5f7f0e7a11',
  });
}

export async function fillRedis(lab: Lab, tasks: number, ignoreResult: boolean): Promise<void> {
  for (let sent = 0; sent < tasks; sent += CHUNK) {
    const envelopes = Array.from({ length: Math.min(CHUNK, tasks - sent) }, () =>
      encodeEnvelope(message(ignoreResult), {
        exchange: '',
        routingKey: QUEUE,
        deliveryTag: randomUUID(),
      }),
    );
    await lab.redis.lpush(QUEUE, ...envelopes);
  }
}

/** What waits in the lists and what workers hold in the hash `unacked`. */
export async function countRedis(lab: Lab): Promise<QueueCounter> {
  const redis = lab.openRedis();
  return {
    async remaining() {
      const pipeline = redis.pipeline();
      for (const key of QUEUE_KEYS) pipeline.llen(key);
      const replies = await pipeline.hlen('unacked').exec();
      return (replies ?? []).reduce((sum, [, count]) => sum + Number(count), 0);
    },
    close: () => redis.disconnect(),
  };
}

export const sqliteBroker = (lab: Lab): string => `sqla+sqlite:///${lab.file('broker.sqlite')}`;
export const sqliteBackend = (lab: Lab): string => `db+sqlite:///${lab.file('results.sqlite')}`;

export async function fillSqlite(lab: Lab, tasks: number, ignoreResult: boolean): Promise<void> {
  const transport = await openTransport(sqliteBroker(lab), {
    transportOptions: {},
    connectTimeout: 4,
    useSsl: false,
  });
  try {
    const destination = { exchange: DEFAULT_EXCHANGE, routingKey: QUEUE };
    for (let sent = 0; sent < tasks; sent += CHUNK) {
      const length = Math.min(CHUNK, tasks - sent);
      const publishing = Array.from({ length }, () =>
        transport.publish(message(ignoreResult), destination),
      );
      await Promise.all(publishing);
    }
  } finally {
    await transport.close();
  }
}

/**
 * Messages are served in the order of their ids and deleted when they are acknowledged, so the
 * first and the last id tell how many are left; counting rows would slow the worker down.
 */
export async function countSqlite(lab: Lab): Promise<QueueCounter> {
  const database = openSqlite(lab.file('broker.sqlite'), { readOnly: true });
  const first = database.prepare('SELECT min(id) AS id FROM kombu_message');
  const last = database.prepare('SELECT max(id) AS id FROM kombu_message');
  const idOf = (row: unknown) => (row as { id: number | null }).id;
  return {
    async remaining() {
      const [from, to] = [idOf(first.get()), idOf(last.get())];
      return from === null || to === null ? 0 : to - from + 1;
    },
    close: () => database.close(),
  };
}

/** How many results Celery's Redis backend holds. */
export async function countRedisResults(lab: Lab): Promise<number> {
  let count = 0;
  for await (const keys of lab.redis.scanStream({ match: 'celery-task-meta-*', count: CHUNK })) {
    count += (keys as string[]).length;
  }
  return count;
}
