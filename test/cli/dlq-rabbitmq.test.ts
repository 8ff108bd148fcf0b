import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Delivery, Transport } from '../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE, exchange, type Queue, queue } from '../../src/messaging/entities.ts';
import { openTransport } from '../../src/messaging/open.ts';
import { buryMessage } from '../../src/wire/messages/dead-letter.ts';
import { buildTaskMessage } from '../../src/wire/messages/task-message.ts';
import { runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { type SharedRabbitmq, shareRabbitmq } from '../support/shared-rabbitmq.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const OPTIONS = { transportOptions: {}, connectTimeout: 5, useSsl: false };

describe('on RabbitMQ', { concurrency: 2 }, () => {
  let server: SharedRabbitmq;
  before(async () => {
    server = await shareRabbitmq();
  });
  after(() => server.stop());

  async function setup(t: TestContext) {
    const url = await server.vhost();
    const transport = await openTransport(url, OPTIONS);
    t.after(() => transport.close());
    const cwd = temporaryProject(t, {});
    const words = ['-b', url, 'dlq'];
    return {
      url,
      cwd,
      transport,
      run: (...args: string[]) => runCli([...words, ...args], { cwd }),
      start: (...args: string[]) => startCli([...words, ...args], { cwd }),
    };
  }

  async function take(transport: Transport, from: Queue, count: number): Promise<Delivery[]> {
    const got: Delivery[] = [];
    const consumer = await transport.consume([from], {
      prefetch: 0,
      onDeliveries: deliveries => void got.push(...deliveries),
    });
    await eventually(() => assert.equal(got.length, count));
    for (const delivery of got) await delivery.ack();
    await consumer.close();
    return got;
  }

  const as = (name: string): Queue => queue(name, { exchange: DEFAULT_EXCHANGE, noDeclare: true });
  const ids = (deliveries: readonly Delivery[]) =>
    deliveries.map(({ message }) => String(message.headers.id));
  const task = (id: string, headers = {}) =>
    buildTaskMessage({ task: 'proj.a', id, args: [1], kwargs: {}, headers });

  for (const type of ['classic', 'quorum'] as const) {
    it(`dlq lists and replays what the broker dead-lettered into a ${type} queue`, async t => {
      const { transport, run } = await setup(t);
      const queueArguments = { 'x-queue-type': type };
      const dead = queue('graves', { exchange: exchange('dlx', 'fanout'), queueArguments });
      const work = queue('work', {
        exchange: exchange('jobs', 'topic'),
        routingKey: 'jobs.#',
        queueArguments: { ...queueArguments, 'x-dead-letter-exchange': 'dlx' },
      });
      await transport.declare(dead);
      await transport.declare(work);
      const to = { exchange: work.exchange, routingKey: 'jobs.mail' };
      const message = task('x', { mine: 1 });
      await transport.publish(message, to);
      const got: Delivery[] = [];
      const consumer = await transport.consume([work], {
        prefetch: 1,
        onDeliveries: deliveries => void got.push(...deliveries),
      });
      await eventually(() => assert.equal(got.length, 1));
      await got[0]!.reject(false);
      await consumer.close();
      await eventually(async () => assert.equal(await transport.size('graves'), 1));

      const listed = await run('ls', '-Q', 'graves', '--json');
      const replayed = await run('replay', '-Q', 'graves', '--reason', 'rejected', '--since', '1h');

      const row = JSON.parse(listed.stdout) as Record<string, unknown>;
      const { reason, queue: from, exchange: via, routing_key: key, id, error } = row;
      assert.deepEqual(
        [reason, from, via, key, id, error],
        ['rejected', 'work', 'jobs', 'jobs.mail', 'x', ''],
      );
      assert.equal(typeof row.died_at, 'string');
      assert.equal(replayed.stdout, 'Replayed 1 message from graves.\n');
      const [again] = await take(transport, as('work'), 1);
      assert.deepEqual(again!.message.headers, message.headers);
      assert.equal(again!.redelivered, false);
    });
  }

  it('replay by exchange reaches what is bound there; to a queue that is not there nothing is sent', async t => {
    const { transport, run } = await setup(t);
    const work = queue('work', { exchange: exchange('jobs'), routingKey: 'mail' });
    await transport.declare(work);
    await transport.declare(queue('dead', { exchange: DEFAULT_EXCHANGE }));
    const death = {
      reason: 'failed',
      error: 'no',
      diedAt: Date.now() / 1000,
      queue: 'gone',
      exchange: 'jobs',
      routingKey: 'mail',
      deliveries: 1,
      worker: 'w',
    };
    const to = { exchange: DEFAULT_EXCHANGE, routingKey: 'dead' };
    await transport.publish(buryMessage(task('x'), death), to);

    const nowhere = await run('replay', '-Q', 'dead');
    const left = await transport.size('dead');
    const sent = await run('replay', '-Q', 'dead', '--by-exchange');

    assert.equal(nowhere.code, 1);
    assert.match(nowhere.stderr, /^Error: .*gone/);
    assert.equal(left, 1);
    assert.equal(sent.stdout, 'Replayed 1 message from dead.\n');
    assert.deepEqual(ids(await take(transport, as('work'), 1)), ['x']);
  });

  it('ls keeps the order, and an interrupted replay neither loses nor doubles', async t => {
    const { transport, run, start } = await setup(t);
    // more than are sent before the signal arrives on a busy machine
    const count = 10_000;
    await transport.declare(queue('dead', { exchange: DEFAULT_EXCHANGE }));
    await transport.declare(queue('work', { exchange: DEFAULT_EXCHANGE }));
    const death = { reason: 'failed', error: '', diedAt: 0, queue: 'work', exchange: '' };
    const rest = { routingKey: 'work', deliveries: 1, worker: 'w' };
    await Promise.all(
      Array.from({ length: count }, (_, n) =>
        transport.publish(buryMessage(task(String(n)), { ...death, ...rest }), {
          exchange: DEFAULT_EXCHANGE,
          routingKey: 'dead',
        }),
      ),
    );

    const listed = await run('ls', '-Q', 'dead', '--limit', '3', '--json');
    const replay = start('replay', '-Q', 'dead');
    await eventually(async () => (await transport.size('work')) > 0);
    replay.kill('SIGINT');
    const { stdout } = await replay.ended();

    const shown = listed.stdout
      .trim()
      .split('\n')
      .map(line => (JSON.parse(line) as { id: string }).id);
    assert.deepEqual(shown, ['0', '1', '2']);
    const sent = Number(/Replayed (\d+) messages/.exec(stdout)?.[1]);
    assert.ok(sent > 0 && sent < count, `${sent} of ${count}`);
    const again = ids(await take(transport, as('work'), sent));
    const left = ids(await take(transport, as('dead'), count - sent));
    const order = Array.from({ length: count }, (_, n) => String(n));
    assert.deepEqual([...again, ...left], order);
  });

  it('migrate moves tasks from RabbitMQ to SQLite and back, unchanged', async t => {
    const { transport, url, cwd } = await setup(t);
    const work = queue('work');
    await transport.declare(work);
    const message = task('x', { mine: { deep: [1, null, 2.5] } });
    await transport.publish(message, { exchange: work.exchange, routingKey: 'work' });
    const file = `sqla+sqlite:///${cwd}/other.sqlite`;

    const there = await runCli(['migrate', url, file, '-Q', 'work', '-a'], { cwd });
    const emptied = await transport.size('work');
    const back = await runCli(['migrate', file, url, '-Q', 'work', '-a'], { cwd });

    assert.deepEqual([there.stderr, back.stderr], ['', '']);
    assert.equal(emptied, 0);
    const [got] = await take(transport, work, 1);
    assert.deepEqual(got!.message.headers, message.headers);
    assert.equal(got!.message.body, message.body);
    const { correlation_id: id, delivery_mode: mode } = got!.message.properties;
    assert.deepEqual([id, mode], ['x', 2]);
  });

  it('list bindings says why there is nothing to see', async t => {
    const { url, cwd } = await setup(t);

    const { code, stderr } = await runCli(['-b', url, 'list', 'bindings'], { cwd });

    assert.equal(code, 2);
    assert.match(stderr, /^Error: Your transport cannot list bindings: RabbitMQ tells them/);
  });
});
