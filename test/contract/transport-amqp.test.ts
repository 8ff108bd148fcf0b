import { after, before } from 'node:test';
import { parseUrls } from '../../src/drivers/url.ts';
import { createAmqpTransport } from '../../src/messaging/amqp/transport.ts';
import { type SharedRabbitmq, shareRabbitmq } from '../support/shared-rabbitmq.ts';
import { textMessage, transportContract } from './transport.contract.ts';

let server: SharedRabbitmq;
before(async () => {
  server = await shareRabbitmq();
});
after(() => server.stop());

transportContract('amqp', async () => {
  return {
    broker: 'amqp',
    open: () =>
      createAmqpTransport(parseUrls(server.url), {
        transportOptions: {},
        connectTimeout: 4,
        useSsl: false,
      }),
    refuseOne: async () =>
      textMessage('x', { properties: { delivery_mode: 2, user_id: 'somebody else' } }),
    dispose: async () => {},
  };
});
