/** What the admission does with messages that come again, or that the broker could keep. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Deferred, deferred } from '../../../../src/base/deferred.ts';
import { EtaParking } from '../../../../src/worker/intake/eta-parking.ts';
import type { SuccessfulTasks } from '../../../../src/worker/intake/successful-tasks.ts';
import { notedLog, turn } from '../made-requests.ts';
import { admissionOf } from './made-admission.ts';

const AGAIN = { redelivered: true };

describe('a message that comes again while its task is here', () => {
  test('does not start it twice; the new delivery is settled with the old one', async () => {
    const { receive, requests, lines } = admissionOf({ acksLate: true });
    const first = await receive();
    const second = await receive({}, AGAIN);

    await requests[0]!.ack();

    assert.deepEqual([requests.length, first.notes, second.notes], [1, ['ack'], ['ack']]);
    assert.deepEqual(lines, ['info: Task t.add[1] received again; it is not started twice']);
  });

  test('is acknowledged at once when the old one was', async () => {
    const { receive, requests } = admissionOf();
    const first = await receive();
    requests[0]!.state = 'active';

    const second = await receive({}, AGAIN);

    assert.deepEqual([requests.length, first.notes, second.notes], [1, [], ['ack']]);
  });

  test('is a run of its own when it is a retry', async () => {
    const { receive, requests } = admissionOf();
    await receive();
    await receive({ retries: 1 }, AGAIN);

    assert.equal(requests.length, 2);
  });
});

describe('a message that comes again after its run', () => {
  test('is settled as the run ended, and not started', async () => {
    const { receive, requests, lostAcks, state, lines } = admissionOf({ acksLate: true });
    await receive();
    lostAcks.add(requests[0]!, { kind: 'success', runtime: 1 });
    state.requests.delete(requests[0]!);

    const again = await receive({}, AGAIN);

    assert.deepEqual([requests.length, again.notes], [1, ['ack']]);
    assert.deepEqual(lines, ['info: Task t.add[1] has ended here; it is not started twice']);
  });
});

describe('a message whose worker was lost again and again', () => {
  const lost = { headers: { 'x-delivery-count': 5 } };

  test('fails the task, and is dropped when that is stored', async () => {
    const options = { acksLate: true, rejectOnWorkerLost: true };
    const { receive, requests, statuses, lines } = admissionOf(options);

    const delivery = await receive(lost, AGAIN);

    assert.deepEqual([requests, statuses(), delivery.notes], [[], ['FAILURE'], ['drop']]);
    assert.match(lines[0]!, /^error: Giving up t\.add\[1\]: .* delivered 5 times/);
  });

  test('is started when the broker says that it is new', async () => {
    const { receive, requests } = admissionOf({ acksLate: true, rejectOnWorkerLost: true });

    await receive(lost);

    assert.equal(requests.length, 1);
  });
});

describe('a redelivered task that may have succeeded already', () => {
  /** The store answers when the test says so. */
  function setup(acksLate = true) {
    const answer = deferred<boolean>();
    const successful = { has: () => answer.promise } as unknown as SuccessfulTasks;
    return { answer, ...admissionOf({ acksLate }, () => ({ successful })) };
  }

  test('is acknowledged when it did', async () => {
    const { receive, answer, requests, state, lines } = setup();
    const delivery = await receive({}, AGAIN);

    answer.resolve(true);
    await turn();

    assert.deepEqual([requests, delivery.notes, state.requests.size], [[], ['ack'], 0]);
    assert.deepEqual(lines, ['info: Task t.add[1] already completed successfully.']);
  });

  test('starts, and moves the line, when it did not', async () => {
    const { receive, answer, noted } = setup();
    await receive({}, AGAIN);

    answer.resolve(false);
    await turn();

    assert.deepEqual(noted, ['1 from celery', 'pump', '1 reserved', 'pump']);
  });

  test('is left to the broker when the worker stops meanwhile', async () => {
    const { admission, receive, answer, requests, state } = setup();
    const delivery = await receive({}, AGAIN);
    admission.cancelScheduled();

    answer.resolve(true);
    await turn();

    assert.deepEqual([requests, delivery.notes, state.requests.size], [[], [], 0]);
  });

  test('is discarded when it is revoked meanwhile', async () => {
    const { receive, answer, revoked, noted } = setup();
    await receive({}, AGAIN);
    revoked.add('1');

    answer.resolve(false);
    await turn();

    assert.equal(noted.at(-1), '1 revoked');
  });

  test('is not asked about when it is acknowledged early, or is new', async () => {
    const [early, late] = [setup(false), setup()];
    await early.receive({}, AGAIN);
    await late.receive();

    assert.deepEqual([early.requests.length, late.requests.length], [1, 1]);
  });
});

describe('a message with a far ETA that the broker could keep', () => {
  /** Parks what is due after more than a minute; the broker answers when the test says so. */
  function setup() {
    const answers: Deferred<void>[] = [];
    const park = () => {
      answers.push(deferred());
      return answers.at(-1)!.promise;
    };
    const { logger } = notedLog();
    const worker = admissionOf({}, clock => ({
      parking: new EtaParking({ after: 60, logger, clock }),
    }));
    const far = () => worker.receive({ eta: 600 }, { park });
    const answer = async (yes: boolean) => {
      if (yes) answers.at(-1)!.resolve();
      else answers.at(-1)!.reject(new Error('no room'));
      await turn();
    };
    return { ...worker, answers, far, answer };
  }

  test('is not received here when the broker keeps it', async () => {
    const { far, answer, noted, counts, state } = setup();

    await far();
    await answer(true);

    assert.deepEqual([noted, counts, state.requests.size], [['pump'], [], 0]);
  });

  test('waits here when the broker does not', async () => {
    const { far, answer, noted, counts } = setup();

    await far();
    await answer(false);

    assert.deepEqual([noted, counts], [['pump', '1 from celery'], [1]]);
  });

  test('is offered to the broker again after a minute', async () => {
    const { far, answer, clock, answers, counts, state } = setup();
    await far();
    await answer(false);

    clock.advance(60);
    assert.equal(answers.length, 2);
    await answer(true);

    assert.deepEqual([counts, state.requests.size], [[1, 0], 0]);
  });

  test('waits on when the broker refuses it again', async () => {
    const { far, answer, clock, counts, requests } = setup();
    await far();
    await answer(false);
    clock.advance(60);
    await answer(false);
    assert.deepEqual(counts, [1, 0, 1]);

    for (let minute = 0; minute < 10; minute++) {
      clock.advance(60);
      await answer(false);
    }

    assert.equal(requests.length, 1);
  });

  test('is forgotten when the worker stops before the broker has refused it', async () => {
    const { admission, far, answer, noted, state } = setup();
    await far();
    admission.cancelScheduled();

    await answer(false);

    assert.deepEqual([noted, state.requests.size], [['pump'], 0]);
  });

  test('is discarded and not parked when it was revoked', async () => {
    const { far, revoked, answers, noted } = setup();
    revoked.add('1');

    await far();

    assert.deepEqual([answers, noted], [[], ['1 from celery', '1 revoked', 'pump']]);
  });

  test('is discarded when it is revoked while the broker is asked again', async () => {
    const { far, answer, clock, revoked, noted } = setup();
    await far();
    await answer(false);
    clock.advance(60);
    revoked.add('1');

    await answer(false);

    assert.equal(noted.at(-1), '1 revoked');
  });
});
