import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { runCli } from '../support/cli.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { type SharedRabbitmq, shareRabbitmq } from '../support/shared-rabbitmq.ts';
import { temporaryProject } from '../support/temporary-project.ts';

interface Shell {
  readonly queue: string;
  readonly exchange: string;
  /** Runs one command. */
  readonly run: (...words: string[]) => ReturnType<typeof runCli>;
  /** Types lines at the prompt. */
  readonly type: (...lines: string[]) => ReturnType<typeof runCli>;
}

function shell(t: TestContext, url: string | ((cwd: string) => string)): Shell {
  const cwd = temporaryProject(t, {});
  const broker = typeof url === 'string' ? url : url(cwd);
  const own = randomUUID().slice(0, 8);
  const run = (words: readonly string[], input?: string) =>
    runCli(['-b', broker, 'amqp', ...words], { cwd, ...(input === undefined ? {} : { input }) });
  return {
    queue: `q-${own}`,
    exchange: `x-${own}`,
    run: (...words) => run(words),
    type: (...lines) => run(['repl'], `${lines.join('\n')}\n`),
  };
}

const CONNECTED = /^-> connecting to \S+\.\n-> connected\.\n/;
/** What a command printed after connecting. */
const output = ({ stdout }: { stdout: string }) => stdout.replace(CONNECTED, '');

describe('amqp', { concurrency: 3 }, () => {
  let redis: RedisServer;
  let rabbit: SharedRabbitmq;
  before(async () => {
    [redis, rabbit] = await Promise.all([startRedis(), shareRabbitmq()]);
  });
  after(() => Promise.all([redis.stop(), rabbit.stop()]));

  const brokers = [
    ['SQLite', (t: TestContext) => shell(t, cwd => `sqla+sqlite:///${join(cwd, 'b.sqlite')}`)],
    ['Redis', (t: TestContext) => shell(t, redis.url)],
    ['RabbitMQ', (t: TestContext) => shell(t, rabbit.url)],
  ] as const;

  for (const [name, open] of brokers) {
    describe(`on ${name}`, () => {
      it('creates, fills, empties and deletes a queue, one command at a time', async t => {
        const { run, queue } = open(t);

        const results = [
          await run('queue.declare', queue, 'no', 'yes'),
          await run('basic.publish', 'héllo', '', queue),
          await run('basic.publish', 'again', '', queue),
          await run('queue.declare', queue, 'yes'),
          await run('queue.purge', queue),
          await run('queue.delete', queue),
        ];

        for (const { code, stdout, stderr } of results) {
          assert.deepEqual([code, stderr], [0, '']);
          assert.match(stdout, CONNECTED);
        }
        assert.deepEqual(results.map(output), [
          `queue:${queue} messages:0 consumers:0\nOK\n`,
          'OK\n',
          'OK\n',
          `queue:${queue} messages:2 consumers:0\nOK\n`,
          '2 messages deleted.\nOK\n',
          '0 messages deleted.\nOK\n',
        ]);
      });

      it('shows messages at the prompt, and puts back what was not acknowledged', async t => {
        const { run, type, queue } = open(t);

        const first = await type(
          `queue.declare ${queue} no yes`,
          `basic.publish "one two" "" ${queue}`,
          `basic.publish second '' ${queue}`,
          `basic.get ${queue}`,
          `basic.get ${queue}`,
          `basic.get ${queue}`,
          'basic.ack 1',
          ':q',
        );
        const left = await run('basic.get', queue, 'true');
        const none = await run('basic.get', queue);

        assert.equal(first.stderr, '');
        const text = output(first);
        assert.match(text, /\{'body': 'one two',\n 'delivery_info': \{'delivery_tag': '1', /);
        assert.match(
          text,
          /'delivery_tag': '2', 'redelivered': False, 'exchange': '', 'routing_key'/,
        );
        assert.match(text, /No messages in queue\. basic\.publish something\.\nOK\nOK\n$/);
        assert.match(output(left), /^\{'body': 'second',[\s\S]*'redelivered': True/);
        assert.equal(output(none), 'No messages in queue. basic.publish something.\nOK\n');
      });

      it('binds queues to exchanges', async t => {
        const { type, queue, exchange } = open(t);

        const { stderr, stdout } = await type(
          `exchange.declare ${exchange} topic no yes`,
          `queue.declare ${queue} no yes`,
          `queue.bind ${queue} ${exchange} news.#`,
          `basic.publish hello ${exchange} news.sport`,
          `basic.publish hello ${exchange} weather`,
          `queue.declare ${queue} yes`,
        );

        assert.equal(stderr, '');
        assert.match(stdout, /messages:1 consumers:0\nOK\n$/);
      });

      it('shows what is refused, connects anew and goes on', async t => {
        const { type, queue } = open(t);

        const { code, stdout, stderr } = await type(
          `queue.declare ${queue} no yes`,
          `basic.publish x "" ${queue}`,
          `queue.delete ${queue} no yes`,
          'basic.ack 7',
          'bogus',
          'exchange.delete',
          `queue.declare ${queue} maybe`,
          `queue.declare ${queue} yes`,
        );

        assert.equal(code, 0);
        assert.match(stderr, /^ERROR: .*\nERROR: unknown delivery tag 7\n/);
        assert.match(stderr, /Error: No such command 'bogus'\. Known: exchange\.declare, /);
        assert.match(
          stderr,
          /Usage: exchange\.delete EXCHANGE \[IF_UNUSED\]\nError: Missing argument/,
        );
        assert.match(
          stderr,
          /Error: Invalid value for 'PASSIVE': 'maybe' is not a valid boolean\./,
        );
        assert.equal(stdout.match(/-> connected\./g)?.length, 3);
        assert.match(stdout, /messages:1 consumers:0\nOK\n$/);
      });
    });
  }

  it('on RabbitMQ says what the broker says', async t => {
    const { run, queue, exchange } = shell(t, rabbit.url);

    const missing = await run('queue.declare', queue, 'yes');
    const unbound = await run('queue.bind', queue, exchange, 'k');
    const nowhere = await run('basic.publish', 'x', '', queue, 'yes');

    assert.match(missing.stderr, /^ERROR: .*NOT_FOUND - no queue/);
    assert.match(unbound.stderr, /^ERROR: .*NOT_FOUND/);
    assert.match(nowhere.stderr, /^ERROR: /);
    assert.deepEqual(
      [missing, unbound, nowhere].map(({ code }) => code),
      [0, 0, 0],
    );
  });

  it('without a command connects and leaves; a broker that is away is one line', async t => {
    const { run } = shell(t, cwd => `sqla+sqlite:///${join(cwd, 'b.sqlite')}`);
    const away = shell(t, 'redis://:secret@127.0.0.1:1/0');

    const bare = await run();
    const failed = await away.run('queue.purge', 'q');

    assert.equal(bare.code, 0);
    assert.match(bare.stdout, /^-> connecting to sqla\+sqlite:\S+\.\n-> connected\.\n$/);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /^Error: .*ECONNREFUSED.*\n$/);
    assert.doesNotMatch(failed.stdout + failed.stderr, /secret/);
  });

  it('wrong words are usage errors', async t => {
    const { run } = shell(t, 'memory://');

    const unknown = await run('queue.declar', 'q');
    const missing = await run('queue.bind', 'q');
    const type = await run('exchange.declare', 'x', 'round');
    const extra = await run('repl', 'x');

    assert.deepEqual(
      [unknown, missing, type, extra].map(({ code }) => code),
      [2, 2, 2, 2],
    );
    assert.match(
      unknown.stderr,
      /No such command 'queue\.declar'\. Did you mean "queue\.declare"\?/,
    );
    assert.match(
      missing.stderr,
      /tscelery amqp queue\.bind QUEUE EXCHANGE ROUTING_KEY\n[\s\S]*Missing argument 'EXCHANGE'/,
    );
    assert.match(type.stderr, /Invalid value for 'TYPE': 'round' is not one of 'direct', 'topic'/);
    assert.match(extra.stderr, /Got unexpected extra arguments \(x\)/);
  });
});
