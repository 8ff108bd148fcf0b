/** Connections to something that accepts them and says nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { openTransport } from '../../../src/messaging/open.ts';

/** Seconds: the limits of the attempts, which closing must not wait for. */
const CONNECT_TIMEOUT = 60;

for (const scheme of ['redis', 'rediss', 'amqp', 'amqps']) {
  describe(`a connection to ${scheme} on which nobody speaks`, () => {
    test('is closed at once while it is made', { timeout: 20_000 }, async t => {
      const server = createServer().listen(0, '127.0.0.1');
      t.after(() => server.close());
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const transport = await openTransport(`${scheme}://127.0.0.1:${port}`, {
        transportOptions: {},
        connectTimeout: CONNECT_TIMEOUT,
        useSsl: false,
      });
      const connecting = transport.connect();
      connecting.catch(() => {});
      const [socket] = (await once(server, 'connection')) as [Socket];
      const closed = once(socket, 'close');
      socket.resume().on('error', () => {});

      await transport.close();

      await assert.rejects(connecting, { name: 'ConnectionClosed' });
      await closed;
    });
  });
}
