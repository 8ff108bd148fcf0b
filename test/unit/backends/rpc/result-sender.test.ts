import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RetrySchedule } from '../../../../src/backends/retry.ts';
import { ResultSender } from '../../../../src/backends/rpc/result-sender.ts';
import { type Deferred, deferred } from '../../../../src/base/deferred.ts';
import { ChannelError, OperationalError } from '../../../../src/drivers/errors.ts';
import type { Destination, Transport } from '../../../../src/messaging/contract.ts';
import type { Message } from '../../../../src/wire/messages/message.ts';
import { buildTaskMessage } from '../../../../src/wire/messages/task-message.ts';

const turn = () => new Promise(resolve => setImmediate(resolve));
const lost = () => new OperationalError('lost');

/** A broker whose answers come when the test says so, and the retries that are allowed. */
function setup(retry: RetrySchedule = failures => (failures > 3 ? undefined : 0)) {
  const published: { id: unknown; to: string; answer: Deferred<void> }[] = [];
  const transport = {
    publish({ headers }: Message, { routingKey: to }: Destination) {
      published.push({ id: headers.id, to, answer: deferred() });
      return published.at(-1)!.answer.promise;
    },
  } as unknown as Transport;
  const connections: (Error | undefined)[] = [];
  const sender = new ResultSender(async () => {
    const failure = connections.shift();
    if (failure) throw failure;
    return transport;
  }, retry);
  const outcomes: string[] = [];
  const send = (id: string, to = 'me') =>
    void sender.send(buildTaskMessage({ task: 't', id, args: [], kwargs: {} }), to).then(
      () => outcomes.push(`${id} sent`),
      ({ name, message }: Error) => outcomes.push(`${id} ${name}: ${message}`),
    );
  /** Answers those that were published since; what is no error is a yes. */
  let answered = 0;
  const answer = async (...errors: (Error | undefined)[]) => {
    for (const error of errors) {
      const each = published[answered++]!;
      if (error) each.answer.reject(error);
      else each.answer.resolve();
    }
    for (let n = 0; n < 3; n++) await turn();
    // a retry at once is a timer that was armed before this one
    await new Promise(resolve => setTimeout(resolve, 0));
    await turn();
  };
  const ids = () => published.map(({ id }) => id);
  return { sender, send, answer, outcomes, published, ids, connections };
}

describe('results that are sent', () => {
  test('travel together when they come together, each to its own queue', async () => {
    const { send, answer, outcomes, published } = setup();

    send('1', 'a');
    send('2', 'b');
    await turn();
    assert.deepEqual(
      published.map(({ id, to }) => [id, to]),
      [
        ['1', 'a'],
        ['2', 'b'],
      ],
    );
    await answer(undefined, undefined);

    assert.deepEqual(outcomes, ['1 sent', '2 sent']);
  });

  test('wait for those before them: an older state must not be the last to arrive', async () => {
    const { send, answer, ids } = setup();
    send('1');
    await turn();

    send('2');
    await turn();
    assert.deepEqual(ids(), ['1']);
    await answer(undefined);

    assert.deepEqual(ids(), ['1', '2']);
  });

  test('are sent again with all that came behind them when the connection is lost', async () => {
    const { send, answer, outcomes, ids } = setup();
    for (const id of ['1', '2', '3']) send(id);
    await turn();

    await answer(undefined, lost(), undefined);
    assert.deepEqual([outcomes, ids().slice(3)], [['1 sent'], ['2', '3']]);
    await answer(undefined, undefined);

    assert.deepEqual(outcomes, ['1 sent', '2 sent', '3 sent']);
  });

  test('fail one by one with what the broker refuses for good', async () => {
    const { send, answer, outcomes, ids } = setup();
    for (const id of ['1', '2', '3']) send(id);
    await turn();

    await answer(undefined, new ChannelError('too large'), undefined);

    assert.deepEqual(outcomes, ['1 sent', '2 ChannelError: too large', '3 sent']);
    assert.equal(ids().length, 3);
  });

  test('that were refused before the connection was lost are not tried again', async () => {
    const { send, answer, outcomes, ids } = setup();
    for (const id of ['1', '2']) send(id);
    await turn();

    await answer(new ChannelError('no'), lost());

    assert.deepEqual([outcomes, ids()], [['1 ChannelError: no'], ['1', '2', '2']]);
    await answer(undefined);
  });

  test('fail when the retries are used up, all that are left', async () => {
    const { send, answer, outcomes, ids } = setup();
    for (const id of ['1', '2']) send(id);
    await turn();

    for (let n = 0; n < 4; n++) await answer(lost(), lost());

    assert.deepEqual(outcomes, ['1 OperationalError: lost', '2 OperationalError: lost']);
    assert.equal(ids().length, 8);
  });

  test('are tried again when there was no connection', async () => {
    const { send, answer, outcomes, ids, connections } = setup();
    connections.push(lost());
    send('1');

    await answer();
    assert.deepEqual(ids(), ['1']);
    await answer(undefined);

    assert.deepEqual(outcomes, ['1 sent']);
  });

  test('fail when there can be no connection', async () => {
    const { send, answer, outcomes, connections } = setup();
    connections.push(new ChannelError('no such virtual host'));
    send('1');

    await answer();

    assert.deepEqual(outcomes, ['1 ChannelError: no such virtual host']);
  });

  test('are a thousand at a time', async () => {
    const { send, answer, ids, outcomes } = setup();
    for (let n = 0; n < 1001; n++) send(`${n}`);
    await turn();
    assert.equal(ids().length, 1000);

    await answer(...Array.from({ length: 1000 }, () => undefined));
    assert.equal(ids().length, 1001);
    await answer(undefined);

    assert.equal(outcomes.length, 1001);
  });
});

describe('sending that is stopped', () => {
  test('waits for what is on its way', async () => {
    const { sender, send, answer, outcomes } = setup();
    send('1');
    await turn();

    const stopped = sender.stop();
    await answer(undefined);
    await stopped;

    assert.deepEqual(outcomes, ['1 sent']);
  });

  test('gives up what waits for another try', async () => {
    const { sender, send, answer, outcomes } = setup(() => 1000);
    send('1');
    await turn();
    await answer(lost());

    await sender.stop();
    await turn();

    assert.deepEqual(outcomes, ['1 ConnectionClosed: The result backend was closed.']);
  });

  test('opens no connection for what had not begun', async () => {
    const { sender, send, ids, outcomes } = setup();
    send('1');

    await sender.stop();
    await turn();

    assert.deepEqual(
      [ids(), outcomes],
      [[], ['1 ConnectionClosed: The result backend was closed.']],
    );
  });

  test('may go on afterwards', async () => {
    const { sender, send, answer, outcomes } = setup();
    await sender.stop();

    send('1');
    await turn();
    await answer(undefined);

    assert.deepEqual(outcomes, ['1 sent']);
  });
});
