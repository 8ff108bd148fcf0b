/** Serializers, compression, registered types and signatures between a client and a worker. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Celery, type CeleryConfig } from '../../src/index.ts';
import { Money } from '../fixtures/content-app.ts';
import { builtApp } from '../support/built-app.ts';
import { selfSigned } from '../support/certificates.ts';
import { type RunningCli, runCli, startCli } from '../support/cli.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';

const APP = builtApp(fileURLToPath(new URL('../fixtures/content-app.ts', import.meta.url)));
const COMPRESSIONS = ['gzip', 'zlib', 'brotli', 'zstd', 'bzip2', 'lzma'];

let server: RedisServer;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

interface Bench {
  readonly app: Celery;
  readonly worker: RunningCli;
  readonly settings: CeleryConfig;
}

/** A worker, and an app with the same settings, on a queue of their own. */
async function startBench(settings: CeleryConfig, env: Record<string, string> = {}) {
  const all: CeleryConfig = {
    broker_url: server.url,
    result_backend: server.url,
    task_default_queue: `q-${randomUUID()}`,
    ...settings,
  };
  const worker = startCli(['-A', `${APP}:app`, 'worker', '-l', 'INFO', '-c', '1'], {
    env: { TEST_SETTINGS: JSON.stringify(all), C_FORCE_ROOT: '1', ...env },
  });
  await worker.sees(/ ready\./);
  return { app: new Celery('client', all), worker, settings: all };
}

async function stopBench({ app, worker }: Bench): Promise<void> {
  await app.close();
  worker.kill('SIGKILL');
  await worker.ended();
}

const VALUE = { text: 'ü'.repeat(500), list: [1, 1.5, null, true], long: 2 ** 40 };

describe('a worker that accepts every serializer', () => {
  let bench: Bench;
  before(async () => {
    const accept = ['json', 'yaml', 'msgpack', 'pickle', 'shouted'];
    bench = await startBench({ accept_content: accept });
  });
  after(() => stopBench(bench));

  const echo = async (options: object, value: unknown = VALUE) => {
    const sent = await bench.app.sendTask('c.echo', [value], options);
    return sent.get({ timeout: 10 });
  };

  for (const serializer of ['yaml', 'msgpack', 'pickle']) {
    it(`runs a task sent as ${serializer}`, async () => {
      assert.deepEqual(await echo({ serializer }), VALUE);
      assert.deepEqual(await echo({ serializer }, Buffer.from([0, 255])), Buffer.from([0, 255]));
    });

    it(`runs a task sent as ${serializer} and compressed`, async () => {
      assert.deepEqual(await echo({ serializer, compression: 'bzip2' }), VALUE);
    });
  }

  for (const compression of COMPRESSIONS) {
    it(`runs a task compressed by ${compression}`, async () => {
      assert.deepEqual(await echo({ compression }), VALUE);
    });
  }

  it('runs a task sent by a serializer of the user', async () => {
    assert.deepEqual(await echo({ serializer: 'shouted' }, ['ABC']), ['abc']);
  });

  it('runs a task of protocol 1 in another serializer', async () => {
    const app = new Celery('client', { ...bench.settings, task_protocol: 1 });
    try {
      const sent = await app.sendTask('c.echo', [VALUE], { serializer: 'yaml' });

      assert.deepEqual(await sent.get({ timeout: 10 }), VALUE);
    } finally {
      await app.close();
    }
  });

  it('gives and takes registered classes', async () => {
    const sent = await bench.app.sendTask('c.double', [new Money(21)]);

    const result = await sent.get({ timeout: 10 });

    assert.ok(result instanceof Money);
    assert.equal(result.cents, 42);
  });

  it('is not sent what cannot be written', async () => {
    await assert.rejects(echo({ serializer: 'msgpack' }, new Date(0)), {
      name: 'EncodeError',
      message: /is a Date and cannot be sent as msgpack/,
    });
    await assert.rejects(echo({ serializer: 'yml' }), { message: /Did you mean "yaml"/ });
    await assert.rejects(echo({ compression: 'bzp2' }), { message: /Did you mean "bzip2"/ });
  });
});

describe('a worker that accepts json only', () => {
  it('rejects tasks in another serializer and goes on', async () => {
    const bench = await startBench({});
    try {
      for (const serializer of ['yaml', 'msgpack', 'pickle']) {
        await bench.app.sendTask('c.echo', [1], { serializer });
      }
      const sent = await bench.app.sendTask('c.echo', [2]);

      assert.equal(await sent.get({ timeout: 10 }), 2);
      for (const type of ['yaml', 'msgpack', 'python-serialize']) {
        await bench.worker.sees(new RegExp(`disabled content of type application/x-${type}`));
      }
      assert.equal(await server.client().llen(bench.settings.task_default_queue!), 0);
      assert.equal(await server.client().hlen('unacked'), 0);
    } finally {
      await stopBench(bench);
    }
  });
});

describe('results by result_serializer', () => {
  it('reach the client', async () => {
    const bench = await startBench({
      result_serializer: 'msgpack',
      accept_content: ['json', 'msgpack'],
    });
    try {
      const sent = await bench.app.sendTask('c.echo', [VALUE]);

      assert.deepEqual(await sent.get({ timeout: 10 }), VALUE);
      const stored = await server.client().getBuffer(`celery-task-meta-${sent.id}`);
      // a map of a few fields
      assert.equal(stored![0]! & 0xf0, 0x80);
    } finally {
      await stopBench(bench);
    }
  });
});

describe('a worker as root that accepts pickle', { skip: process.getuid?.() !== 0 }, () => {
  it('does not start unless C_FORCE_ROOT is set', async () => {
    const settings = { broker_url: server.url, accept_content: ['json', 'pickle'] };
    const env = { TEST_SETTINGS: JSON.stringify(settings), C_FORCE_ROOT: '' };

    const { code, stderr, stdout } = await runCli(['-A', `${APP}:app`, 'worker'], { env });

    assert.equal(code, 1, stdout);
    assert.match(stderr, /pickle must not run as root.*C_FORCE_ROOT=1/s);
  });
});

describe('a worker that wants signed messages', () => {
  let dir: string;
  let bench: Bench;
  let signed: CeleryConfig;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tscelery-signed-'));
    const own = selfSigned({ issuer: [[3, 'own']], password: 's3cret' });
    const stranger = selfSigned({ issuer: [[3, 'stranger']] });
    await writeFile(join(dir, 'own.key'), own.key);
    await writeFile(join(dir, 'trusted.pem'), own.certificate);
    await writeFile(join(dir, 'stranger.key'), stranger.key);
    await writeFile(join(dir, 'stranger.crt'), stranger.certificate);
    signed = {
      task_serializer: 'auth',
      accept_content: ['auth'],
      result_accept_content: ['json'],
      security_key: join(dir, 'own.key'),
      security_key_password: 's3cret',
      security_certificate: join(dir, 'trusted.pem'),
      security_cert_store: join(dir, '*.pem'),
    };
    bench = await startBench(signed, { TEST_SIGNED: '1' });
  });
  after(async () => {
    await stopBench(bench);
    await rm(dir, { recursive: true });
  });

  async function client<T>(settings: CeleryConfig, use: (app: Celery) => Promise<T>): Promise<T> {
    const app = new Celery('client', { ...bench.settings, ...settings });
    if (settings.task_serializer !== 'json') app.setupSecurity();
    try {
      return await use(app);
    } finally {
      await app.close();
    }
  }

  it('runs those of somebody trusted, also compressed', async () => {
    const value = await client({}, async app => {
      const plain = await app.sendTask('c.echo', [VALUE]);
      const compressed = await app.sendTask('c.echo', [VALUE], { compression: 'gzip' });
      return [await plain.get({ timeout: 10 }), await compressed.get({ timeout: 20 })];
    });

    assert.deepEqual(value, [VALUE, VALUE]);
  });

  it('fails those of a stranger with SecurityError, without running them', async () => {
    const stranger = {
      security_key: join(dir, 'stranger.key'),
      security_key_password: null,
      security_certificate: join(dir, 'stranger.crt'),
    };

    await client(stranger, async app => {
      const sent = await app.sendTask('c.echo', [1]);

      await assert.rejects(sent.get({ timeout: 10 }), {
        name: 'SecurityError',
        message: /Unknown certificate: "stranger 1"/,
      });
    });
  });

  it('refuses those that are not signed', async () => {
    await client({ task_serializer: 'json', accept_content: ['json'] }, async app => {
      await app.sendTask('c.echo', [1]);
      await bench.worker.sees(/disabled content of type application\/json/);

      const raw = await app.sendTask('c.echo', [1], { serializer: 'raw' }).catch(error => error);
      assert.match(String(raw), /raw serializer writes only/);
    });
  });
});
