/** Events while the broker is away, or will not have them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Celery, ReceivedEvent } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { type RabbitmqServer, rabbitmqNodeSurroundings } from '../support/rabbitmq.ts';
import { startRedis } from '../support/servers.ts';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

let rabbit: Surroundings & { server: RabbitmqServer };
before(async () => {
  rabbit = await rabbitmqNodeSurroundings();
});
after(() => rabbit.stop());

const E = { args: ['-E', '-P', 'solo', '--heartbeat-interval', '0.5'] };

const add = async (app: Celery) => app.sendTask('w.add' as never, [1, 2] as never);

/** A receiver with what it has heard, by type. */
async function hearing(app: Celery) {
  const events: ReceivedEvent[] = [];
  const lost: Error[] = [];
  const receiver = app.events.Receiver({
    handlers: { '*': event => events.push(event) },
    onLost: error => lost.push(error),
  });
  await receiver.start();
  return {
    ...{ lost, count: (type: string) => events.filter(event => event.type === type).length },
    [Symbol.asyncDispose]: () => receiver.stop(),
  };
}

/** What a worker and a receiver do when the broker ends and comes back. */
async function survives(surroundings: Surroundings, restart: () => Promise<void>) {
  await withWorker(surroundings, E, async ({ app, worker }) => {
    await using heard = await hearing(app);
    await (await add(app)).get({ timeout: 20 });
    await eventually(() => heard.count('task-succeeded') === 1);

    await restart();
    await worker.sees(/consuming again/, 40);
    await eventually(() => heard.lost.length > 0);
    const beats = heard.count('worker-heartbeat');
    await eventually(() => heard.count('worker-heartbeat') > beats, { seconds: 20 });
    await eventually(async () => {
      await (await add(app)).get({ timeout: 5 });
      return heard.count('task-succeeded') > 1;
    });

    assert.doesNotMatch(worker.stderr, /events were lost|Events are off|ERROR.*event/);
    worker.kill('SIGTERM');
    assert.equal((await worker.ended()).code, 0);
  });
}

describe('a worker that sends events', () => {
  it('goes on, and is heard again, when RabbitMQ comes back', async () => {
    await survives(rabbit, async () => {
      await rabbit.server.eval('rabbit_networking:close_all_connections("harm").');
    });
  });

  it('goes on, and is heard again, when Redis comes back', async () => {
    const server = await startRedis({ persistent: true });
    const base = await redisSurroundings();
    const settings = { broker_url: server.url, result_backend: server.url };
    try {
      await survives({ ...base, settings }, async () => {
        await server.kill();
        await server.restart();
      });
    } finally {
      await Promise.all([server.stop(), base.stop()]);
    }
  });

  it('stops at once while its broker is away', async () => {
    const server = await startRedis();
    const base = await redisSurroundings();
    const settings = { broker_url: server.url, result_backend: base.settings.result_backend };
    try {
      await withWorker({ ...base, settings } as Surroundings, E, async ({ worker }) => {
        await server.kill();
        await worker.sees(/Connection to broker lost/);
        worker.kill('SIGTERM');

        assert.equal((await worker.ended(15)).code, 0);
      });
    } finally {
      await Promise.all([server.stop(), base.stop()]);
    }
  });

  it('says once that it may not, and works on', async () => {
    const { server } = rabbit;
    await server.eval('rabbit_auth_backend_internal:add_user(<<"quiet">>, <<"pw">>, <<"tests">>).');
    const but = '<<"^(?!celeryev).*$">>';
    await server.eval(
      `rabbit_auth_backend_internal:set_permissions(<<"quiet">>, <<"/">>, ${but}, ${but}, <<".*">>, <<"tests">>).`,
    );
    const broker_url = `amqp://quiet:pw@127.0.0.1:${server.port}//`;
    const surroundings = { ...rabbit, settings: { ...rabbit.settings, broker_url } };
    await withWorker(surroundings, E, async ({ app, worker }) => {
      await worker.sees(/WARNING.*Events are off: .*celeryev/);

      for (let i = 0; i < 3; i++) {
        assert.equal(await (await add(app)).get({ timeout: 20 }), 3);
      }

      assert.equal(worker.stderr.match(/Events are off/g)?.length, 1);
    });
  });
});
