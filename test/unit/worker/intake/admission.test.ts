import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskOptions } from '../../../../src/app/options/task-options.ts';
import { Request } from '../../../../src/index.ts';
import { DecodeError } from '../../../../src/wire/errors.ts';
import type { TaskCall } from '../../../../src/wire/messages/task-message.ts';
import type { Judge } from '../../../../src/worker/intake/judge.ts';
import type { StoredRevokes } from '../../../../src/worker/revoking/stored-revokes.ts';
import { type Made, messageFor, turn } from '../made-requests.ts';
import { admissionOf } from './made-admission.ts';

describe('a message for a task that a worker knows', () => {
  test('goes into the line, which moves once for all that came together', () => {
    const { admission, made, noted, state } = admissionOf();

    admission.receiveAll([made({ id: '1' }), made({ id: '2' }, { queue: 'feeds' })]);

    assert.deepEqual(noted, [
      ...['1 from celery', '1 reserved', '2 from feeds', '2 reserved'],
      'pump',
    ]);
    assert.equal(state.requests.size, 2);
  });

  test('is a request of the class that the task brought', async () => {
    class Own extends Request {}
    const { receive, requests } = admissionOf({ Request: Own });

    await receive();

    assert.ok(requests[0] instanceof Own);
  });

  test('waits for its turn when the task has a rate limit', async () => {
    const { receive, noted, clock } = admissionOf({ rateLimit: '1/m' });
    for (const id of ['1', '2']) await receive({ id });
    assert.equal(noted.includes('2 reserved'), false);

    clock.advance(60);

    assert.deepEqual(noted.slice(-2), ['2 reserved', 'pump']);
  });

  test('is discarded when it has expired', async () => {
    const { receive, noted, statuses, state, clock } = admissionOf();
    clock.advance(60);

    const delivery = await receive({ expires: 30 });

    assert.deepEqual(noted, ['1 from celery', '1 expired', 'pump']);
    assert.deepEqual([delivery.notes, statuses()], [['ack'], ['REVOKED']]);
    assert.equal(state.requests.size, 0);
  });

  test('is discarded when it was revoked before it came', async () => {
    const { receive, revoked, noted } = admissionOf();
    revoked.add('1');

    const delivery = await receive();

    assert.deepEqual(noted, ['1 from celery', '1 revoked', 'pump']);
    assert.deepEqual(delivery.notes, ['ack']);
  });
});

describe('a message that a worker cannot run', () => {
  for (const task of ['t.none', 't.far']) {
    test(`is refused as unknown when the code of ${task} is not here`, async () => {
      const { receive, noted, statuses, state } = admissionOf();

      const delivery = await receive({ task });

      assert.deepEqual(noted, [`unknown ${task}`, 'pump']);
      assert.deepEqual(
        [delivery.notes, statuses(), state.requests.size],
        [['drop'], ['FAILURE'], 0],
      );
    });
  }

  const refused: readonly [string, Made, string[], string][] = [
    [
      'its content is not accepted',
      { message: { ...messageFor(), contentType: 'x/y' } },
      ['drop'],
      'ContentDisallowed',
    ],
    ['it is no task', { message: { ...messageFor(), headers: {} } }, ['drop'], 'InvalidTaskError'],
    [
      'its dates are none',
      { message: messageFor({ headers: { eta: 'soon' } }) },
      ['drop'],
      'InvalidTaskError',
    ],
    ['it could not be read', { problem: new DecodeError('no envelope') }, ['ack'], ''],
  ];
  for (const [why, how, notes, heard] of refused) {
    test(`is refused when ${why}`, async () => {
      const { receive, noted, state } = admissionOf();

      const delivery = await receive({}, how);

      assert.deepEqual(delivery.notes, notes);
      assert.deepEqual(noted.filter(note => note !== 'pump').join(), heard);
      assert.equal(state.requests.size, 0);
    });
  }
});

describe('a message with an ETA', () => {
  test('waits for its time and then moves the line', async () => {
    const { receive, clock, noted, counts, requests } = admissionOf();
    await receive({ eta: 60 });
    assert.deepEqual([requests, counts], [[], [1]]);

    clock.advance(60);

    assert.deepEqual(noted.slice(-2), ['1 reserved', 'pump']);
    assert.deepEqual(counts, [1, 0]);
  });

  test('of the past does not wait', async () => {
    const { receive, noted, clock } = admissionOf();
    clock.advance(100);

    await receive({ eta: 60 });
    await turn();

    assert.deepEqual(noted.slice(-2), ['1 reserved', 'pump']);
  });

  test('that is withdrawn does not start, and counts no more', async () => {
    const { admission, receive, clock, counts, requests } = admissionOf();
    for (const id of ['1', '2']) await receive({ id, eta: 60 });

    const withdrawn = admission.withdraw(({ id }) => id === '1');
    clock.advance(60);

    assert.deepEqual(
      [withdrawn, requests].map(all => all.map(({ id }) => id)),
      [['1'], ['2']],
    );
    assert.deepEqual(counts, [1, 2, 1, 0]);
  });

  test('is withdrawn together with what waits for a rate limit', async () => {
    const { admission, receive, counts } = admissionOf({ rateLimit: '1/m' });
    for (const id of ['1', '2']) await receive({ id });

    const withdrawn = admission.withdraw(() => true);

    assert.deepEqual([withdrawn.map(({ id }) => id), counts], [['2'], []]);
  });
});

describe('what waits when a worker stops', () => {
  test('is forgotten, and stays with the broker', async () => {
    const { admission, receive, clock, state, requests } = admissionOf({ rateLimit: '1/m' });
    const deliveries = [await receive({ id: '1' })];
    for (const id of ['2', '3']) deliveries.push(await receive({ id }));
    deliveries.push(await receive({ id: '4', eta: 60 }));

    admission.cancelScheduled();
    clock.advance(3600);

    assert.deepEqual([...state.requests], requests);
    assert.deepEqual(
      requests.map(({ id }) => id),
      ['1'],
    );
    assert.deepEqual(
      deliveries.flatMap(({ notes }) => notes),
      [],
    );
    assert.equal(clock.pending, 0);
  });
});

describe('whether a task would start the moment its message came', () => {
  const asked = (call: Partial<TaskCall> = {}, how: Made = {}, options: TaskOptions = {}) => {
    const worker = admissionOf(options);
    return { ...worker, answer: () => worker.admission.startsAtOnce(worker.made(call, how)) };
  };

  test('is yes when nothing keeps it', () => {
    assert.equal(asked().answer(), true);
  });

  const no: readonly [string, Partial<TaskCall>, Made, TaskOptions][] = [
    ['it is acknowledged late', {}, {}, { acksLate: true }],
    ['its task has a rate limit', {}, {}, { rateLimit: '1/s' }],
    ['it has an ETA', { eta: 60 }, {}, {}],
    ['it may expire', { expires: 60 }, {}, {}],
    ['its dates are none', { headers: { eta: 'soon' } }, {}, {}],
    ['its task is unknown', { task: 't.none' }, {}, {}],
    ['its task is elsewhere', { task: 't.far' }, {}, {}],
    ['it was delivered before', {}, { redelivered: true }, {}],
    ['it could not be read', {}, { problem: new DecodeError('no') }, {}],
    ['it is no task', {}, { message: { ...messageFor(), headers: {} } }, {}],
    ['its content is not accepted', {}, { message: { ...messageFor(), contentType: 'x/y' } }, {}],
  ];
  for (const [why, call, how, options] of no) {
    test(`is no when ${why}`, () => {
      assert.equal(asked(call, how, options).answer(), false);
    });
  }

  test('is no when it was revoked, no place is free, or the worker stops', () => {
    const [revoked, busy, stopped] = [asked(), asked(), asked()];
    revoked.revoked.add('1');
    busy.line.isReady = false;
    stopped.admission.cancelScheduled();

    assert.deepEqual(
      [revoked, busy, stopped].map(each => each.answer()),
      [false, false, false],
    );
  });

  test('is no when a policy refuses the message', async () => {
    const judge: Judge = ({ id }) =>
      id === 'bad' ? { reason: 'rejected', error: new Error('no') } : undefined;
    const { admission, made, receive, lines, statuses, noted } = admissionOf({}, () => ({
      judges: [judge],
    }));

    assert.equal(admission.startsAtOnce(made({ id: 'bad' })), false);
    assert.equal(admission.startsAtOnce(made({ id: 'good' })), true);
    const delivery = await receive({ id: 'bad' });
    assert.deepEqual(delivery.notes, ['drop']);
    assert.deepEqual(statuses(), ['FAILURE']);
    assert.deepEqual(lines, ['error: Giving up t.add[bad]: no']);
    assert.deepEqual(noted, ['pump']);
  });

  test('does not decide about another message', async () => {
    const { admission, made, receive, noted } = asked();
    admission.startsAtOnce(made({ id: 'shown' }));

    await receive({ id: 'came' });

    assert.deepEqual(noted, ['came from celery', 'came reserved', 'pump']);
  });
});

describe('a message that the result store knows as revoked', () => {
  /** A store that answers when it is told to. */
  function asking(options: TaskOptions = {}) {
    const answers: (() => void)[] = [];
    const stored = new Set<string>();
    const made = admissionOf(options, () => ({
      storedRevokes: {
        learn: async (id: string) => {
          await new Promise<void>(resolve => answers.push(resolve));
          if (stored.has(id)) made.revoked.add(id);
        },
      } as unknown as StoredRevokes,
    }));
    const answer = async () => {
      for (const each of answers.splice(0)) each();
      await turn();
    };
    return { ...made, stored, answer, answers };
  }

  test('is discarded, and others go into the line', async () => {
    const { receive, answer, stored, noted, statuses, state } = asking();
    stored.add('1');
    const deliveries = [await receive({ id: '1' }), await receive({ id: '2' })];
    assert.equal(
      noted.some(note => note.endsWith('reserved')),
      false,
    );

    await answer();

    assert.deepEqual(noted.slice(-3), ['1 revoked', '2 reserved', 'pump']);
    assert.deepEqual(deliveries[0]!.notes, ['ack']);
    assert.deepEqual([statuses(), state.requests.size], [['REVOKED'], 1]);
  });

  test('is asked for when its time comes, not before', async () => {
    const { receive, answer, answers, stored, noted, clock } = asking();
    await receive({ eta: clock.now() + 60 });
    assert.equal(answers.length, 0);
    stored.add('1');

    clock.advance(60);
    await answer();

    assert.equal(noted.at(-1), '1 revoked');
  });

  test('stays with the broker when the worker stops meanwhile', async () => {
    const { admission, receive, answer, stored, noted, state } = asking();
    stored.add('1');
    const delivery = await receive();

    admission.cancelScheduled();
    await answer();

    assert.deepEqual([delivery.notes, state.requests.size], [[], 0]);
    assert.equal(noted.includes('1 revoked'), false);
  });

  test('is discarded once when it is revoked by command while the store is asked', async () => {
    const { receive, revoked, answer, stored, noted } = asking();
    stored.add('1');
    await receive();

    revoked.add('1');
    await answer();

    assert.equal(noted.filter(note => note === '1 revoked').length, 1);
  });

  test('does not start before the store was asked, whatever the broker offers', () => {
    const { admission, made } = asking();

    assert.equal(admission.startsAtOnce(made()), false);
  });
});
