import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { get, request as httpRequest } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ImproperlyConfigured } from '../../../../src/base/errors.ts';
import { AddressInUse } from '../../../../src/process/health/errors.ts';
import { askServer } from '../../../../src/process/health/probe.ts';
import { HealthServer, type Page, textPage } from '../../../../src/process/health/server.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/servers.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

const host = '127.0.0.1';
const LARGE = 'x'.repeat(4 * 1024 ** 2);

async function served(t: TestContext) {
  const asked: string[] = [];
  const page = (path: string, made: Page): [string, () => Page] => [
    path,
    () => {
      asked.push(path);
      return made;
    },
  ];
  const pages = new Map([
    page('/live', textPage(200, 'live')),
    page('/ready', textPage(503, 'not ready: why not')),
    page('/large', { status: 200, type: 'text/plain', body: LARGE }),
  ]);
  const port = await freePort();
  const server = new HealthServer({ port, host }, 'worker_health_port', pages);
  t.after(() => server.stop());
  await server.start();
  return { port, server, asked };
}

/** What comes back until the other side ends; `text` is sent as it is. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, host);
  socket.on('error', () => {});
  socket.setEncoding('latin1');
  let answer = '';
  socket.on('data', (chunk: string) => {
    answer += chunk;
  });
  socket.write(text);
  await once(socket, 'close');
  return answer;
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
const ask = (port: number, head: string) => exchange(port, `${head}\r\nhost: x\r\n\r\n`);
const isLive = async (port: number) => (await askServer({ port, host }, '/live', 5)).isWell;

/** Connections on which nothing, or half of something, is said. */
async function idle(t: TestContext, port: number, count: number, text = ''): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, host));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const socket of sockets) socket.on('error', () => {}).resume();
  await Promise.all(sockets.map(socket => once(socket, 'connect')));
  for (const socket of sockets) socket.write(text);
  return sockets;
}

describe('the server of probes', () => {
  test('answers with status and one line, and ends the connection', async t => {
    const { port, server } = await served(t);

    const [live, ready] = [
      await ask(port, 'GET /live HTTP/1.1'),
      await ask(port, 'GET /ready HTTP/1.1'),
    ];

    assert.equal(statusOf(live), 200);
    assert.match(live, /\r\n\r\nlive\n$/);
    assert.match(live, /connection: close/i);
    assert.match(live, /cache-control: no-store/);
    assert.equal(statusOf(ready), 503);
    assert.match(ready, /not ready: why not\n$/);
    assert.equal(server.url, `http://127.0.0.1:${port}`);
  });

  test('answers HEAD without a body, and does not mind a query', async t => {
    const { port } = await served(t);

    const head = await ask(port, 'HEAD /live HTTP/1.1');
    assert.equal(statusOf(head), 200);
    assert.match(head, /content-length: 5\r\n/);
    assert.match(head, /\r\n\r\n$/);
    assert.equal(statusOf(await ask(port, 'GET /live?verbose=1 HTTP/1.1')), 200);
  });

  test('knows its paths and no others, however they are written', async t => {
    const { port, asked } = await served(t);
    const paths = [
      '/',
      '/metrics',
      '/live/',
      '//live',
      '/../../etc/passwd',
      '/%2e%2e/live',
      '/./live',
    ];

    for (const path of [...paths, 'http://x/live', '*', '/live%00', '/LIVE', '/__proto__']) {
      const answer = await ask(port, `GET ${path} HTTP/1.1`);
      assert.equal(statusOf(answer), 404, path);
      assert.match(answer, /There are: \/live \/ready \/large\n$/);
    }
    assert.deepEqual(asked, []);
  });

  test('takes nothing but GET and HEAD, and reads no body', async t => {
    const { port, asked } = await served(t);

    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH']) {
      const answer = await ask(port, `${method} /live HTTP/1.1\r\ncontent-length: 1000000000`);
      assert.equal(statusOf(answer), 405, method);
      assert.match(answer, /allow: GET, HEAD/);
    }
    assert.equal(await ask(port, 'CONNECT evil:80 HTTP/1.1'), '');
    assert.deepEqual(asked, []);
  });

  test('refuses what is no HTTP, and headers without end', async t => {
    const { port, asked } = await served(t);

    for (const rubbish of [
      '\0\x01\x02\xff\r\n\r\n',
      'GET\r\n\r\n',
      `\x16\x03\x01${'\0'.repeat(200)}`,
    ]) {
      assert.equal(statusOf(await exchange(port, rubbish)), 400);
    }
    const long = `GET /live HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(64 * 1024)}\r\n\r\n`;
    assert.equal(statusOf(await exchange(port, long)), 431);
    const many = `GET /live HTTP/1.1\r\n${'a: b\r\n'.repeat(20_000)}\r\n`;
    assert.equal(statusOf(await exchange(port, many)), 431);
    assert.deepEqual(asked, []);
    assert.ok(await isLive(port));
  });

  test('answers the first of many requests that come at once over one connection', async t => {
    const { port, asked } = await served(t);

    const answer = await exchange(port, 'GET /live HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1000));

    assert.equal(answer.split('HTTP/1.1').length - 1, 1);
    assert.deepEqual(asked, ['/live']);
  });

  test('answers while others hold as many connections as they can get', async t => {
    const { port } = await served(t);
    const sockets = await idle(t, port, 500, 'GET /live HT');

    for (let i = 0; i < 5; i++) assert.ok(await isLive(port));

    await eventually(() => sockets.filter(socket => !socket.closed).length <= 32);
  });

  test('answers after ten thousand connections, each in its time', async t => {
    const { port } = await served(t);
    for (let i = 0; i < 50; i++) {
      const sockets = await idle(t, port, 200);
      assert.ok(await isLive(port));
      for (const socket of sockets) socket.destroy();
    }
  });

  test('ends those who send their request too slowly, and those who do not read', async t => {
    const { port } = await served(t);
    const [slow, silent, deaf] = await idle(t, port, 3);
    const drip = setInterval(() => slow!.write('x'), 200);
    t.after(() => clearInterval(drip));
    slow!.write('GET /live HTTP/1.1\r\nhost: ');
    deaf!.pause();
    deaf!.write('GET /large HTTP/1.1\r\nhost: x\r\n\r\n');
    const began = performance.now();

    await Promise.all([slow, silent].map(socket => once(socket!, 'close')));
    // what nobody reads hides the end from who does not read it
    await eventually(() => deaf!.destroyed || deaf!.write('x') === undefined || deaf!.closed, {
      seconds: 15,
      everyMs: 100,
    });

    assert.ok(performance.now() - began < 15_000);
  });

  test('stops at once, whoever is connected', async t => {
    const { port, server } = await served(t);
    const sockets = await idle(t, port, 10, 'GET /live HT');

    await server.stop();
    await server.stop();

    await eventually(() => sockets.every(socket => socket.closed));
    assert.equal(
      (await askServer({ port, host }, '/live', 5)).reason,
      `nothing listens on ${host}:${port}`,
    );
  });

  test('can be stopped while it starts, and before', async () => {
    const port = await freePort();
    const [early, never] = [1, 2].map(
      () => new HealthServer({ port, host }, 'worker_health_port', new Map()),
    );
    const starting = early!.start();
    await early!.stop();
    await starting;
    await never!.stop();

    assert.equal(await isLive(port), false);
  });

  test('listens on every address unless it is told one', async t => {
    const server = new HealthServer({ port: 0, host: undefined }, 'worker_health_port', new Map());
    t.after(() => server.stop());
    await server.start();

    assert.match(server.url, /^http:\/\/(\[::\]|0\.0\.0\.0):\d+$/);
    const port = Number(server.url.split(':').at(-1));
    assert.equal(statusOf(await ask(port, 'GET / HTTP/1.1')), 404);
  });

  test('keeps alive for clients that want more than one answer, each over its own connection', async t => {
    const { port } = await served(t);

    for (let i = 0; i < 3; i++) {
      const [response] = await once(get({ host, port, path: '/live' }), 'response');
      response.resume();
      assert.equal(response.statusCode, 200);
    }
    const upgrade = httpRequest({
      host,
      port,
      path: '/live',
      headers: { upgrade: 'h2c', connection: 'Upgrade' },
    });
    upgrade.end();
    const [response] = await once(upgrade, 'response');
    response.resume();
    assert.equal(response.statusCode, 200);
  });
});

describe('an address that cannot be listened on', () => {
  test('is named with the setting, when another process has the port', async t => {
    const port = await freePort();
    const other = createServer().listen(port, host);
    t.after(() => other.close());
    await once(other, 'listening');
    const server = new HealthServer({ port, host }, 'worker_metrics_port', new Map());

    await assert.rejects(server.start(), error => {
      assert.ok(error instanceof AddressInUse);
      const text = `worker_metrics_port: port ${port} of ${host} cannot be listened on: another process does already.`;
      assert.equal(error.message, text);
      return true;
    });
    await server.stop();
  });

  test('is named when it is none of this machine', async () => {
    for (const stranger of ['192.0.2.1', 'no-such-host.invalid']) {
      const server = new HealthServer({ port: 0, host: stranger }, 'worker_health_port', new Map());
      await assert.rejects(server.start(), error => {
        assert.ok(error instanceof ImproperlyConfigured);
        assert.match(
          error.message,
          new RegExp(`^worker_health_port: port 0 of ${stranger} cannot`),
        );
        return true;
      });
      await server.stop();
    }
  });
});

describe('a unix socket', () => {
  const pages = new Map([['/live', () => textPage(200, 'live')]]);
  const serverOn = (socket: string) => new HealthServer({ socket }, 'worker_health_socket', pages);

  test('answers, and is gone after the stop', async t => {
    const socket = join(temporaryProject(t, {}), 'worker.sock');
    const server = serverOn(socket);
    await server.start();

    assert.deepEqual(await askServer({ socket }, '/live', 5), { isWell: true, reason: 'live' });
    assert.equal(server.url, `unix:${socket}`);

    await server.stop();
    assert.ok(!existsSync(socket));
  });

  test('that a dead process left is replaced', async t => {
    const socket = join(temporaryProject(t, {}), 'worker.sock');
    const { spawnSync } = await import('node:child_process');
    const left = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', left, socket]);
    assert.ok(existsSync(socket));
    const server = serverOn(socket);
    t.after(() => server.stop());

    await server.start();

    assert.ok((await askServer({ socket }, '/live', 5)).isWell);
  });

  test('that somebody listens on is left alone', async t => {
    const socket = join(temporaryProject(t, {}), 'worker.sock');
    const [first, second] = [serverOn(socket), serverOn(socket)];
    t.after(() => first.stop());
    await first.start();

    await assert.rejects(second.start(), AddressInUse);
    await second.stop();

    assert.ok((await askServer({ socket }, '/live', 5)).isWell);
  });

  test('is not made where a file or nothing can be', async t => {
    const folder = temporaryProject(t, {});
    const file = join(folder, 'kept');
    writeFileSync(file, 'kept');

    await assert.rejects(serverOn(file).start(), { code: 'ADDRESS_IN_USE' });
    await assert.rejects(serverOn(join(folder, 'no/such/folder')).start(), ImproperlyConfigured);
    await assert.rejects(serverOn(join(folder, 'x'.repeat(200))).start(), ImproperlyConfigured);
    assert.ok(existsSync(file));
  });
});
