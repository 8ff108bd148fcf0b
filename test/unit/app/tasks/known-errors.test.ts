import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KnownErrors } from '../../../../src/app/tasks/known-errors.ts';
import {
  AccessRefused,
  AlreadyRegistered,
  BackendGetMetaError,
  BackendStoreError,
  type CeleryError,
  ChannelError,
  ConnectionClosed,
  ContentDisallowed,
  DecodeError,
  EncodeError,
  Ignore,
  ImproperlyConfigured,
  InvalidTaskError,
  LimitExceeded,
  MaxRetriesExceededError,
  NotRegistered,
  OperationalError,
  QueueNotFound,
  Reject,
  RemoteTaskError,
  SecurityError,
  SoftTimeLimitExceeded,
  TaskRevokedError,
  Terminated,
  TimeLimitExceeded,
  TimeoutError,
  WorkerLostError,
} from '../../../../src/index.ts';
import { encodeException } from '../../../../src/wire/results/exception.ts';

/** As it comes out of a result store that another process has written to. */
function sent(error: Error, traceback: string | null = null, known = new KnownErrors()): Error {
  const data: unknown = JSON.parse(JSON.stringify(encodeException(error, { excModule: 'proj' })));
  return known.decode(data, traceback);
}

describe('an error of ours from another process', () => {
  const errors: readonly CeleryError[] = [
    new AccessRefused('no entry'),
    new AlreadyRegistered('twice'),
    new BackendGetMetaError('unread', { taskId: '1' }),
    new BackendStoreError('unwritten', { taskId: '1', state: 'SUCCESS' }),
    new ChannelError('closed'),
    new ConnectionClosed('gone'),
    new ContentDisallowed('not that'),
    new DecodeError('not readable'),
    new EncodeError('not writable'),
    new Ignore('never mind'),
    new ImproperlyConfigured('no such setting'),
    new InvalidTaskError('no task'),
    new LimitExceeded('too much'),
    new OperationalError('away'),
    new QueueNotFound('no queue'),
    new SecurityError('forged'),
    new TaskRevokedError('revoked'),
    new Terminated('signal 9 (SIGKILL)'),
    new TimeoutError('too late'),
    new WorkerLostError('gone', { exitCode: 1, signal: null }),
  ];
  for (const error of errors) {
    it(`is a ${error.name} again, with its code and message`, () => {
      const found = sent(error) as CeleryError;

      assert.equal(found.constructor, error.constructor);
      assert.deepEqual(
        [found.code, found.message, found.name],
        [error.code, error.message, error.name],
      );
      assert.equal(found.recoverable, error.recoverable);
    });
  }

  for (const Class of [SoftTimeLimitExceeded, TimeLimitExceeded]) {
    it(`is a ${Class.name} with its limit`, () => {
      for (const limit of [5, 0.5]) {
        const found = sent(new Class(limit));
        assert.ok(found instanceof Class);
        assert.deepEqual([found.limit, found.message], [limit, new Class(limit).message]);
      }
    });
  }

  it('is a NotRegistered that names the task', () => {
    const found = sent(new NotRegistered('proj.add'));
    assert.ok(found instanceof NotRegistered);
    assert.match(found.message, /proj\.add/);
  });

  it('is a Reject with reason and requeue', () => {
    for (const requeue of [true, false]) {
      const found = sent(new Reject('not today', requeue));
      assert.ok(found instanceof Reject);
      assert.deepEqual([found.reason, found.requeue], ['not today', requeue]);
    }
  });

  it('is a MaxRetriesExceededError', () => {
    const call = { id: '1', args: [1], kwargs: {} };
    const found = sent(new MaxRetriesExceededError("Can't retry", call));
    assert.ok(found instanceof MaxRetriesExceededError);
    assert.match(found.message, /Can't retry/);
  });
});

describe('an error of Python', () => {
  const python = (exc_type: string, exc_message: unknown, exc_module: string) =>
    new KnownErrors().decode({ exc_type, exc_message, exc_module }, null);

  it('that is one of ours is ours, whatever its arguments are', () => {
    const timeout = python('TimeLimitExceeded', [300], 'billiard.exceptions');
    assert.ok(timeout instanceof TimeLimitExceeded);
    assert.equal(timeout.limit, 300);

    const odd = python('TimeLimitExceeded', ['soon'], 'billiard.exceptions');
    assert.ok(odd instanceof TimeLimitExceeded);
    assert.ok(Number.isNaN(odd.limit));

    const lost = python('WorkerLostError', ['exited', 'twice'], 'billiard.exceptions');
    assert.ok(lost instanceof WorkerLostError);
    assert.equal(lost.message, 'exited, twice');
  });

  it('that nobody knows is a RemoteTaskError with what there is to know', () => {
    const found = python('OddError', ['a', 1], 'shop.errors');
    assert.ok(found instanceof RemoteTaskError);
    assert.deepEqual([found.excType, found.excModule], ['OddError', 'shop.errors']);
  });
});

describe('an error that an app knows', () => {
  class OutOfStock extends Error {
    override name = 'OutOfStock';
    readonly item: unknown;
    constructor(item: unknown) {
      super(`no ${String(item)} left`);
      this.item = item;
    }
  }
  const data = (module: string) => ({
    exc_type: 'OutOfStock',
    exc_message: ['tea'],
    exc_module: module,
  });

  it('is made of the arguments that it was sent with', () => {
    const known = new KnownErrors();
    known.add(OutOfStock);
    const found = known.decode(data('anywhere'), null);
    assert.ok(found instanceof OutOfStock);
    assert.deepEqual([found.item, found.message], ['tea', 'no tea left']);
  });

  it('is another one under another module, when it names its own', () => {
    const known = new KnownErrors();
    known.add(Object.assign(class extends OutOfStock {}, { excModule: 'shop' }) as never);
    assert.ok(!(known.decode(data('elsewhere'), null) instanceof OutOfStock));
  });

  it('is unknown to other apps', () => {
    new KnownErrors().add(OutOfStock);
    assert.ok(new KnownErrors().decode(data('shop'), null) instanceof RemoteTaskError);
  });
});

describe('the stack of an error from another process', () => {
  it('says where the task failed, after where it was asked for', () => {
    const traceback = 'Traceback (most recent call last):\n  File "a.py", line 1';
    const { stack } = sent(new ImproperlyConfigured('no'), traceback);
    assert.match(stack!, /^ImproperlyConfigured: no\n[\s\S]*known-errors\.test\.ts/);
    assert.ok(stack!.endsWith(`\n\nThe task failed with:\n${traceback}`));
  });

  it('is its own where nobody knows more', () => {
    const { stack } = sent(new ImproperlyConfigured('no'), null);
    assert.ok(!stack!.includes('The task failed with'));
  });
});
