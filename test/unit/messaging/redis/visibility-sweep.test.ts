import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { VisibilitySweep } from '../../../../src/messaging/redis/visibility-sweep.ts';
import { decodeEnvelope } from '../../../../src/wire/messages/envelope.ts';
import { envelopeText } from './intake/made-deliveries.ts';
import { replyError, turn } from './made-client.ts';
import { madeSession } from './made-session.ts';

/** A server that holds these messages, all of them old, and a sweep of it. */
function setup(
  held: Readonly<Record<string, string>> = {},
  bindings: readonly string[] = [],
  options: Record<string, unknown> = {},
) {
  const made = madeSession({ visibility_timeout: 100, ...options });
  const { client, session } = made;
  const lock = { isFree: true };
  const back: unknown[][] = [];
  const copies: string[] = [];
  client.answers = (name, args) => {
    switch (name) {
      case 'set':
        return lock.isFree ? 'OK' : null;
      case 'time':
        return ['1000', '5'];
      case 'zrevrangebyscore':
        return Object.keys(held);
      case 'hget':
        return held[String(args[1])] ?? null;
      case 'smembers':
        return bindings;
      case 'tsceleryRestore':
        back.push([...args]);
        return 1;
      case 'rpush':
        copies.push(String(args[0]));
        return 1;
      default:
        return 1;
    }
  };
  const sweep = new VisibilitySweep(session);
  const swept = async () => {
    sweep.start();
    for (let n = 0; n < 20; n++) await turn();
    await sweep.stop();
  };
  const asked = (name: string) => client.asked.filter(each => each.startsWith(name));
  return { ...made, sweep, swept, lock, back, copies, asked };
}

const stored = (exchange: string, routingKey: string, raw = envelopeText()) =>
  `[${raw}, "${exchange}", "${routingKey}"]`;
const member = (key: string, pattern: string, queue: string) =>
  [key, pattern, queue].join('\x06\x16');

describe('what dead Python workers left', () => {
  test('goes back to its queue, marked as delivered before, and that is told', async () => {
    const { swept, back, events } = setup({ a: stored('', 'celery') });

    await swept();

    assert.equal(back.length, 1);
    const text = back[0]!.find(each => String(each).startsWith('{')) as string;
    assert.equal(decodeEnvelope(text).redelivered, true);
    assert.deepEqual(events, [{ type: 'restored', count: 1, consumer: 'visibility timeout' }]);
  });

  test('is what was not renewed for the visibility timeout, by the clock of the server', async () => {
    const { swept, asked } = setup();

    await swept();

    assert.deepEqual(asked('zrevrangebyscore'), [
      'zrevrangebyscore unacked_index 900 0 LIMIT 0 -1',
    ]);
  });

  test('is restored so many at a time when that was asked for', async () => {
    const { swept, asked } = setup({}, [], { unacked_restore_limit: 10 });

    await swept();

    assert.match(asked('zrevrangebyscore')[0]!, / LIMIT 0 10$/);
  });

  test('goes to all queues that are bound to its exchange, by key first', async () => {
    const bindings = [
      ...[member('k', '', 'one'), member('k', '', 'two'), member('', '^.*?$', 'all')],
    ];
    const { swept, back, copies } = setup({ a: stored('news', 'k') }, bindings);

    await swept();

    assert.deepEqual([back.length, copies], [1, ['two']]);
    assert.equal(back[0]!.includes('one'), true);
  });

  test('goes where a pattern fits when no key does', async () => {
    const bindings = [member('', '^a\\..*?$', 'topic')];
    const { swept, back } = setup({ a: stored('news', 'a.b') }, bindings);

    await swept();

    assert.equal(back[0]!.includes('topic'), true);
  });

  for (const [words, value] of [
    ['cannot be taken apart', 'odd'],
    ['has no queue any more', stored('news', 'k')],
    ['never had one', stored('', '')],
  ] as const) {
    test(`stays where it is when it ${words}, and that is told`, async () => {
      const { swept, back, warnings } = setup({ a: value });

      await swept();

      assert.deepEqual(back, []);
      assert.deepEqual(warnings, ['Cannot restore what unacked holds under a; it stays there.']);
    });
  }

  test('that was settled meanwhile is taken off the list', async () => {
    const { swept, asked, events, client } = setup({ a: stored('', 'celery') });
    const { answers } = client;
    client.answers = (name, args) => (name === 'hget' ? null : answers(name, args));

    await swept();

    assert.deepEqual([asked('zrem'), events], [['zrem unacked_index a'], []]);
  });
});

describe('looking for what was left', () => {
  test('is for one worker at a time, whose lock is its own', async () => {
    const { swept, asked } = setup();

    await swept();

    const [, key, token] = asked('set')[0]!.split(' ');
    assert.deepEqual(asked('tsceleryUnlock'), [`tsceleryUnlock ${key} ${token}`]);
    assert.match(asked('set')[0]!, /^set unacked_mutex [0-9a-f-]{36} PX 300000 NX$/);
  });

  test('is left to the one who does it', async () => {
    const { swept, lock, asked } = setup({ a: stored('', 'celery') });
    lock.isFree = false;

    await swept();

    assert.deepEqual([asked('time'), asked('tsceleryUnlock')], [[], []]);
  });

  test('gives its lock back when it fails, and tells of the failure', async () => {
    const { swept, client, asked, warnings } = setup();
    const { answers } = client;
    client.answers = (name, args) =>
      name === 'time' ? replyError('NOPERM no time') : answers(name, args);

    await swept();

    assert.equal(asked('tsceleryUnlock').length, 1);
    assert.deepEqual(warnings, ['reported: NOPERM no time']);
  });

  test('waits for a connection', async () => {
    const { swept, state, client } = setup();
    state.isUp = false;

    await swept();

    assert.deepEqual(client.asked, []);
  });

  test('is done again and again until it is stopped, one after the other', async t => {
    t.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ['setInterval'] });
    const { sweep, asked, session } = setup();
    const every = session.options.restoreEvery * 1000;
    sweep.start();
    sweep.start();
    assert.equal(asked('set').length, 1);
    for (let n = 0; n < 20; n++) await turn();

    mock.timers.tick(every);
    assert.equal(asked('set').length, 2);
    mock.timers.tick(every);
    assert.equal(asked('set').length, 2, 'the one before is not over');
    await sweep.stop();
    mock.timers.tick(every);

    assert.equal(asked('set').length, 2);
  });
});
