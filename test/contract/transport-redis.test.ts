import { randomUUID } from 'node:crypto';
import { after, before } from 'node:test';
import { parseUrls } from '../../src/drivers/url.ts';
import { RedisTransport } from '../../src/messaging/redis/transport.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { transportContract } from './transport.contract.ts';

let server: RedisServer;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

transportContract('redis', async () => {
  const prefix = `${randomUUID()}:`;
  const client = server.client();
  return {
    open: () =>
      new RedisTransport(parseUrls(server.url), {
        transportOptions: { global_keyprefix: prefix },
        connectTimeout: 4,
        useSsl: false,
      }),
    pushRaw: async (queue, text) => {
      await client.lpush(prefix + queue, text);
    },
    dispose: async () => {
      client.disconnect();
    },
  };
});
