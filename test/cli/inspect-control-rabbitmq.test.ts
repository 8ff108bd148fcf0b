/** RabbitMQ does not tell how many nodes hear a command. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { builtApp } from '../support/built-app.ts';
import { runCli } from '../support/cli.ts';
import { rabbitmqNodeSurroundings } from '../support/rabbitmq.ts';
import { withWorker } from '../support/worker.ts';

const APP = builtApp(fileURLToPath(new URL('../fixtures/control-app.ts', import.meta.url)));

describe('inspect, control and status on RabbitMQ', () => {
  let surroundings: Awaited<ReturnType<typeof rabbitmqNodeSurroundings>>;
  before(async () => {
    surroundings = await rabbitmqNodeSurroundings();
  });
  after(() => surroundings.stop());

  const run = (...args: readonly string[]) =>
    runCli(['-A', `${APP}:app`, ...args], {
      env: { TEST_SETTINGS: JSON.stringify(surroundings.settings) },
    });

  it('show all nodes that answer in time, and wait no longer than for those that are named', () =>
    withWorker(surroundings, { appFile: APP, args: ['-c', '1'] }, async ({ another }) => {
      await another();
      const start = performance.now();
      const named = await run('inspect', 'ping', '-t', '25', '-d', 'w1@test,w2@test');
      assert.ok(performance.now() - start < 20_000);

      assert.match(named.stdout, /\n\n2 nodes online\.\n$/);
      const { stdout } = await run('status', '-t', '3', '--json');
      assert.deepEqual(Object.keys(JSON.parse(stdout)).sort(), ['w1@test', 'w2@test']);
      const limited = await run(
        'control',
        'rate_limit',
        'c.add',
        '1/m',
        '-d',
        'w1@test',
        '-t',
        '9',
      );
      assert.equal(limited.stdout, '->  w1@test: OK\n        new rate limit set successfully\n');
    }));

  it('let a worker take a queue more, which is no new connection for its log', () =>
    withWorker(surroundings, { appFile: APP, args: ['-c', '1'] }, async ({ app, worker }) => {
      for (const queue of ['more', 'most']) {
        const { stdout } = await run('control', 'add_consumer', queue, '-d', 'w1@test', '-t', '9');
        assert.match(stdout, new RegExp(`add consumer ${queue}`));
      }
      const sum = await app.sendTask('c.add' as never, [1, 2] as never, { queue: 'most' });
      assert.equal(await sum.get({ timeout: 20 }), 3);
      assert.doesNotMatch(worker.stderr, /consuming again/);

      await surroundings.server.eval('rabbit_networking:close_all_connections("harm").');
      await worker.sees(/consuming again: 3 queues\n/);
    }));

  it('say so when nobody is there', async () => {
    const { code, stdout, stderr } = await run('status', '-t', '0.5');

    assert.deepEqual([code, stdout], [69, '']);
    assert.equal(stderr, 'Error: No nodes replied within time constraint\n');
  });

  it('say what the broker refuses', async () => {
    const { server } = surroundings;
    await server.eval('rabbit_auth_backend_internal:add_user(<<"dumb">>, <<"pw">>, <<"tests">>).');
    await server.eval(
      'rabbit_auth_backend_internal:set_permissions(<<"dumb">>, <<"/">>, <<"^x">>, <<"^x">>, <<"^x">>, <<"tests">>).',
    );
    const url = `amqp://dumb:pw@127.0.0.1:${server.port}//`;

    const { code, stdout, stderr } = await runCli(['-b', url, 'inspect', 'ping']);

    assert.deepEqual([code, stdout], [69, '']);
    assert.match(
      stderr,
      /^Error: Unable to run the `inspect ping` command\. Reason: .*ACCESS_REFUSED/,
    );
  });
});
