/** What ioredis lets pass while it connects, and must not. */
import type { Redis } from 'ioredis';
import { isReply } from './replies.ts';

/**
 * From now on this client is on the database that it was made for, or not connected: ioredis
 * itself goes on with database 0 when the server will not select another one. A refusal is an
 * `error` event and ends the connection, after a reconnect too.
 */
export function refuseOtherDatabases(client: Redis): void {
  const select = client.select.bind(client) as (database: number) => Promise<'OK'>;
  const insist = async (database: number) => {
    try {
      return await select(database);
    } catch (error) {
      // the reply's first word stays where it is: it is the code
      if (isReply(error)) error.message = `${error.message.trim()} (database ${database})`;
      client.stream.destroy();
      throw error;
    }
  };
  Object.assign(client, { select: insist });
}
