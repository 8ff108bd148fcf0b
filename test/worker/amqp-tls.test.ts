import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { OperationalError } from '../../src/drivers/errors.ts';
import { selfSigned } from '../support/certificates.ts';
import { openAmqp, type RabbitmqServer, startRabbitmq } from '../support/rabbitmq.ts';
import { freePort } from '../support/servers.ts';

let server: RabbitmqServer;
let port: number;
const folder = mkdtempSync(join(tmpdir(), 'tscelery-tls-'));
const keyfile = join(folder, 'key.pem');
const certfile = join(folder, 'cert.pem');

before(async () => {
  const { key, certificate } = selfSigned();
  writeFileSync(keyfile, key);
  writeFileSync(certfile, certificate);
  port = await freePort();
  server = await startRabbitmq({
    config: [
      `listeners.ssl.default = 127.0.0.1:${port}`,
      `ssl_options.cacertfile = ${certfile}`,
      `ssl_options.certfile = ${certfile}`,
      `ssl_options.keyfile = ${keyfile}`,
      'ssl_options.verify = verify_none',
    ],
  });
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

describe('RabbitMQ over TLS', () => {
  test('is reached with its certificate authority, by scheme or by setting', async t => {
    const trusted = { ssl_ca_certs: certfile, ssl_check_hostname: false };

    for (const url of [`amqps://127.0.0.1:${port}//`, `amqp://127.0.0.1:${port}//`]) {
      const { transport } = openAmqp(t, url, { useSsl: trusted });
      assert.equal(await transport.size('none'), 0);
    }
  });

  test('is refused when its certificate is not trusted, unless nobody asks', async t => {
    const url = `amqps://127.0.0.1:${port}//`;
    const strict = openAmqp(t, url).transport;
    const careless = openAmqp(t, url, { useSsl: { cert_reqs: 'CERT_NONE' } }).transport;

    await assert.rejects(strict.connect(), (error: Error) => {
      assert.ok(error instanceof OperationalError);
      assert.match(error.message, /certificate/);
      return true;
    });
    await careless.connect();

    assert.equal(careless.connected, true);
  });
});
