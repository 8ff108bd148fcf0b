import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '../../src/drivers/sqlite/driver.ts';
import { SqliteTransport } from '../../src/messaging/sqlite/transport.ts';
import { textMessage, transportContract } from './transport.contract.ts';

transportContract('sqlite file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-'));
  const file = join(folder, 'broker.db');
  return {
    open: () => new SqliteTransport(`sqla+sqlite:///${file}`),
    pushRaw: async (queue, text) => {
      const seed = new SqliteTransport(`sqla+sqlite:///${file}`);
      await seed.connect();
      const database = openSqlite(file);
      database.prepare('INSERT OR IGNORE INTO kombu_queue (name) VALUES (?)').run(queue);
      database
        .prepare(
          `INSERT INTO kombu_message (visible, payload, version, queue_id)
           SELECT 1, ?, 1, id FROM kombu_queue WHERE name = ?`,
        )
        .run(text, queue);
      database.close();
      await seed.close();
    },
    refuseOne: async () => {
      const tables = new SqliteTransport(`sqla+sqlite:///${file}`);
      await tables.connect();
      await tables.close();
      const database = openSqlite(file);
      database.exec(
        `CREATE TRIGGER refuse BEFORE INSERT ON kombu_message WHEN NEW.payload LIKE '%tasks.bad%'
         BEGIN SELECT RAISE(ABORT, 'refused by a test'); END`,
      );
      database.close();
      return textMessage('x', { headers: { task: 'tasks.bad' } });
    },
    dispose: () => rm(folder, { recursive: true }),
  };
});

transportContract('sqlite in memory', async () => ({
  open: () => new SqliteTransport('sqla+sqlite://', { message_tablename: `m_${suffix}` }),
  dispose: async () => {},
}));

const suffix = randomUUID().replaceAll('-', '');
