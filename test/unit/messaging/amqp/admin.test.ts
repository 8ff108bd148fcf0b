import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { AccessRefused, ChannelError, OperationalError } from '../../../../src/drivers/errors.ts';
import { Admin } from '../../../../src/messaging/amqp/admin.ts';
import type { Link } from '../../../../src/messaging/amqp/link.ts';
import { EncodeError } from '../../../../src/wire/errors.ts';
import { MadeChannel, replyError, URLS } from './made-channel.ts';

const turn = () => new Promise(resolve => setImmediate(resolve));

/** A connection that opens channels, or fails to do so as told. */
function setup(failures: Error[] = []) {
  const channels: MadeChannel[] = [];
  const connection = {
    createChannel(opened: (error: Error | null, channel?: unknown) => void) {
      const failure = failures.shift();
      if (failure) return opened(failure);
      channels.push(new MadeChannel());
      opened(null, channels.at(-1));
    },
  };
  const admin = new Admin({ connect: async () => connection } as unknown as Link, URLS);
  const ask = (queue: string) =>
    admin.run<unknown>(`declaring queue ${queue}`, (channel, answer) =>
      channel.assertQueue(queue, {}, answer),
    );
  return { admin, channels, ask };
}

describe('asking the broker', () => {
  test('gives what it answers', async () => {
    const { channels, ask } = setup();

    const asked = ask('q');
    await turn();
    channels[0]!.asked[0]!.answer(null, { queue: 'q' });

    assert.deepEqual(await asked, { queue: 'q' });
  });

  test('goes one question after the other over one channel', async () => {
    const { channels, ask } = setup();
    const both = Promise.all([ask('a'), ask('b')]);
    await turn();
    assert.equal(channels[0]!.asked.length, 1);

    channels[0]!.asked[0]!.answer(null, 1);
    await turn();
    channels[0]!.asked[1]!.answer(null, 2);

    assert.deepEqual([await both, channels.length], [[1, 2], 1]);
  });

  test('goes on over another channel after a refusal, which ends one', async () => {
    const { channels, ask } = setup();
    const first = ask('a');
    const second = ask('b');
    await turn();
    const refusal = replyError(406, 'PRECONDITION_FAILED - inequivalent arg');

    channels[0]!.asked[0]!.answer(refusal);
    channels[0]!.end(refusal);
    await assert.rejects(first, {
      name: 'ChannelError',
      message: 'Error declaring queue a: PRECONDITION_FAILED - inequivalent arg.',
    });
    await turn();
    channels[1]!.asked[0]!.answer(null, 'yes');

    assert.equal(await second, 'yes');
  });

  test('says whether this user is not allowed to', async () => {
    const { channels, ask } = setup();
    const asked = ask('q');
    await turn();

    channels[0]!.asked[0]!.answer(replyError(403, 'ACCESS_REFUSED - no'));

    await assert.rejects(asked, AccessRefused);
  });

  test('fails when there is no channel, and the next question gets one', async () => {
    const { channels, ask } = setup([new Error('no channels left')]);

    await assert.rejects(ask('a'), OperationalError);
    const second = ask('b');
    await turn();
    channels[0]!.asked[0]!.answer(null, 'yes');

    assert.equal(await second, 'yes');
  });

  test('fails with what cannot be written, which leaves no question open', async () => {
    const { admin, channels, ask } = setup();
    const asked = admin.run('declaring queue q', channel => {
      (channel as unknown as MadeChannel).throws = new RangeError('nested deeper than 100 levels');
      channel.assertQueue('q', {}, () => {});
    });

    await assert.rejects(asked, {
      name: 'EncodeError',
      message: 'Error declaring queue q: AMQP cannot carry it: nested deeper than 100 levels.',
    });
    assert.ok((await asked.catch(error => error)) instanceof EncodeError);
    assert.equal(channels[0]!.isClosed, true);
    const next = ask('b');
    await turn();
    channels[1]!.asked[0]!.answer(null, 'yes');

    assert.equal(await next, 'yes');
  });

  test('is given up after half a minute, and the next question gets another channel', async t => {
    t.after(() => mock.timers.reset());
    mock.timers.enable({ apis: ['setTimeout'] });
    const { channels, ask } = setup();
    const asked = ask('a');
    await turn();

    mock.timers.tick(30_000);

    await assert.rejects(asked, {
      name: 'OperationalError',
      message: 'The broker did not answer within 30 s.',
    });
    const next = ask('b');
    await turn();
    channels[1]!.asked[0]!.answer(null, 'yes');
    assert.equal(await next, 'yes');
  });

  test('keeps an error of ours as it is', async () => {
    const mine = new ChannelError('mine');
    const { admin } = setup();

    const asked = admin.run('x', (_, answer) => answer(mine, undefined));

    await assert.rejects(asked, mine);
  });
});
