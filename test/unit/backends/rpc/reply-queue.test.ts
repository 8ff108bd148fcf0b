import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MessagingPort } from '../../../../src/backends/contract.ts';
import { ReplyQueue } from '../../../../src/backends/rpc/reply-queue.ts';
import { type Deferred, deferred } from '../../../../src/base/deferred.ts';
import { OperationalError } from '../../../../src/drivers/errors.ts';
import type { ConsumeOptions, Delivery, Transport } from '../../../../src/messaging/contract.ts';
import type { Queue } from '../../../../src/messaging/entities.ts';

const turn = () => new Promise(resolve => setImmediate(resolve));

/** Connections that note, and consume when the test says so. */
function setup({
  expires = null as number | null,
  isConnected = true,
  failures = [] as Error[],
} = {}) {
  const notes: string[] = [];
  const consuming: { queue: Queue; options: ConsumeOptions; started: Deferred<void> }[] = [];
  const seen: string[] = [];
  let made = 0;
  const transport = (): Transport => {
    const number = ++made;
    return {
      connected: isConnected,
      async consume([queue]: Queue[], options: ConsumeOptions) {
        const started = deferred();
        consuming.push({ queue: queue!, options, started });
        await started.promise;
      },
      delete: async ({ name }: Queue) => void notes.push(`${number} deletes ${name}`),
      close: async () => void notes.push(`${number} closed`),
    } as unknown as Transport;
  };
  const messaging = {
    replyQueue: 'my-replies',
    async consuming() {
      const failure = failures.shift();
      if (failure) throw failure;
      return transport();
    },
  } as unknown as MessagingPort;
  const onMessage = ({ tag }: Delivery) => void seen.push(tag);
  const replies = new ReplyQueue({ messaging, expires, onMessage });
  const opened = async () => {
    const opening = replies.open();
    await turn();
    consuming.at(-1)!.started.resolve();
    await opening;
  };
  return { replies, notes, consuming, seen, opened, made: () => made };
}

describe('the queue of replies', () => {
  test('is opened once, whoever asks, and needs no waiting from then on', async () => {
    const { replies, consuming, made } = setup();
    const [first, second] = [replies.open(), replies.open()];
    await turn();

    consuming[0]!.started.resolve();
    await Promise.all([first, second]);

    assert.deepEqual([replies.open(), made(), consuming.length], [undefined, 1, 1]);
  });

  for (const [expires, kept] of [
    [null, 600],
    [0, 600],
    [60, 60],
    [86_400, 600],
  ] as const) {
    test(`is kept by the broker for ${kept} s without us when results expire after ${expires}`, async () => {
      const { consuming, opened } = setup({ expires });

      await opened();

      const { name, expires: abandoned } = consuming[0]!.queue;
      assert.deepEqual([name, abandoned], ['my-replies', kept]);
    });
  }

  test('acknowledges what it hands on, and does not mind when the broker does not hear it', async () => {
    const { consuming, seen, opened } = setup();
    await opened();
    const acked: string[] = [];
    const delivery = (tag: string, fails: boolean) =>
      ({
        tag,
        async ack() {
          acked.push(tag);
          if (fails) throw new OperationalError('lost');
        },
      }) as unknown as Delivery;

    consuming[0]!.options.onDeliveries([delivery('a', true), delivery('b', false)]);
    await turn();

    assert.deepEqual(
      [seen, acked],
      [
        ['a', 'b'],
        ['a', 'b'],
      ],
    );
  });

  test('fails to open with the broker, leaves no connection, and is tried again', async () => {
    const { replies, consuming, notes, opened } = setup();
    const opening = replies.open();
    await turn();
    consuming[0]!.started.reject(new OperationalError('no broker'));

    await assert.rejects(opening as Promise<unknown>, OperationalError);
    assert.deepEqual(notes, ['1 closed']);
    await opened();

    assert.equal(replies.open(), undefined);
  });
});

describe('the queue of replies without a connection', () => {
  test('fails to open, and is tried again with the next result', async () => {
    const { replies, opened } = setup({ failures: [new OperationalError('no broker')] });

    await assert.rejects(replies.open() as Promise<unknown>, OperationalError);
    await opened();

    assert.equal(replies.open(), undefined);
  });
});

describe('the queue of replies that is closed', () => {
  test('is deleted with its connection', async () => {
    const { replies, notes, opened } = setup();
    await opened();

    await replies.close();

    assert.deepEqual(notes, ['1 deletes my-replies', '1 closed']);
  });

  test('is left to the broker when there is no connection', async () => {
    const { replies, notes, opened } = setup({ isConnected: false });
    await opened();

    await replies.close();

    assert.deepEqual(notes, ['1 closed']);
  });

  test('was never there when nobody opened it', async () => {
    const { replies, notes } = setup();

    await replies.close();

    assert.deepEqual(notes, []);
  });

  test('can be opened again, over another connection', async () => {
    const { replies, opened, made } = setup();
    await opened();
    await replies.close();

    await opened();

    assert.equal(made(), 2);
  });

  test('while it is opened leaves neither queue nor connection behind', async () => {
    const { replies, consuming, notes } = setup();
    const opening = replies.open() as Promise<unknown>;
    opening.catch(() => {});
    await turn();

    const closed = replies.close();
    consuming[0]!.started.resolve();

    await assert.rejects(opening, { name: 'ConnectionClosed' });
    await closed;
    assert.deepEqual(notes, ['1 deletes my-replies', '1 closed']);
  });

  test('and opened again before that ended has the connection of the second opening', async () => {
    const { replies, consuming, notes } = setup();
    const first = replies.open() as Promise<unknown>;
    first.catch(() => {});
    await turn();
    const closed = replies.close();
    const second = replies.open() as Promise<unknown>;
    await turn();

    consuming[0]!.started.resolve();
    await closed;
    assert.equal(replies.open(), second, 'it is not open yet');
    consuming[1]!.started.resolve();
    await second;

    await assert.rejects(first, { name: 'ConnectionClosed' });
    assert.deepEqual(notes, ['1 deletes my-replies', '1 closed']);
    assert.equal(replies.open(), undefined);
  });

  test('does not take the failure of an opening for that of the next', async () => {
    const { replies, consuming } = setup();
    const first = replies.open() as Promise<unknown>;
    first.catch(() => {});
    await turn();
    const closed = replies.close();
    const second = replies.open();
    await turn();

    consuming[0]!.started.reject(new OperationalError('no broker'));
    await closed;

    assert.equal(replies.open(), second);
  });
});
