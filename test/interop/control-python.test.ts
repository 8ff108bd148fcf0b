/** `celery inspect|control|status` against our worker, and ours against Python's. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Celery } from '../../src/index.ts';
import { builtApp } from '../support/built-app.ts';
import { runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { python, pythonCelery } from '../support/python.ts';
import { rabbitmqSurroundings } from '../support/shared-rabbitmq.ts';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

const FIXTURES = dirname(fileURLToPath(new URL('../fixtures/python_app.py', import.meta.url)));
const OURS = builtApp(join(FIXTURES, 'control-app.ts'));
const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';

interface Printed {
  readonly code: number;
  readonly stdout: string;
}

/** Celery's own commands, one after the other in one process: each costs a second to start. */
function celery(settings: object, commands: readonly string[]): Promise<Printed[]> {
  const code = `
from click.testing import CliRunner
from celery.bin.celery import celery
out = []
for words in data:
    ran = CliRunner().invoke(celery, ['-A', 'python_app', '--no-color', *words.split()])
    out.append({'code': ran.exit_code, 'stdout': ran.stdout})
`;
  const env = { TEST_SETTINGS: JSON.stringify(settings) };
  return python(code, commands, { cwd: FIXTURES, env });
}

const ok = (node: string, text: string) => `->  ${node}: OK\n        ${text}\n`;

for (const [broker, surround] of [
  ['Redis', redisSurroundings],
  ['RabbitMQ', rabbitmqSurroundings],
] as const) {
  let surroundings: Surroundings;
  let isThere: boolean;
  before(async () => {
    isThere = await pythonCelery();
    surroundings = await surround();
  });
  after(() => surroundings.stop());

  describe(`Python’s inspect, control and status on ${broker}`, () => {
    it('are answered by our worker as by one of Python', async t => {
      if (!isThere) return t.skip('Python Celery is not installed here');
      await withWorker(surroundings, { appFile: OURS }, async ({ app, queue }) => {
        const { id } = await app.sendTask('c.hold', [60]);
        await eventually(async () => {
          const { 'w1@test': active } = await app.control.inspect().active();
          assert.equal((active as unknown[]).length, 1);
        });
        const ask = '-t 10 -d w1@test';
        const commands = {
          status: 'status -t 1',
          ping: `inspect ping ${ask}`,
          active: `inspect active ${ask}`,
          registered: `inspect registered ${ask}`,
          stats: `inspect stats -j ${ask}`,
          conf: `inspect conf -j ${ask}`,
          queryTask: `inspect query_task ${id} ${ask} -j`,
          rateLimit: `control rate_limit c.add 10/m ${ask}`,
          unknown: `control rate_limit c.nobody 10/m ${ask}`,
          timeLimit: `control time_limit c.add 5 10 ${ask}`,
          addConsumer: `control add_consumer more ${ask}`,
          queues: `inspect active_queues -j ${ask}`,
          cancelConsumer: `control cancel_consumer more ${ask}`,
          revoke: `control revoke gone ${ask}`,
          poolGrow: `control pool_grow 1 ${ask}`,
          poolShrink: `control pool_shrink 1 ${ask}`,
          autoscale: `control autoscale 3 1 ${ask}`,
          changed: `inspect registered rate_limit soft_time_limit ${ask}`,
        };
        const settings = { ...surroundings.settings, task_default_queue: queue };
        const printed = await celery(settings, Object.values(commands));
        const answers = Object.fromEntries(
          Object.keys(commands).map((name, at) => [name, printed[at]!.stdout]),
        ) as Record<keyof typeof commands, string>;
        const node = (text: string) => JSON.parse(text)['w1@test'];

        assert.deepEqual(
          [...new Set(printed.map(({ code }) => code))],
          [0],
          JSON.stringify(answers),
        );
        assert.equal(answers.status, '->  w1@test: OK\n\n1 node online.\n');
        assert.equal(answers.ping, `${ok('w1@test', 'pong')}\n1 node online.\n`);
        assert.match(
          answers.active,
          new RegExp(`\\* \\{'id': '${id}', 'name': 'c.hold', 'args': \\[60\\]`),
        );
        assert.match(answers.registered, / {4}\* c\.add \[rate_limit=100\/m\]\n {4}\* c\.hold\n/);
        assert.equal(node(answers.stats).pool['max-concurrency'], 2);
        assert.equal(node(answers.conf).task_default_queue, queue);
        assert.equal(node(answers.queryTask)[id][0], 'active');
        assert.equal(answers.rateLimit, ok('w1@test', 'new rate limit set successfully'));
        assert.equal(answers.unknown, '->  w1@test: ERROR\n        unknown task\n');
        assert.equal(answers.timeLimit, ok('w1@test', 'time limits set successfully'));
        assert.equal(answers.addConsumer, ok('w1@test', 'add consumer more'));
        const names = node(answers.queues).map((each: { name: string }) => each.name);
        assert.deepEqual(names, [queue, 'more']);
        assert.equal(answers.cancelConsumer, ok('w1@test', 'no longer consuming from more'));
        assert.equal(answers.revoke, ok('w1@test', 'tasks gone flagged as revoked'));
        assert.equal(answers.poolGrow, ok('w1@test', 'pool will grow'));
        assert.equal(
          answers.autoscale,
          "->  w1@test: ERROR\n        ValueError('Autoscale not enabled')\n",
        );
        assert.match(answers.poolShrink, /^-> {2}w1@test: (OK\n +pool will shrink|ERROR\n)/);
        assert.match(answers.changed, /c\.add \[rate_limit=10\/m soft_time_limit=5\]/);
      });
    });
  });

  describe(`our inspect, control and status on ${broker}`, () => {
    it('ask a worker of Python', async t => {
      if (!isThere) return t.skip('Python Celery is not installed here');
      const settings = { ...surroundings.settings, task_default_queue: 'for-python' };
      const env = { TEST_SETTINGS: JSON.stringify(settings), PYTHONDONTWRITEBYTECODE: '1' };
      const words =
        '-m celery -A python_app worker -c 2 -l INFO -n py@test --without-gossip --without-mingle';
      const worker = spawn(PYTHON, words.split(' '), {
        cwd: FIXTURES,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const app = new Celery('client', settings);
      t.after(async () => {
        await app.close();
        worker.kill('SIGKILL');
        await once(worker, 'close');
      });
      let log = '';
      for (const stream of [worker.stdout, worker.stderr]) {
        stream.setEncoding('utf8').on('data', text => {
          log += text;
        });
      }
      await eventually(() => assert.match(log, / ready\./), { seconds: 30 });
      const { id } = await app.sendTask('w.work', [join(surroundings.dir, 'py'), 'long', 60]);
      await eventually(() => assert.match(log, /received/));
      const text = async (...args: readonly string[]) =>
        (await runCli(['-A', `${OURS}:app`, ...args, '-t', '20', '-d', 'py@test'], { env })).stdout;
      const json = async (...args: readonly string[]) =>
        JSON.parse(await text('inspect', ...args, '-j'))['py@test'];

      assert.equal(await text('status'), '->  py@test: OK\n\n1 node online.\n');
      assert.equal(await text('inspect', 'ping'), `${ok('py@test', 'pong')}\n1 node online.\n`);
      assert.match(
        await text('inspect', 'active'),
        new RegExp(`\\* \\{'id': '${id}', 'name': 'w.work'`),
      );
      assert.match(await text('inspect', 'registered'), /^ {4}\* py\.add\n {4}\* py\.echo\n/m);
      assert.equal((await json('stats')).pool['max-concurrency'], 2);
      assert.equal((await json('conf', 'yes')).task_default_queue, 'for-python');
      assert.equal((await json('query_task', id))[id][0], 'active');
      const control = (...args: readonly string[]) => text('control', ...args);
      const limited = await control('rate_limit', 'py.add', '10/m');
      assert.equal(limited, ok('py@test', 'new rate limit set successfully'));
      const timed = await control('time_limit', 'py.add', '5', '10');
      assert.equal(timed, ok('py@test', 'time limits set successfully'));
      assert.equal(await control('add_consumer', 'more'), ok('py@test', 'add consumer more'));
      const queues: { name: string }[] = await json('active_queues');
      assert.deepEqual(
        queues.map(({ name }) => name),
        ['for-python', 'more'],
      );
      const cancelled = await control('cancel_consumer', 'more');
      assert.equal(cancelled, ok('py@test', 'no longer consuming from more'));
      assert.match(await control('revoke', 'gone'), /^-> {2}py@test: OK\n {8}tasks gone flagged/);
      assert.equal(await control('pool_grow'), ok('py@test', 'pool will grow'));
      assert.match(
        await control('pool_shrink'),
        /^-> {2}py@test: (OK\n +pool will shrink|ERROR\n)/,
      );
      assert.match(
        await control('autoscale', '3', '1'),
        /ERROR\n +ValueError\('Autoscale not enabled'\)/,
      );
      const refused = await control('rate_limit', 'py.nobody', '1/s');
      assert.equal(refused, '->  py@test: ERROR\n        unknown task\n');
    });
  });
  if (broker === 'Redis') {
    describe('Python’s control of a pool that follows its work', () => {
      it('gets the answers of a worker of Python', async t => {
        if (!isThere) return t.skip('Python Celery is not installed here');
        const options = { appFile: OURS, args: ['--autoscale=3,1'] };
        await withWorker(surroundings, options, async ({ queue }) => {
          const ask = '-t 10 -d w1@test';
          const commands = [
            `control autoscale 10 3 ${ask}`,
            `inspect stats -j ${ask}`,
            `control pool_grow ${ask}`,
            `control pool_shrink 2 ${ask}`,
            `control autoscale 2 30 ${ask}`,
            `control autoscale 3 ${ask}`,
            `control autoscale ${ask}`,
          ];
          const printed = await celery(
            { ...surroundings.settings, task_default_queue: queue },
            commands,
          );
          const [scaled, stats, grown, shrunk, wrong, lowered, asked] = printed.map(
            ({ stdout }) => stdout,
          );

          const error = (text: string) => `->  w1@test: ERROR\n        ${text}\n`;
          const instead = 'is not supported with autoscale. Adjust autoscale range instead.';
          assert.equal(scaled, ok('w1@test', 'autoscale now max=10 min=3'));
          const { autoscaler, prefetch_count: prefetch } = JSON.parse(stats!)['w1@test'];
          assert.deepEqual(autoscaler, { max: 10, min: 3, current: 3, qty: 0 });
          assert.equal(prefetch, 40);
          assert.equal(grown, error(`pool_grow ${instead}`));
          assert.equal(shrunk, error(`pool_shrink ${instead}`));
          assert.equal(wrong, error("RangeError('min must not be above max, got max=2 min=30')"));
          assert.equal(lowered, ok('w1@test', 'autoscale now max=3 min=3'));
          assert.equal(asked, lowered);
        });
      });
    });
  }
}
