import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskOptions } from '../../../../src/app/options/task-options.ts';
import type { TaskReply } from '../../../../src/execute/outcome.ts';
import { Terminated, TimeLimitExceeded, WorkerLostError } from '../../../../src/pool/errors.ts';
import type { ResultMeta } from '../../../../src/wire/results/result-meta.ts';
import { Announcer } from '../../../../src/worker/announcer.ts';
import { Endings } from '../../../../src/worker/running/endings.ts';
import { type Made, notedExecution, requestFor, turn } from '../made-requests.ts';

const LATE: TaskOptions = { acksLate: true };
const PUT_BACK: TaskOptions = { acksLate: true, rejectOnWorkerLost: true };
const DONE: TaskReply = { kind: 'success', runtime: 0.1 };
const DIED = new WorkerLostError('it died');
const SLOW = new TimeLimitExceeded(30);
const KILLED = new Terminated('killed');

/** A request that runs. */
function setup(
  options: TaskOptions = LATE,
  made: Made = {},
  ports: Parameters<typeof notedExecution>[0] = {},
) {
  const { execution, clock, lines, statuses } = notedExecution(ports);
  const heard: string[] = [];
  const lostAcks: string[] = [];
  const announcer = new Announcer([
    {
      answered: (_, { kind }) => void heard.push(`answered ${kind}`),
      lost: (_, { name }) => void heard.push(`lost: ${name}`),
      gaveUp: () => void heard.push('gave up'),
      putBack: () => void heard.push('put back'),
      timedOut: (_, soft, seconds) => void heard.push(`${soft ? 'soft' : 'hard'} ${seconds}`),
    },
  ]);
  const endings = new Endings(execution, announcer, {
    terminated: async (_, signal) => void heard.push(`terminated by ${signal}`),
    onAckLost: (_, { kind }) => void lostAcks.push(kind),
  });
  const { request, delivery } = requestFor({}, options, made);
  request.state = 'active';
  return { endings, request, delivery, clock, heard, lostAcks, lines, statuses };
}

function failing(): Promise<never> {
  const failed = Promise.reject(new Error('The broker is away.'));
  failed.catch(() => {});
  return failed;
}

describe('a task that answers', () => {
  test('has its message acknowledged, and everybody hears of it', () => {
    const { endings, request, delivery, heard } = setup();

    endings.answered(request, DONE);

    assert.deepEqual([delivery.notes, heard], [['ack'], ['answered success']]);
  });

  test('is not settled again when its message was acknowledged before', () => {
    const { endings, request, delivery } = setup({});

    endings.answered(request, DONE);

    assert.deepEqual(delivery.notes, []);
  });

  test('is remembered when the acknowledgement fails, and the log says that it may run again', async () => {
    const { endings, request, lostAcks, lines } = setup(LATE, { answer: failing() });

    endings.answered(request, DONE);
    await turn();

    assert.deepEqual(lostAcks, ['success']);
    assert.deepEqual(lines, [
      "warning: Couldn't settle t.add[1], reason: The broker is away. It may run once more.",
    ]);
  });

  test('is remembered when the broker may not have heard the acknowledgement', async () => {
    const { endings, request, delivery, lostAcks, lines } = setup();
    delivery.unheard = true;

    endings.answered(request, DONE);
    await turn();

    assert.deepEqual([lostAcks, lines], [['success'], []]);
  });

  test('is not remembered when the broker has confirmed the acknowledgement', async () => {
    const { endings, request, lostAcks } = setup();

    endings.answered(request, DONE);
    await turn();

    assert.deepEqual(lostAcks, []);
  });
});

describe('a task whose process died', () => {
  test('fails, and its message is acknowledged after that is stored', async () => {
    const { endings, request, delivery, heard, statuses } = setup();

    endings.lost(request, DIED);
    assert.deepEqual(delivery.notes, []);
    await turn();

    assert.deepEqual([statuses(), delivery.notes], [['FAILURE'], ['ack']]);
    assert.deepEqual(heard, ['lost: WorkerLostError', 'gave up']);
  });

  test('is put back and counted instead when it wants that', async () => {
    const { endings, request, delivery, statuses, heard } = setup(PUT_BACK);

    endings.lost(request, DIED);
    await turn();

    assert.deepEqual([statuses(), delivery.notes], [[], ['requeue, counted']]);
    assert.deepEqual(heard, ['lost: WorkerLostError', 'put back']);
  });
});

describe('a task whose process died after its result was stored', () => {
  const date_done = '2026-01-01T00:00:00+00:00';
  const stored = {
    task_id: '1',
    status: 'SUCCESS',
    result: 3,
    traceback: null,
    children: [],
    date_done,
  };
  const started = (options: TaskOptions, fetch: () => Promise<ResultMeta | undefined>) => {
    const made = setup(options, {}, { fetch });
    made.clock.advance(10);
    made.request.startedAt = 8;
    return made;
  };

  test('has succeeded, and is not run again', async () => {
    const { endings, request, delivery, heard, statuses, lines } = started(
      PUT_BACK,
      async () => stored as ResultMeta,
    );

    endings.lost(request, DIED);
    await turn();

    assert.deepEqual([statuses(), delivery.notes], [[], ['ack']]);
    assert.deepEqual(heard, ['answered success']);
    assert.match(lines[0]!, /had ended before its process did/);
  });

  test('has succeeded too when it was killed for its time limit at that moment', async () => {
    const { endings, request, heard } = started(LATE, async () => stored as ResultMeta);

    endings.lost(request, SLOW);
    await turn();

    assert.deepEqual(heard, ['answered success']);
  });

  test('fails when what is stored is another state, or cannot be read', async () => {
    for (const fetch of [
      async () => ({ ...stored, status: 'RETRY' }) as ResultMeta,
      async () => undefined,
      () => Promise.reject(new Error('gone')),
    ]) {
      const { endings, request, delivery, heard } = started(LATE, fetch);

      endings.lost(request, DIED);
      await turn();

      assert.deepEqual(delivery.notes, ['ack']);
      assert.deepEqual(heard, ['lost: WorkerLostError', 'gave up']);
    }
  });

  test('fails when the store says nothing for five seconds', async () => {
    const { endings, request, clock, heard } = started(LATE, () => new Promise(() => {}));

    endings.lost(request, DIED);
    await turn();
    assert.deepEqual(heard, []);
    clock.advance(5);
    await turn();

    assert.deepEqual(heard, ['lost: WorkerLostError', 'gave up']);
    assert.equal(clock.pending, 0);
  });

  test('is not asked for when it was killed on request', async () => {
    const { endings, request, heard } = started(LATE, async () => stored as ResultMeta);
    request.terminatedBy = 'SIGKILL';

    endings.lost(request, KILLED);
    await turn();

    assert.deepEqual(heard, ['lost: Terminated', 'terminated by SIGKILL']);
  });
});

describe('a task that was killed for its hard time limit', () => {
  test('fails, is acknowledged, and everybody hears of the limit', async () => {
    const { endings, request, delivery, heard, statuses } = setup(PUT_BACK);

    endings.lost(request, SLOW);
    await turn();

    assert.deepEqual([statuses(), delivery.notes], [['FAILURE'], ['ack']]);
    assert.deepEqual(heard, ['lost: TimeLimitExceeded', 'gave up', 'hard 30']);
  });

  test('fails and is put back when it is not to be acknowledged', async () => {
    const { endings, request, delivery, statuses } = setup({ ...LATE, acksOnTimeout: false });

    endings.lost(request, SLOW);
    await turn();

    assert.deepEqual([statuses(), delivery.notes], [['FAILURE'], ['requeue, counted']]);
  });
});

describe('a task that was killed', () => {
  test('on request is left to whoever revokes tasks', async () => {
    const { endings, request, delivery, heard, statuses } = setup();
    request.terminatedBy = 'SIGKILL';

    endings.lost(request, KILLED);
    await turn();

    assert.deepEqual(heard, ['lost: Terminated', 'terminated by SIGKILL']);
    assert.deepEqual([statuses(), delivery.notes], [[], []]);
  });

  test('because its broker delivers it again is stored as a retry and given back uncounted', async () => {
    const { endings, request, delivery, heard, statuses } = setup();
    request.isCancelled = true;

    endings.lost(request, KILLED);
    await turn();

    assert.deepEqual([statuses(), delivery.notes], [['RETRY'], ['requeue']]);
    assert.deepEqual(heard, ['lost: Terminated']);
  });

  test('for no reason that is known fails', async () => {
    const { endings, request, statuses } = setup();

    endings.lost(request, KILLED);
    await turn();

    assert.deepEqual(statuses(), ['FAILURE']);
  });
});

describe('a lost run whose message cannot be settled', () => {
  const after = async (error: WorkerLostError | TimeLimitExceeded) => {
    const { endings, request, lostAcks } = setup(LATE, { answer: failing() });
    endings.lost(request, error);
    await turn();
    return lostAcks;
  };

  test('is remembered as a failure when its process died', async () => {
    assert.deepEqual(await after(DIED), ['failure']);
  });

  test('is remembered as acknowledged when its time was up', async () => {
    assert.deepEqual(await after(SLOW), ['ignore']);
  });
});
