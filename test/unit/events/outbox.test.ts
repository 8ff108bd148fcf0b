import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Deferred, deferred } from '../../../src/base/deferred.ts';
import { Outbox } from '../../../src/events/outbox.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import type { Message } from '../../../src/wire/messages/message.ts';
import { turn } from '../worker/made-requests.ts';

/** A broker that answers when it is told to. */
function setup() {
  const answers: Deferred<void>[] = [];
  const told: string[] = [];
  const clock = new FakeClock(0);
  const outbox = new Outbox({
    clock,
    publish: () => {
      answers.push(deferred());
      return answers.at(-1)!.promise;
    },
    warn: text => void told.push(text),
  });
  const put = (count: number) => outbox.put({ body: 'x' } as Message, 'task.multi', count);
  return { answers, told, clock, outbox, put };
}

describe('an outbox whose broker refused', () => {
  it('counts what comes then without what was on its way before', async () => {
    const { answers, told, clock, outbox, put } = setup();
    put(5000);
    put(24);
    answers[1]!.reject(new Error('not allowed'));
    await turn();
    clock.advance(30);
    put(9000);
    answers[0]!.resolve();
    await turn();

    put(1500);
    assert.deepEqual(told, [
      'Events are off: not allowed',
      '1500 events were lost: the broker does not take them in time.',
    ]);
    // 5024 that were forgotten, and those for which there was no room
    assert.equal(outbox.dropped, 6524);
    outbox.close();
  });

  it('counts what comes while the broker refuses', async () => {
    const { answers, outbox, put } = setup();
    put(1);
    assert.equal(outbox.dropped, 0);
    answers[0]!.reject(new Error('not allowed'));
    await turn();
    put(3);

    assert.equal(outbox.dropped, 4);
    outbox.close();
  });

  it('sends nothing again that was forgotten', async () => {
    const { answers, clock, outbox, put } = setup();
    put(1);
    put(1);
    answers[1]!.reject(new Error('not allowed'));
    await turn();
    answers[0]!.reject(Object.assign(new Error('lost'), { recoverable: true }));
    await turn();
    clock.advance(60);
    await turn();

    assert.equal(answers.length, 2);
    outbox.close();
  });
});
