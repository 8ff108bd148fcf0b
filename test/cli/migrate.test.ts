import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Delivery, Transport } from '../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE, queue } from '../../src/messaging/entities.ts';
import { openTransport } from '../../src/messaging/open.ts';
import { bodyBytes, type Message } from '../../src/wire/messages/message.ts';
import { buildTaskMessage } from '../../src/wire/messages/task-message.ts';
import { runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const OPTIONS = { transportOptions: {}, connectTimeout: 5, useSsl: false };

describe('migrate', { concurrency: 2 }, () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());

  /** A queue on an SQLite broker with these tasks, and Redis as the destination. */
  async function setup(t: TestContext, names: readonly string[]) {
    const cwd = temporaryProject(t, {});
    const urls = [`sqla+sqlite:///${join(cwd, 'old.sqlite')}`, server.url];
    const [source, destination] = await Promise.all(urls.map(url => openTransport(url, OPTIONS)));
    t.after(() => Promise.all([source!.close(), destination!.close()]));
    const name = `q-${randomUUID().slice(0, 8)}`;
    await source!.declare(queue(name));
    const sent: Message[] = [];
    for (const [at, task] of names.entries()) {
      sent.push(buildTaskMessage({ task, id: `${at}`, args: [at, 'ü'], kwargs: {}, priority: 0 }));
      await source!.publish(sent[at]!, { exchange: DEFAULT_EXCHANGE, routingKey: name });
    }
    const args = (...options: string[]) => ['migrate', ...urls, '-Q', name, ...options];
    return {
      source: source!,
      destination: destination!,
      name,
      sent,
      urls,
      run: (...options: string[]) => runCli(args(...options), { cwd }),
      start: (...options: string[]) => startCli(args(...options), { cwd }),
      plain: (words: string[]) => runCli(words, { cwd }),
    };
  }

  async function take(transport: Transport, name: string, count: number): Promise<Delivery[]> {
    const got: Delivery[] = [];
    const consumer = await transport.consume([queue(name)], {
      prefetch: 0,
      onDeliveries: deliveries => {
        got.push(...deliveries);
        for (const delivery of deliveries) void delivery.ack();
      },
    });
    await eventually(() => assert.equal(got.length, count));
    await consumer.close();
    return got;
  }

  const ids = (deliveries: readonly Delivery[]) =>
    deliveries.map(({ message }) => String(message.headers.id));

  it('copies messages in order and unchanged, with a line for each', async t => {
    const { run, source, destination, name, sent } = await setup(t, ['proj.a', 'proj.b']);

    const { code, stdout, stderr } = await run();

    assert.deepEqual([code, stderr], [0, '']);
    const embed = "{'callbacks': None, 'errbacks': None, 'chain': None, 'chord': None}";
    assert.equal(
      stdout,
      `Migrating task 1/2: [[0, 'ü'], {}, ${embed}]\nMigrating task 2/2: [[1, 'ü'], {}, ${embed}]\n`,
    );
    const got = await take(destination, name, 2);
    assert.deepEqual(
      got.map(({ message }) => [
        message.headers,
        message.properties,
        bodyBytes(message).toString(),
      ]),
      sent.map(message => [message.headers, message.properties, bodyBytes(message).toString()]),
    );
    assert.deepEqual(ids(await take(source, name, 2)), ['0', '1']);
  });

  it('-a moves them', async t => {
    const { run, source, destination, name } = await setup(t, ['proj.a', 'proj.b']);

    await run('-a');

    assert.equal(await source.size(name), 0);
    assert.deepEqual(ids(await take(destination, name, 2)), ['0', '1']);
  });

  it('-n, -T and old:new choose how many, which, and where to', async t => {
    const tasks = ['proj.a', 'proj.b', 'proj.a', 'proj.a'];
    const { plain, urls, source, destination, name } = await setup(t, tasks);
    const words = ['-Q', `${name}:${name}-new`, '-T', 'proj.a,proj.c', '-n', '2', '-a'];

    const { stdout } = await plain(['migrate', ...urls, ...words]);

    assert.match(stdout, /^Migrating task 1\/2: .*\nMigrating task 2\/2: .*\n$/);
    assert.deepEqual(ids(await take(destination, `${name}-new`, 2)), ['0', '2']);
    assert.deepEqual(ids(await take(source, name, 2)), ['1', '3']);
  });

  it('-F goes on with what comes in until it is interrupted', async t => {
    const { start, source, destination, name, sent } = await setup(t, ['proj.a']);
    const running = start('-F', '-a');
    await running.sees(/Migrating task 1\/\?/);

    await source.publish(sent[0]!, { exchange: DEFAULT_EXCHANGE, routingKey: name });
    await running.sees(/Migrating task 2\/\?/);
    await eventually(async () => assert.equal(await destination.size(name), 2));
    running.kill('SIGINT');

    assert.equal((await running.ended()).code, 0);
    assert.deepEqual([await source.size(name), await destination.size(name)], [0, 2]);
  });

  it('one that is killed loses nothing: what was not acknowledged is still at the source', async t => {
    const names = Array.from({ length: 2000 }, () => 'proj.a');
    const { start, source, destination, name } = await setup(t, names);
    const running = start('-a');
    await eventually(async () => (await destination.size(name)) > 0);

    running.kill('SIGKILL');
    await running.ended();

    const arrived = await take(destination, name, await destination.size(name));
    const seen = new Set(ids(arrived));
    const consumer = await source.consume([queue(name)], {
      prefetch: 0,
      onDeliveries: deliveries => {
        for (const id of ids(deliveries)) seen.add(id);
      },
    });
    await eventually(() => assert.equal(seen.size, names.length));
    await consumer.close();
  });

  it('brokers that cannot be used and queues without a name are refused', async t => {
    const { plain, urls } = await setup(t, []);
    const [url = ''] = urls;

    const same = await plain(['migrate', url, url]);
    const unknown = await plain(['migrate', url, 'rediss-x://h']);
    const dead = await plain(['migrate', url, 'redis://:secret@127.0.0.1:1/0']);
    const nameless = await plain(['migrate', ...urls, '-Q', 'a:']);
    const missing = await plain(['migrate', url]);

    assert.deepEqual(
      [same, unknown, dead, nameless, missing].map(({ code }) => code),
      [2, 1, 1, 2, 2],
    );
    assert.match(same.stderr, /Error: SOURCE and DESTINATION are the same broker\./);
    assert.match(unknown.stderr, /^Error: .*rediss-x/);
    assert.match(dead.stderr, /^Error: .*ECONNREFUSED.*\n$/);
    assert.doesNotMatch(dead.stderr, /secret/);
    assert.match(nameless.stderr, /'a:' is no queue, and not old:new either/);
    assert.match(missing.stderr, /Missing argument 'DESTINATION'/);
  });
});
