/** Workers that hear each other, whatever becomes of their connections. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { rabbitmqNodeSurroundings } from '../support/rabbitmq.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { type Surroundings, type WorkerBench, withWorker } from '../support/worker.ts';

const QUICK = ['-P', 'solo', '-l', 'DEBUG', '--heartbeat-interval', '0.5'];

interface Broker {
  readonly name: string;
  readonly surroundings: Surroundings;
  /** Cuts every connection that there is. */
  cut(): Promise<unknown>;
  /** Kills the server and starts it again. */
  restart(): Promise<void>;
  /** How many there are. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

async function redisBroker(): Promise<Broker> {
  const server: RedisServer = await startRedis();
  const admin = server.client();
  const others = async () => {
    const own = String(await admin.client('ID'));
    const lines = String(await admin.client('LIST'))
      .trim()
      .split('\n');
    return lines.filter(line => !line.includes(`id=${own} `));
  };
  return {
    name: 'Redis',
    surroundings: {
      name: 'Redis',
      dir: '/nowhere',
      settings: { broker_url: server.url, result_backend: 'disabled://' },
      stop: async () => {},
    },
    connections: async () => (await others()).length,
    async restart() {
      await server.kill();
      await server.restart();
    },
    async cut() {
      for (const line of await others()) {
        await admin.client('KILL', 'ID', /^id=(\d+)/.exec(line)![1]!).catch(() => {});
      }
    },
    stop: () => server.stop(),
  };
}

async function rabbitmqBroker(): Promise<Broker> {
  const surroundings = await rabbitmqNodeSurroundings();
  const { server } = surroundings;
  return {
    name: 'RabbitMQ',
    surroundings,
    connections: async () => Number(await server.eval('length(rabbit_networking:connections()).')),
    restart: () => server.restart(),
    cut: () => server.eval('rabbit_networking:close_all_connections("closed by a test").'),
    stop: () => surroundings.stop(),
  };
}

/** The number that it is for a while: hearts that beat open connections. */
async function settled(count: () => Promise<number>): Promise<number> {
  let [last, same] = [-1, 0];
  await eventually(
    async () => {
      const now = await count();
      same = now === last ? same + 1 : 0;
      last = now;
      return same >= 20;
    },
    { seconds: 30, everyMs: 100 },
  );
  return last;
}

for (const [name, open] of [
  ['Redis', redisBroker],
  ['RabbitMQ', rabbitmqBroker],
] as const) {
  describe(`workers on ${name}`, () => {
    let broker: Broker;
    before(async () => {
      broker = await open();
    });
    after(() => broker.stop());
    const run = (args: readonly string[], body: (bench: WorkerBench) => Promise<void>) =>
      withWorker(broker.surroundings, { args: [...QUICK, ...args] }, body);

    it('see each other again when all connections were cut', async () => {
      await run([], async ({ worker, another }) => {
        const second = await another(QUICK);
        await worker.sees(/DEBUG.*w2@test joined the party/);
        await second.sees(/DEBUG.*w1@test joined the party/);

        await broker.cut();
        await worker.sees(/Connection to broker lost/);
        const third = await another(QUICK);
        await worker.sees(/w3@test joined the party/);
        await second.sees(/w3@test joined the party/);
        third.kill('SIGKILL');
        await worker.sees(/INFO.*missed heartbeat from w3@test/);

        assert.doesNotMatch(worker.stderr + worker.stdout, /missed heartbeat from w2@test/);
      });
    });

    it('see each other again when the broker was killed and started again', async () => {
      await run([], async ({ worker, another }) => {
        await broker.restart();
        await another(QUICK);
        await worker.sees(/w2@test joined the party/, 60);
      });
    });

    it('need no connection more for it, and hear nothing without it', async () => {
      const counts: number[] = [];
      for (const args of [[], ['--without-gossip']]) {
        await eventually(async () => assert.equal(await broker.connections(), 0));
        await run(args, async ({ worker, another }) => {
          await another(['-P', 'solo']);
          counts.push(await settled(broker.connections));
          if (args.length > 0) {
            assert.doesNotMatch(worker.stderr + worker.stdout, /joined the party/);
          } else await worker.sees(/w2@test joined the party/);
        });
      }

      assert.equal(counts[0], counts[1]);
    });

    it('elect one of them, which sends the task', async () => {
      await run([], async ({ app, worker, another }) => {
        const second = await another(QUICK);
        await worker.sees(/w2@test joined the party/);
        await second.sees(/w1@test joined the party/);
        const queue = `elected-${randomUUID()}`;
        const action = { task: 'w.add', args: [1, 2], kwargs: {}, options: { queue } };

        await app.control.broadcast('election', { id: 'e1', topic: 'task', action });

        await eventually(async () => assert.equal(await app.control.queueLength(queue), 1));
        const logs = [worker, second].map(({ stdout, stderr }) => stdout + stderr);
        await eventually(() => {
          const winners = [worker, second].filter(each =>
            /I won the election 'e1'/.test(each.stderr + each.stdout),
          );
          const losers = [worker, second].filter(each =>
            /node w\d@test\.\d+ elected for 'e1'/.test(each.stderr + each.stdout),
          );
          assert.deepEqual([winners.length, losers.length], [1, 1], logs.join('\n'));
        });
        await app.control.purge({ queues: [queue] });
      });
    });
  });
}

describe('a worker on Redis without fanout patterns', () => {
  it('hears each event once', async t => {
    const server = await startRedis();
    t.after(() => server.stop());
    const surroundings: Surroundings = {
      name: 'Redis',
      dir: '/nowhere',
      settings: {
        broker_url: server.url,
        result_backend: 'disabled://',
        broker_transport_options: { fanout_patterns: false },
      },
      stop: async () => {},
    };
    await withWorker(surroundings, { args: [...QUICK, '-E'] }, async ({ app, worker, another }) => {
      const second = await another([...QUICK, '-E']);
      await worker.sees(/w2@test joined the party/);
      await second.sees(/w1@test joined the party/);
      await app.control.broadcast('election', { id: 'e', topic: 'none', action: 1 });
      await worker.sees(/election 'e'|elected for 'e'/);
      await second.sees(/election 'e'|elected for 'e'/);
      second.kill('SIGTERM');
      await second.ended();
      await worker.sees(/w2@test left/);

      const log = worker.stderr + worker.stdout;
      assert.equal(log.match(/w2@test joined the party/g)!.length, 1);
      assert.equal(log.match(/w2@test left/g)!.length, 1);
    });
  });
});
