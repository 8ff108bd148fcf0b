import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Celery } from '../../../../src/index.ts';
import { WorkerLostError } from '../../../../src/pool/errors.ts';
import { readTaskHeaders } from '../../../../src/wire/messages/task-message.ts';
import {
  counter,
  hooks,
  logListener,
  signalListener,
} from '../../../../src/worker/listeners/usual.ts';
import { Request } from '../../../../src/worker/request.ts';
import { WorkerState } from '../../../../src/worker/worker-state.ts';
import { MadeDelivery, messageFor, notedLog, requestFor, turn } from '../made-requests.ts';

const { request, delivery } = requestFor({ shadow: 'shown' });

describe('the log of a worker', () => {
  test('tells the life of a request by the name that is shown', () => {
    const { logger, lines } = notedLog();
    const log = logListener(logger);

    log.received!(request, 'celery');
    log.started!(request, 4711);
    log.timedOut!(request, true, 5);
    log.timedOut!(request, false, 10);

    assert.deepEqual(lines, [
      'info: Task shown[1] received',
      'debug: Task accepted: shown[1] pid:4711',
      'warning: Soft time limit (5s) exceeded for shown[1]',
      'error: Hard time limit (10s) exceeded for shown[1]',
    ]);
  });

  test('tells what nobody wanted to be lost', () => {
    const { logger, lines } = notedLog();

    logListener(logger).gaveUp!(request, new WorkerLostError('it died'));

    assert.deepEqual(lines, ["error: Task handler raised error: WorkerLostError('it died')"]);
  });

  test('tells what is discarded, and leaves a kill to the command that asked for it', () => {
    const { logger, lines } = notedLog();
    const log = logListener(logger);

    log.revoked!(request, { reason: 'expired', signal: null });
    log.revoked!(request, { reason: 'terminated', signal: 'SIGTERM' });

    assert.deepEqual(lines, ['info: Discarding revoked task: shown[1]']);
  });

  test('builds no lines that nobody reads', () => {
    const { logger, lines } = notedLog();
    const log = logListener({ ...logger, isEnabledFor: () => false });

    log.received!(request, 'celery');
    log.started!(request, 4711);

    assert.deepEqual(lines, []);
  });
});

describe('the signals of a worker', () => {
  const setup = () => {
    const { signals } = new Celery('proj');
    return { signals, listener: signalListener(signals, 'w@h'), seen: [] as unknown[] };
  };

  test('tell which task came from which queue', async () => {
    const { signals, listener, seen } = setup();
    signals.taskReceived.connect(({ task, id, queue }) => void seen.push([task, id, queue]));

    listener.received!(request, 'feeds');
    await turn();

    assert.deepEqual(seen, [['t.add', '1', 'feeds']]);
  });

  test('tell why a task is revoked', async () => {
    const { signals, listener, seen } = setup();
    signals.taskRevoked.connect(({ terminated, signum, expired }) => {
      seen.push([terminated, signum, expired]);
    });

    listener.revoked!(request, { reason: 'terminated', signal: 'SIGKILL' });
    listener.revoked!(request, { reason: 'expired', signal: null });
    listener.revoked!(request, { reason: 'revoked', signal: null });
    await turn();

    assert.deepEqual(seen, [
      [true, 'SIGKILL', false],
      [false, null, true],
      [false, null, false],
    ]);
  });

  test('tell of messages that are not run, with the queue and the headers', async () => {
    const { signals, listener, seen } = setup();
    const reason = new Error('no');
    const { headers } = delivery.message;
    signals.taskUnknown.connect(event => void seen.push([event.task, event.queue, event.reason]));
    signals.taskRejected.connect(event => void seen.push([event.queue, event.headers]));

    listener.unknown!(new MadeDelivery(), readTaskHeaders(messageFor()), reason);
    listener.refused!(delivery, reason);
    await turn();

    assert.deepEqual(seen, [
      ['t.add', 'celery', reason],
      ['celery', headers],
    ]);
  });
});

describe('the counter of a worker', () => {
  test('counts the runs of each name that start', () => {
    const state = new WorkerState();
    const { started } = counter(state);

    started!(request, 1);
    started!(requestFor({}).request, 1);
    started!(requestFor({}).request, 2);

    assert.deepEqual(
      [...state.totals],
      [
        ['shown', 1],
        ['t.add', 2],
      ],
    );
  });
});

describe('the hooks of a request', () => {
  test('hear of its start, its answer and its time limits', () => {
    const heard: unknown[] = [];
    class Own extends Request {
      override onAccepted(pid: number): void {
        heard.push(pid);
      }
      override onDone({ kind }: { kind: string }): void {
        heard.push(kind);
      }
      override onTimeout(soft: boolean, seconds: number): void {
        heard.push([soft, seconds]);
      }
    }
    const own = new Own(delivery, request.headers, request.task);

    hooks.started!(own, 4711);
    hooks.timedOut!(own, true, 5);
    hooks.answered!(own, { kind: 'retry', runtime: 1 });

    assert.deepEqual(heard, [4711, [true, 5], 'retry']);
  });
});
