import { openSqlite } from '../../../src/drivers/sqlite/driver.ts';
import { DEFAULT_EXCHANGE } from '../../../src/messaging/entities.ts';
import { openTransport } from '../../../src/messaging/open.ts';
import type { Lab } from '../lab.ts';
import { type Broker, preparedChunks, QUEUE } from './broker.ts';

const url = (lab: Lab) => `sqla+sqlite:///${lab.file('broker.sqlite')}`;

export const SQLITE: Broker = {
  url,
  backend: lab => `db+sqlite:///${lab.file('results.sqlite')}`,

  async fill(lab, tasks, ignoreResult) {
    const options = { transportOptions: {}, connectTimeout: 4, useSsl: false };
    const transport = await openTransport(url(lab), options);
    const destination = { exchange: DEFAULT_EXCHANGE, routingKey: QUEUE };
    try {
      for (const messages of preparedChunks(tasks, ignoreResult)) {
        await Promise.all(messages.map(message => transport.publish(message, destination)));
      }
    } finally {
      await transport.close();
    }
  },

  /**
   * Messages are served in the order of their ids and deleted when they are acknowledged, so
   * the first and the last id tell how many are left; counting rows would slow the worker down.
   */
  async openCounter(lab) {
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
  },
};
