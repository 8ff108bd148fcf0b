/** Quorum queues, delays and parked messages shared with Python Celery 5.2, which knows none of them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Celery } from '../../src/index.ts';
import { delayTopology } from '../../src/wire/messages/delayed-delivery.ts';
import { eventually } from '../support/eventually.ts';
import { python, pythonCelery } from '../support/python.ts';
import { sharedRabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { lines, startWorker } from '../support/worker.ts';

const skip = (await pythonCelery()) ? false : 'python3-celery is not installed';
const FIXTURES = dirname(
  fileURLToPath(new URL('../fixtures/python_quorum_app.py', import.meta.url)),
);
const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';

let surroundings: Awaited<ReturnType<typeof sharedRabbitmqWithRpc>>;

interface Address {
  readonly queueType: 'quorum' | 'classic';
  readonly exchangeType: 'direct' | 'topic';
}

/** One queue as both sides declare it, with a client and whatever workers are started on it. */
async function shared(
  { queueType, exchangeType }: Address,
  body: (bench: {
    readonly app: Celery;
    readonly queue: string;
    startPython(): Promise<void>;
    startOurs(): Promise<ReturnType<typeof startWorker>>;
    /** Sends from Python and resolves with the result. */
    sendFromPython(name: string, args: unknown[], options?: object): Promise<unknown>;
  }) => Promise<void>,
): Promise<void> {
  const queue = `q-${randomUUID().slice(0, 8)}`;
  const exchange = exchangeType === 'direct' ? queue : `x-${queue}`;
  const settings = {
    ...surroundings.settings,
    task_default_queue: queue,
    task_queues: {
      [queue]: {
        exchange,
        exchange_type: exchangeType,
        routing_key: queue,
        queue_arguments: { 'x-queue-type': queueType },
      },
    },
    worker_park_eta_after: 1,
  };
  const theirs = {
    ...surroundings.settings,
    task_default_queue: queue,
    exchange,
    exchange_type: exchangeType,
    routing_key: queue,
    queue_type: queueType,
  };
  const app = new Celery('client', settings);
  const stops: (() => Promise<unknown>)[] = [() => app.close()];
  try {
    await body({
      app,
      queue,
      startPython: async () => {
        const worker = startPythonWorker(theirs);
        stops.push(() => killed(worker));
        await eventually(() => assert.match(worker.log, / ready\./), { seconds: 30 });
      },
      startOurs: async () => {
        const worker = startWorker(settings, ['-n', `ts-${queue}@test`]);
        stops.push(() => {
          worker.kill('SIGKILL');
          return worker.ended();
        });
        await worker.sees(/ ready\./);
        return worker;
      },
      sendFromPython: (name, args, options = {}) =>
        python(CLIENT, { name, args, options }, { cwd: FIXTURES, env: environment(theirs) }),
    });
  } finally {
    for (const stop of stops) await stop();
  }
}

const CLIENT = `
from python_quorum_app import app
out = app.send_task(data['name'], args=data['args'], **data['options']).get(timeout=30)
`;

const environment = (settings: object) => ({
  TEST_SETTINGS: JSON.stringify(settings),
  PYTHONDONTWRITEBYTECODE: '1',
});

function startPythonWorker(settings: object): ChildProcess & { log: string } {
  const args = ['-m', 'celery', '-A', 'python_quorum_app', 'worker', '-c', '1', '-l', 'INFO'];
  const child = spawn(PYTHON, [...args, '--without-gossip', '--without-mingle'], {
    cwd: FIXTURES,
    env: { ...process.env, ...environment(settings) },
    stdio: ['ignore', 'pipe', 'pipe'],
    // with its children
    detached: true,
  });
  const worker = Object.assign(child, { log: '' });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      worker.log += text;
    });
  }
  return worker;
}

async function killed(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const closed = once(worker, 'close');
  process.kill(-worker.pid!, 'SIGKILL');
  await closed;
}

describe('with Python Celery on RabbitMQ', { skip }, () => {
  before(async () => {
    surroundings = await sharedRabbitmqWithRpc();
  });
  after(() => surroundings.stop());

  it('a quorum queue is shared both ways', async () => {
    await shared({ queueType: 'quorum', exchangeType: 'direct' }, async bench => {
      await bench.startPython();
      const result = await bench.app.sendTask('py.add', [1, 2]);
      assert.equal(await result.get({ timeout: 30 }), 3);
    });
    await shared({ queueType: 'quorum', exchangeType: 'direct' }, async bench => {
      await bench.startOurs();
      assert.equal(await bench.sendFromPython('w.add', [1, 2]), 3);
    });
  });

  it('a message that we delayed runs in Python, and so do its retries', async () => {
    await shared({ queueType: 'quorum', exchangeType: 'topic' }, async bench => {
      await bench.startPython();
      const eta = new Date(Date.now() + 2500);

      const result = await bench.app.sendTask('py.how', [2, 1], { eta });

      const [retries, key] = (await result.get({ timeout: 30 })) as [number, string];
      assert.ok(Date.now() >= eta.getTime());
      assert.equal(retries, 2);
      assert.match(key, new RegExp(`^(0\\.){26}1\\.[01]\\.${bench.queue}$`));
    });
  });

  it('the topology of delays is the same to kombu', async () => {
    await shared({ queueType: 'quorum', exchangeType: 'topic' }, async bench => {
      await bench.startOurs();
      const queues = delayTopology('quorum').filter(step => step.kind === 'queue');

      // anything else than an equal declaration is refused
      const declared = await python<number>(
        `
import kombu
with kombu.Connection(data['broker']) as connection:
    channel = connection.default_channel
    for queue in data['queues']:
        kombu.Exchange(queue['name'], type='topic', channel=channel).declare()
        kombu.Queue(queue['name'], queue_arguments=queue['arguments'], channel=channel).queue_declare()
    kombu.Exchange('celery_delayed_delivery', type='topic', channel=channel).declare()
out = len(data['queues'])
`,
        { broker: surroundings.server.url, queues },
      );

      assert.equal(declared, 28);
    });
  });

  for (const queueType of ['classic', 'quorum'] as const) {
    it(`a message that we parked runs in Python, from a ${queueType} queue`, async () => {
      await shared({ queueType, exchangeType: 'direct' }, async bench => {
        const ours = await bench.startOurs();
        const eta = new Date(Date.now() + 9000);
        const result = await bench.app.sendTask('w.add', [1, 2], { eta });
        await ours.sees(/w\.add\[.*waits in the broker/);
        ours.kill('SIGKILL');
        await ours.ended();

        await bench.startPython();

        assert.equal(await result.get({ timeout: 30 }), 3);
        assert.ok(Date.now() >= eta.getTime());
      });
    });
  }

  it('a message of a Python client is parked, and its retry too', async () => {
    await shared({ queueType: 'classic', exchangeType: 'topic' }, async bench => {
      const ours = await bench.startOurs();

      const file = `${surroundings.dir}/${randomUUID()}`;
      const args = [file, 3, 1];
      const retries = await bench.sendFromPython('w.retriesIn', args, { countdown: 3 });

      assert.equal(retries, 1);
      const waits = (ours.stdout + ours.stderr).match(/w\.retriesIn\[.*waits in the broker/g);
      assert.ok((waits?.length ?? 0) >= 2);
      // neither parking nor the way back show
      const way = `x-${bench.queue} ${bench.queue} `;
      assert.deepEqual(await lines(file), [way, way]);
    });
  });
});
