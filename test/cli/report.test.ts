import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runCli, startCli } from '../support/cli.ts';
import { temporaryProject } from '../support/temporary-project.ts';

describe('report', { concurrency: 3 }, () => {
  it('software, platform and settings are listed', async t => {
    const cwd = temporaryProject(t, {
      'celeryconfig.json': '{"task_default_queue": "orders", "result_backend": "redis://h/1"}',
    });

    const { code, stdout, stderr } = await runCli(['-b', 'redis://h/0', 'report'], { cwd });

    assert.equal(stderr, '');
    assert.equal(code, 0);
    assert.match(stdout, /^\nsoftware -> tscelery:\S+ node:\S+\n {12}ioredis:\d\S+\n/);
    assert.match(stdout, /^platform -> system:\S+ arch:\S+\n {12}kernel version:\S+ imp:node\n/m);
    assert.match(stdout, /^settings -> transport:redis results:redis:\/\/h\/1\n/m);
    assert.match(stdout, /^task_default_queue: 'orders'$/m);
  });

  for (const [url, driver] of [
    ['amqp://', 'amqplib'],
    ['redis://', 'ioredis'],
  ] as const) {
    it(`the version of ${driver} is shown with ${url}`, async () => {
      const { stdout } = await runCli(['-b', url, 'report']);

      assert.match(stdout, new RegExp(`\\n {12}${driver}:\\d+\\.\\d+\\.\\d+\\n`));
    });
  }

  it('the broker of the environment is shown, as it wins', async t => {
    const cwd = temporaryProject(t, { 'celeryconfig.json': '{"broker_url": "redis://old/0"}' });

    const { stdout } = await runCli(['-b', 'redis://:hunter2@new/0', 'report'], { cwd });

    assert.match(stdout, /^broker_url: 'redis:\/\/:\*+@new\/0'$/m);
    assert.ok(!stdout.includes('old'), stdout);
  });

  for (const [settings, message] of [
    [{ broker_url: 'redos://x' }, /No such transport: redos\. Did you mean "redis"\?/],
    [{ result_backend: 'redis://h/0?socket_timeot=1' }, /Did you mean "socket_timeout"\?/],
    [{ task_serializer: 'jsn' }, /Setting task_serializer: .*Did you mean "json"\?/],
    [{ worker_pool: 'prefrok' }, /Unknown pool "prefrok".* Did you mean "prefork"\?/],
    [{ task_routes: { 'shop.total': { queu: 'b' } } }, /"queu".* Did you mean "queue"\?/],
  ] as const) {
    it(`what a worker would not start with fails it: ${JSON.stringify(settings)}`, async t => {
      const cwd = temporaryProject(t, { 'celeryconfig.json': JSON.stringify(settings) });

      const { code, stdout, stderr } = await runCli(['report'], { cwd });

      assert.equal(code, 1, stdout);
      assert.match(stdout, /^settings -> transport:/m);
      assert.match(stderr, /^Error: /);
      assert.match(stderr, message);
    });
  }

  it('no password is shown, wherever it was given', async t => {
    const cwd = temporaryProject(t, {
      'celeryconfig.json': JSON.stringify({
        broker_read_url: 'redis://u:hunter2@h/0',
        result_backend: 'redis://:hunter2@h/1',
        redis_password: 'hunter2',
        broker_transport_options: { password: 'hunter2' },
      }),
    });

    const { code, stdout } = await runCli(['-b', 'redis://:hunter2@h/0', 'report'], { cwd });

    assert.equal(code, 0);
    assert.ok(!stdout.includes('hunter2'), stdout);
  });

  it('a reader that goes away early is no error', async () => {
    const cli = startCli(['report']);
    cli.child.stdout?.destroy();
    const { code, stderr } = await cli.ended();

    assert.equal(code, 0);
    assert.equal(stderr, '');
  });
});
