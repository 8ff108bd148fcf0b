import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Celery } from '../../src/index.ts';
import { DEFAULT_EXCHANGE, queue } from '../../src/messaging/entities.ts';
import { collect, textMessage } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { python, pythonCelery } from '../support/python.ts';
import { openAmqp } from '../support/rabbitmq.ts';
import { rabbitmqSurroundings, type SharedRabbitmq } from '../support/shared-rabbitmq.ts';
import { lines, type Surroundings, startWorker, withWorker } from '../support/worker.ts';

const FIXTURES = dirname(fileURLToPath(new URL('../fixtures/python_app.py', import.meta.url)));
const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';
const skip = (await pythonCelery()) ? false : 'Python Celery is not installed';

let surroundings: Surroundings & { server: SharedRabbitmq };
before(async () => {
  if (!skip) surroundings = await rabbitmqSurroundings();
});
after(() => surroundings?.stop());

/** Values that break Python's reader when they are written as other clients write them. */
const HARD_HEADERS = {
  limits: [300, 250],
  numbers: { byte: -5, edge: 128, short: 32_767, wide: 1_700_000_000_000, part: 0.5 },
  none: null,
  text: 'žluťoučký 🐰',
  yes: true,
};

const SEND = `
from celery import Celery
app = Celery(broker=data["broker_url"], backend=data["result_backend"])
def send(name, args=(), **options):
    return app.send_task(name, args, queue=data["queue"], **options).get(timeout=20)
`;

describe('a Python client on RabbitMQ', { skip }, () => {
  test('calls our tasks and gets their results', async () => {
    await withWorker(surroundings, { args: ['-c', '1'] }, async ({ queue }) => {
      const out = await python<unknown[]>(
        `${SEND}
out = [send("w.add", (1, 2)), send("w.echo", ({"x": [1, None, "ž"]},)),
       send("w.add", (4, 4), compression="gzip"), send("w.add", (5, 5), countdown=0.3)]`,
        { ...surroundings.settings, queue },
      );

      assert.deepEqual(out, [3, { x: [1, null, 'ž'] }, 8, 10]);
    });
  });

  test('sends headers of any size of number, and our worker hands them to the task', async () => {
    await withWorker(surroundings, { args: ['-c', '1'] }, async ({ queue }) => {
      const out = await python<{ headers: Record<string, unknown> }>(
        `${SEND}\nout = send("w.whoAmI", headers={"big": 1700000000000, "neg": -5, "deep": {"n": [300, 2**40]}})`,
        { ...surroundings.settings, queue },
      );

      assert.deepEqual(out.headers, {
        big: 1_700_000_000_000,
        neg: -5,
        deep: { n: [300, 2 ** 40] },
      });
    });
  });

  test('reads what we publish, headers and all', async t => {
    const { transport } = openAmqp(t, surroundings.server.url);
    const own = `q-${randomUUID().slice(0, 8)}`;
    await transport.declare(queue(own));
    await transport.publish(textMessage('[[1], {}, {}]', { headers: HARD_HEADERS }), {
      exchange: DEFAULT_EXCHANGE,
      routingKey: own,
    });

    const out = await python(
      `
from kombu import Connection
with Connection(data["url"]) as connection:
    message = connection.SimpleQueue(data["queue"]).get(timeout=10)
    message.ack()
    out = [message.headers, message.payload]`,
      { url: surroundings.server.url, queue: own },
    );

    assert.deepEqual(out, [HARD_HEADERS, [[1], {}, {}]]);
  });

  test('declares the same queue as we do, before or after us', async t => {
    const { transport } = openAmqp(t, surroundings.server.url);
    const own = `q-${randomUUID().slice(0, 8)}`;
    const options = {
      expires: 600,
      messageTtl: 60,
      maxPriority: 10,
      maxLength: 1000,
      queueArguments: { 'x-overflow': 'reject-publish' },
    };
    const declare = (name: string) =>
      python(
        `
from kombu import Connection, Exchange, Queue
with Connection(data["url"]) as connection:
    Queue(data["queue"], Exchange(data["queue"]), routing_key=data["queue"], expires=600,
          message_ttl=60, max_priority=10, max_length=1000,
          queue_arguments={"x-overflow": "reject-publish"})(connection.default_channel).declare()`,
        { url: surroundings.server.url, queue: name },
      );

    await transport.declare(queue(own, options));
    await declare(own);
    await declare(`${own}-2`);
    await transport.declare(queue(`${own}-2`, options));
  });
});

describe('a Python worker on RabbitMQ', { skip }, () => {
  let worker: ChildProcess & { log: string };
  let app: Celery;
  let settings: Surroundings['settings'];

  before(async () => {
    settings = { ...surroundings.settings, task_default_queue: `q-${randomUUID().slice(0, 8)}` };
    const args = ['-m', 'celery', '-A', 'python_app', 'worker', '-c', '2', '-l', 'INFO'];
    const child = spawn(PYTHON, [...args, '--without-gossip', '--without-mingle'], {
      cwd: FIXTURES,
      env: {
        ...process.env,
        TEST_SETTINGS: JSON.stringify(settings),
        PYTHONDONTWRITEBYTECODE: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    worker = Object.assign(child, { log: '' });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        worker.log += text;
      });
    }
    app = new Celery('client', settings);
    await eventually(() => assert.match(worker.log, / ready\./), { seconds: 40 });
  });
  after(async () => {
    await app.close();
    worker.kill('SIGKILL');
    await once(worker, 'close');
  });

  test('runs what we send, with limits, stamps and headers that have integers in them', async () => {
    const results = [
      await app.sendTask('py.add', [1, 2]),
      await app.sendTask('py.add', [3, 4], { timeLimit: 300, softTimeLimit: 250 }),
      await app.sendTask('py.add', [5, 6], { headers: HARD_HEADERS }),
      await app.sendTask('py.add', [7, 8], { priority: 200, expires: 3600, countdown: 0.2 }),
    ];

    const values = await Promise.all(results.map(result => result.get({ timeout: 30 })));

    assert.deepEqual(values, [3, 7, 11, 15]);
    assert.doesNotMatch(worker.log, /lost|Traceback/);
  });

  test('shares a queue with a worker of ours', async () => {
    const ours = startWorker(settings, ['-n', 'ts@test']);
    try {
      await ours.sees(/ ready\./);
      const notes = join(surroundings.dir, 'shared');
      const names = Array.from({ length: 60 }, (_, n) => String(n));
      const results = await Promise.all(
        names.map(name => app.sendTask('w.work', [notes, name, 0.1])),
      );

      const values = await Promise.all(results.map(result => result.get({ timeout: 60 })));

      assert.deepEqual(values, names);
      const ran = await lines(notes);
      assert.equal(ran.length, names.length);
      const python = ran.filter(line => line.startsWith('py ')).length;
      assert.ok(python > 0 && python < names.length, `${python} of ${names.length} ran in Python`);
    } finally {
      ours.kill('SIGKILL');
      await ours.ended();
    }
  });

  test('gets back what a consumer of ours gave back', async t => {
    const { transport } = openAmqp(t, surroundings.server.url);
    const own = settings.task_default_queue as string;
    const { got, consumer } = await collect(transport, [queue(own)], 1);
    const results = await Promise.all([1, 2, 3, 4].map(x => app.sendTask('py.add', [x])));
    await eventually(() => assert.ok(got.length > 0));

    await consumer.close();

    const values = await Promise.all(results.map(result => result.get({ timeout: 30 })));
    assert.deepEqual(values, [11, 12, 13, 14]);
  });
});
