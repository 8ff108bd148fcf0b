import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Delivery, Transport } from '../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE, queue } from '../../src/messaging/entities.ts';
import { openTransport } from '../../src/messaging/open.ts';
import { buryMessage, type Death } from '../../src/wire/messages/dead-letter.ts';
import { bodyBytes, type Message } from '../../src/wire/messages/message.ts';
import { buildTaskMessage } from '../../src/wire/messages/task-message.ts';
import { type CliOptions, runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const DEAD = 'celery.dead';
const OPTIONS = { transportOptions: {}, connectTimeout: 5, useSsl: false };
const HOUR = 3600;

interface Broker {
  readonly transport: Transport;
  readonly run: (args: readonly string[], options?: CliOptions) => ReturnType<typeof runCli>;
  readonly start: (args: readonly string[]) => ReturnType<typeof startCli>;
}

type Setup = (t: TestContext) => Promise<Broker>;

async function withBroker(t: TestContext, url: (cwd: string) => string): Promise<Broker> {
  const cwd = temporaryProject(t, {});
  const config = { broker_url: url(cwd), worker_dead_letter_queue: '{queue}.dead' };
  const transport = await openTransport(config.broker_url, OPTIONS);
  t.after(() => transport.close());
  const env = { CELERY_BROKER_URL: config.broker_url, CONFIG_MODULE: 'settings.json' };
  writeFileSync(join(cwd, 'settings.json'), JSON.stringify(config));
  return {
    transport,
    run: (args, options) => runCli(['dlq', ...args], { cwd, env, ...options }),
    start: args => startCli(['dlq', ...args], { cwd, env }),
  };
}

const sqlite: Setup = t => withBroker(t, cwd => `sqla+sqlite:///${join(cwd, 'broker.sqlite')}`);

function task(name: string, id: string, args: readonly unknown[] = []): Message {
  return buildTaskMessage({ task: name, id, args, kwargs: {}, now: Date.now() / 1000 });
}

function death(changes: Partial<Death> = {}): Death {
  return {
    reason: 'rejected',
    error: 'no',
    diedAt: Date.now() / 1000,
    queue: 'celery',
    exchange: '',
    routingKey: 'celery',
    deliveries: 1,
    worker: 'w@h',
    ...changes,
  };
}

async function bury(transport: Transport, message: Message, changes: Partial<Death> = {}) {
  await transport.declare(queue(DEAD, { exchange: DEFAULT_EXCHANGE }));
  const to = { exchange: DEFAULT_EXCHANGE, routingKey: DEAD };
  await transport.publish(buryMessage(message, death(changes)), to);
}

/** Takes everything that waits in a queue. */
async function take(transport: Transport, name: string, count: number): Promise<Delivery[]> {
  const got: Delivery[] = [];
  const consumer = await transport.consume([queue(name, { exchange: DEFAULT_EXCHANGE })], {
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

describe('dlq', { concurrency: 2 }, () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());
  const redis: Setup = t => withBroker(t, () => server.url);
  const brokers = [
    ['SQLite', sqlite],
    ['Redis', redis],
  ] as const;

  for (const [name, setup] of brokers) {
    describe(`on ${name}`, { concurrency: 1 }, () => {
      it('ls shows one line for each message and leaves all in their order', async t => {
        const { transport, run } = await setup(t);
        for (const id of ['a', 'b', 'c']) await bury(transport, task(`proj.${id}`, id));

        const first = await run(['ls']);
        const second = await run(['ls', '--json']);

        assert.equal(first.stderr, '');
        assert.equal(first.code, 0);
        assert.match(
          first.stdout,
          /^celery\.dead: 3 messages\nDIED +REASON +QUEUE +TASK +ID +ERROR\n/,
        );
        assert.match(first.stdout, /Z {2}rejected {8}celery {12}proj\.a +a {37}no\n/);
        const rows = second.stdout
          .trim()
          .split('\n')
          .map(line => JSON.parse(line) as object);
        assert.deepEqual(rows.map(row => ({ ...row, died_at: '' }))[0], {
          dead_letter_queue: DEAD,
          task: 'proj.a',
          id: 'a',
          reason: 'rejected',
          error: 'no',
          died_at: '',
          queue: 'celery',
          exchange: '',
          routing_key: 'celery',
          deliveries: 1,
          worker: 'w@h',
          args: '()',
          kwargs: '{}',
        });
        assert.deepEqual(ids(await take(transport, DEAD, 3)), ['a', 'b', 'c']);
      });

      it('replay sends each message again exactly as it was published', async t => {
        const { transport, run } = await setup(t);
        const message = buildTaskMessage({
          task: 'proj.add',
          id: 'x',
          args: [1, { n: 2n ** 70n }],
          kwargs: { é: 'ü' },
          expires: Date.now() / 1000 + HOUR,
          priority: 0,
          deliveryMode: 1,
          headers: { mine: { a: [1, null] } },
        });
        const returned = { ...message.headers, redelivered: true, 'x-delivery-count': 3 };
        await bury(transport, { ...message, headers: returned });

        const { code, stdout, stderr } = await run(['replay']);

        assert.deepEqual([code, stdout, stderr], [0, 'Replayed 1 message from celery.dead.\n', '']);
        const [got] = await take(transport, 'celery', 1);
        assert.equal(bodyBytes(got!.message).toString(), bodyBytes(message).toString());
        assert.deepEqual(got!.message.headers, message.headers);
        assert.deepEqual(got!.message.properties, message.properties);
        assert.equal(got!.redelivered, false);
        assert.equal(await transport.size(DEAD), 0);
      });

      it('replay with filters sends what matches, and the rest keeps its order', async t => {
        const { transport, run } = await setup(t);
        const long = Date.now() / 1000 - 2 * HOUR;
        await bury(transport, task('proj.a', '1'));
        await bury(transport, task('proj.b', '2'), { reason: 'unregistered' });
        await bury(transport, task('other.a', '3'));
        await bury(transport, task('proj.a', '4'), { diedAt: long });
        await bury(transport, task('proj.a', '5'));

        const byTask = await run(['replay', '--task', 'proj.?', '--since', '1h', '--limit', '1']);
        const byReason = await run(['replay', '--reason', 'unregistered']);
        const byId = await run(['replay', '--id', '5,9', '--to', 'elsewhere']);

        assert.deepEqual(
          [byTask, byReason, byId].map(({ stdout }) => stdout),
          Array(3).fill('Replayed 1 message from celery.dead.\n'),
        );
        assert.deepEqual(ids(await take(transport, 'celery', 2)), ['1', '2']);
        assert.deepEqual(ids(await take(transport, 'elsewhere', 1)), ['5']);
        assert.deepEqual(ids(await take(transport, DEAD, 2)), ['3', '4']);
      });

      it('replay that is interrupted neither loses nor doubles a message', async t => {
        const { transport, start } = await setup(t);
        // more than are sent before the signal arrives on a busy machine
        const count = 10_000;
        await Promise.all(
          Array.from({ length: count }, (_, n) => bury(transport, task('proj.a', `${n}`))),
        );

        const replay = start(['replay']);
        await eventually(async () => (await transport.size('celery')) > 0);
        replay.kill('SIGINT');
        const { code, stdout, stderr } = await replay.ended();

        assert.equal(code, 1, stderr);
        assert.match(stderr, /Interrupted: everything else is where it was\./);
        const sent = Number(/Replayed (\d+) messages/.exec(stdout)?.[1]);
        assert.ok(sent > 0 && sent < count, `${sent} of ${count}`);
        const [again, left] = [
          await take(transport, 'celery', sent),
          await take(transport, DEAD, count - sent),
        ];
        assert.equal(new Set([...ids(again), ...ids(left)]).size, count);
      });

      it('purge asks, and with filters deletes what matches', async t => {
        const { transport, run } = await setup(t);
        for (const id of ['1', '2', '3']) await bury(transport, task(`proj.${id}`, id));

        const refused = await run(['purge'], { input: 'n\n' });
        const filtered = await run(['purge', '--id', '2', '-f']);
        const left = await transport.size(DEAD);
        const all = await run(['purge', '-f']);

        assert.equal(refused.code, 1);
        assert.match(refused.stdout, /delete all dead letters from queue: celery\.dead/);
        assert.equal(refused.stderr, 'Aborted!\n');
        assert.equal(filtered.stdout, 'Deleted 1 message.\n');
        assert.equal(left, 2);
        assert.equal(all.stdout, 'Deleted 2 messages.\n');
        assert.equal(await transport.size(DEAD), 0);
      });
    });
  }

  it('show prints reason, origin, headers and body; text that was no message cannot be replayed', async t => {
    const { transport, run } = await sqlite(t);
    await bury(transport, task('proj.add', 'x', [1, 'é']), { error: "ValueError('bad')\nmore" });
    const bare: Message = {
      body: '{"no": "envelope"',
      bodyEncoding: 'utf-8',
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      headers: {},
      properties: {},
    };
    const dead = buryMessage(bare, death({ reason: 'undecodable' }), { isBareText: true });
    await transport.publish(dead, { exchange: DEFAULT_EXCHANGE, routingKey: DEAD });

    const shown = await run(['show', '--id', 'x']);
    const json = await run(['show', '--json', '--reason', 'undecodable']);
    const replayed = await run(['replay']);

    assert.match(shown.stdout, /^celery\.dead: proj\.add\[x\]\n {4}reason {6}rejected \(w@h\)\n/);
    assert.match(shown.stdout, /error {7}ValueError\('bad'\)\n {16}more\n/);
    assert.match(
      shown.stdout,
      /args {8}\(1, 'é'\)\n[\s\S]*body {8}\[\[1, ?"(?:é|\\u00e9)"\], \{\}, /,
    );
    const { body, reason, task: name } = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual([body, reason, name], ['{"no": "envelope"', 'undecodable', '']);
    assert.equal(replayed.code, 0);
    assert.equal(replayed.stdout, 'Replayed 1 message from celery.dead.\n');
    assert.match(replayed.stderr, /Left 1 message that could not even be read/);
    assert.equal(await transport.size(DEAD), 1);
  });

  it('messages that nobody gave up are listed, and replayed only with --to', async t => {
    const { transport, run } = await sqlite(t);
    await transport.declare(queue('odd', { exchange: DEFAULT_EXCHANGE }));
    const to = { exchange: DEFAULT_EXCHANGE, routingKey: 'odd' };
    await transport.publish(task('proj.a', 'x'), to);

    const listed = await run(['ls', '-Q', 'odd']);
    const left = await run(['replay', '-Q', 'odd']);
    const sent = await run(['replay', '-Q', 'odd', '--to', 'celery']);

    assert.match(listed.stdout, /^odd: 1 message\n.*\n- +- +- +proj\.a +x\n$/);
    assert.match(left.stderr, /Left 1 message without a queue to go back to; --to names one\./);
    assert.equal(sent.stdout, 'Replayed 1 message from odd.\n');
  });

  it('--scan bounds how many messages are held to find others, and says so', async t => {
    const { transport, run } = await sqlite(t);
    for (let n = 0; n < 30; n++) await bury(transport, task('proj.a', `${n}`));

    const { stdout, stderr } = await run(['replay', '--id', 'nobody', '--scan', '20']);

    assert.equal(stdout, 'Replayed 0 messages from celery.dead.\n');
    assert.match(stderr, /^Looked at \d+ of the 30 messages in celery\.dead; --scan/);
    const expected = Array.from({ length: 30 }, (_, n) => `${n}`);
    assert.deepEqual(ids(await take(transport, DEAD, 30)), expected);
  });

  it('wrong words and options are usage errors', async t => {
    const { run } = await sqlite(t);
    const wrong = [
      [
        ['list'],
        /No such command 'list'\.( Did you mean "ls"\?)? Known: ls, show, replay, purge\./,
      ],
      [['ls', 'x'], /Got unexpected extra arguments \(x\)/],
      [['ls', '--to', 'q'], /'--to' goes with replay, not with ls\./],
      [['replay', '--json'], /'--json' goes with ls and show, not with replay\./],
      [['ls', '--since', 'soon'], /'soon' is neither a duration such as '90s'/],
      [['ls', '--reason', 'bad'], /'bad' is not one of 'rejected', /],
      [['ls', '--limit', '0'], /0 is not in the range x>=1\./],
      [['replay', '--to', 'q', '--by-exchange'], /'--to' and '--by-exchange' exclude each other/],
    ] as const;

    for (const [words, message] of wrong) {
      const { code, stderr } = await run(words);
      assert.equal(code, 2, words.join(' '));
      assert.match(stderr, message);
    }
  });

  it('without a setting or --queue it asks which queue; without a command it says what there is', async t => {
    const cwd = temporaryProject(t, {});

    const unset = await runCli(['dlq', 'ls'], { cwd });
    const bare = await runCli(['dlq'], { cwd });
    const missing = await runCli(['dlq', 'show', '-Q', 'none'], { cwd });

    assert.equal(unset.code, 2);
    assert.match(
      unset.stderr,
      /Which queue\? Name one with --queue, or set worker_dead_letter_queue/,
    );
    assert.equal(bare.code, 0);
    assert.match(bare.stdout, /replay {2}Send dead letters again/);
    assert.equal(missing.code, 1);
    assert.equal(missing.stderr, 'Error: Nothing of that kind in none.\n');
  });
});
