/** A session of Redis over one made client. */

import { redisError } from '../../../../src/drivers/redis/client.ts';
import { isWrongServer } from '../../../../src/drivers/redis/replies.ts';
import type { TransportEvent } from '../../../../src/messaging/contract.ts';
import { Bindings } from '../../../../src/messaging/redis/bindings.ts';
import { RedisKeys } from '../../../../src/messaging/redis/keys.ts';
import type { Link } from '../../../../src/messaging/redis/link.ts';
import { readRedisOptions } from '../../../../src/messaging/redis/options.ts';
import type { RedisSession } from '../../../../src/messaging/redis/server-session.ts';
import { MadeClient } from './made-client.ts';

/** What the parts of a transport share; `dropped` has the errors for which its server was left. */
export function madeSession(transportOptions: Record<string, unknown> = {}) {
  const client = new MadeClient();
  const options = readRedisOptions({ transportOptions, connectTimeout: 1, useSsl: false });
  const keys = new RedisKeys(options, 0);
  const dropped: string[] = [];
  const warnings: string[] = [];
  const events: TransportEvent[] = [];
  const state = { isUp: true };
  const connect = async () => {
    if (!state.isUp) throw new Error('no server');
    return client.port;
  };
  const link = {
    connect,
    get client() {
      return state.isUp ? client.port : undefined;
    },
  } as unknown as Link;
  const toError = (error: unknown, doing: string) => redisError(error, [], doing);
  const session = {
    ...{ options, keys, link, bindings: new Bindings(link, keys), toError },
    run: async (doing: string, work: (client: unknown) => Promise<unknown>) => {
      try {
        return await work(await connect());
      } catch (error) {
        throw toError(error, doing);
      }
    },
    dropIfWrong: (error: unknown) =>
      isWrongServer(error) && dropped.push((error as Error).message) > 0,
    warn: (text: string) => void warnings.push(text),
    emit: (event: TransportEvent) => void events.push(event),
    report: (error: Error) => void warnings.push(`reported: ${error.message}`),
  } as unknown as RedisSession;
  return { session, client, keys, dropped, warnings, events, state };
}
