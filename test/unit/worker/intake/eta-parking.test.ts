import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Deferred, deferred } from '../../../../src/base/deferred.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import { EtaParking } from '../../../../src/worker/intake/eta-parking.ts';
import { notedLog, requestFor, turn } from '../made-requests.ts';

/** Parks what is due after more than a minute; the broker answers when the test says so. */
function setup(after = 60) {
  const { logger, lines } = notedLog();
  const clock = new FakeClock(0);
  const parking = new EtaParking({ after, logger, clock });
  const parked: { seconds: number; answer: Deferred<void> }[] = [];
  const park = (seconds: number) => {
    const answer = deferred();
    parked.push({ seconds, answer });
    return answer.promise;
  };
  const due = (eta: number | null, queue = 'celery') => requestFor({ eta }, {}, { park, queue });
  const outcomes: boolean[] = [];
  const take = (request: ReturnType<typeof due>['request']) =>
    parking.take(request, isOver => void outcomes.push(isOver));
  /** The broker says no to the message that it got last. */
  const refuse = async () => {
    parked.at(-1)!.answer.reject(new Error('no room'));
    await turn();
  };
  return { parking, clock, lines, parked, due, outcomes, take, refuse };
}

describe('parking of messages with a far ETA', () => {
  test('has the broker keep a message until its time', async () => {
    const { due, take, parked, outcomes, lines } = setup();

    assert.equal(take(due(3600).request), true);
    parked[0]!.answer.resolve();
    await turn();

    assert.deepEqual([parked[0]!.seconds, outcomes], [3600, [true]]);
    assert.deepEqual(lines, [
      'info: Task t.add[1] waits in the broker, eta: 1970-01-01T01:00:00+00:00',
    ]);
  });

  test('leaves alone what has no ETA, or one that is near', () => {
    const { due, take, parked } = setup();

    const taken = [null, -5, 30, 60].map(eta => take(due(eta).request));

    assert.deepEqual([taken, parked], [[false, false, false, false], []]);
  });

  test('leaves alone what is due within a second, however near is far', () => {
    const { due, take } = setup(0);

    assert.equal(take(due(0.9).request), false);
    assert.equal(take(due(1).request), true);
  });

  test('leaves alone what the broker cannot keep, or has not any more', () => {
    const { due, take } = setup();
    const settled = due(3600);
    settled.delivery.settled = true;

    assert.equal(take(requestFor({ eta: 3600 }).request), false);
    assert.equal(take(settled.request), false);
  });
});

describe('a message that the broker would not park', () => {
  test('is a matter of the worker again', async () => {
    const { due, take, refuse, outcomes, lines } = setup();
    take(due(3600).request);

    await refuse();

    assert.deepEqual(outcomes, [false]);
    assert.match(lines[0]!, /^warning: Messages of queue celery .* could not keep them: no room$/);
  });

  test('is over for a worker that has lost it meanwhile, and no warning', async () => {
    const { due, take, refuse, outcomes, lines } = setup();
    const { request, delivery } = due(3600);
    take(request);
    delivery.lost = true;

    await refuse();

    assert.deepEqual([outcomes, lines], [[true], []]);
  });

  test('keeps others of its queue from being tried for a minute', async () => {
    const { due, take, refuse, clock } = setup();
    take(due(3600).request);
    await refuse();

    assert.equal(take(due(3600).request), false);
    assert.equal(take(due(3600, 'other').request), true);
    clock.advance(60);

    assert.equal(take(due(3600).request), true);
  });

  test('is warned of once for all that were tried together', async () => {
    const { due, take, parked, lines } = setup();
    for (let n = 0; n < 3; n++) take(due(3600).request);

    for (const { answer } of parked) answer.reject(new Error('no room'));
    await turn();

    assert.equal(lines.length, 1);
  });

  test('is tried again after a minute while it is far, and not when it is near', () => {
    const { due, parking, clock } = setup();
    const { request } = due(100);

    assert.equal(parking.retryAfter(request), 60);
    clock.advance(40);

    assert.equal(parking.retryAfter(request), Number.POSITIVE_INFINITY);
  });
});
