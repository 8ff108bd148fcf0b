import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogLevel } from '../../../../src/base/logger.ts';
import { systemClock } from '../../../../src/base/time/clock.ts';
import type { TaskSource } from '../../../../src/execute/execution.ts';
import type { ExecutionPorts, RunnableTask } from '../../../../src/execute/ports.ts';
import { unpackReply } from '../../../../src/execute/run/packed-reply.ts';
import { runTask } from '../../../../src/execute/run/run-task.ts';
import { failTask, revokeTask } from '../../../../src/execute/run/settle-lost.ts';
import type { TaskContext } from '../../../../src/execute/task-context.ts';
import type { JobControl } from '../../../../src/pool/contract.ts';
import { WorkerLostError } from '../../../../src/pool/errors.ts';
import { buildTaskMessage, type TaskCall } from '../../../../src/wire/messages/task-message.ts';
import type { ResultMeta } from '../../../../src/wire/results/result-meta.ts';

/** A task that runs `code`, and ports that write down what they are asked for. */
function setup(
  code: (...args: readonly unknown[]) => unknown,
  changes: Partial<RunnableTask> = {},
) {
  const task: RunnableTask = {
    name: 'shop.task',
    maxRetries: 3,
    defaultRetryDelay: 180,
    ignoreResult: false,
    trackStarted: false,
    storeErrorsEvenIfIgnored: false,
    resultReprMaxsize: 1024,
    excModule: 'shop',
    isExpected: () => false,
    invoke: (context, args) => code(context, ...args),
    ...changes,
  };
  const stored: ResultMeta[] = [];
  const published: TaskCall[] = [];
  const logged: [LogLevel, string][] = [];
  const log = (level: LogLevel, message: string) => void logged.push([level, message]);
  const ports: ExecutionPorts = {
    store: async meta => void stored.push(meta),
    publish: async call => void published.push(call),
    newId: () => 'new-id',
    clock: systemClock,
    logger: {
      isEnabledFor: () => true,
      log,
      debug: message => log('debug', message),
      info: message => log('info', message),
      warning: message => log('warning', message),
      error: message => log('error', message),
      critical: message => log('critical', message),
    },
    hostname: 'celery@here',
    storesResults: true,
    extended: false,
    accept: new Set(['application/json']),
  };
  let released = 0;
  const control: JobControl = {
    signal: new AbortController().signal,
    release: () => {
      released += 1;
    },
  };
  const statuses = () => stored.map(({ status }) => status);
  const releases = () => released;
  return { task, ports, control, stored, published, logged, statuses, releases };
}

function source(call: Partial<TaskCall> = {}): TaskSource {
  const message = buildTaskMessage({ task: 'shop.task', id: 'id', args: [], kwargs: {}, ...call });
  return { message, exchange: '', routingKey: 'celery', redelivered: false };
}

const fails = () => Promise.reject(new Error('port closed'));

describe('a retry that is not thrown', () => {
  it('is meant when the code returns it', async () => {
    const { task, ports, control, statuses, published } = setup(async self =>
      (self as TaskContext).retry({ countdown: 1 }),
    );

    const reply = unpackReply(await runTask(task, source(), ports, control));

    assert.equal(reply.kind, 'retry');
    assert.equal(published[0]?.retries, 1);
    assert.deepEqual(statuses(), ['RETRY']);
  });

  it('is an error in the log that names the task and what to write, when nothing came of it', async () => {
    const { task, ports, control, statuses, logged } = setup(self => {
      (self as TaskContext).retry();
    });

    await runTask(task, source(), ports, control);

    assert.deepEqual(statuses(), ['SUCCESS']);
    assert.equal(logged[0]?.[0], 'error');
    assert.match(logged[0]![1], /^Task shop\.task\[id\] called retry\(\)[\s\S]*throw self\.retry/);
  });
});

describe('a run', () => {
  it('stores what the code returned and answers with success', async () => {
    const { task, ports, control, stored, logged } = setup((_, x) => Number(x) + 1);

    const reply = unpackReply(await runTask(task, source({ args: [1] }), ports, control));

    assert.equal(reply.kind, 'success');
    assert.ok(reply.runtime >= 0);
    assert.deepEqual([stored.length, stored[0]?.status, stored[0]?.result], [1, 'SUCCESS', 2]);
    assert.match(logged[0]![1], /^Task shop\.task\[id\] succeeded in [\d.e-]+s: 2$/);
  });

  it('stores STARTED first when it is tracked', async () => {
    const { task, ports, control, stored, statuses } = setup(() => 1, { trackStarted: true });

    await runTask(task, source(), ports, control);

    assert.deepEqual(statuses(), ['STARTED', 'SUCCESS']);
    assert.deepEqual(stored[0]?.result, { pid: process.pid, hostname: 'celery@here' });
  });

  it('lets the next job begin when the code has ended, before the result is stored', async () => {
    const { task, ports, control, releases } = setup(() => 1);
    let atStore = 0;

    await runTask(
      task,
      source(),
      {
        ...ports,
        store: async () => {
          atStore = releases();
        },
      },
      control,
    );

    assert.equal(atStore, 1);
  });

  it('tells its worker when it waits long for the result of another task, and when that is over', async () => {
    const waits: unknown[] = [];
    const { task, ports, control } = setup(() => 1);
    const result = new Promise(resolve => setTimeout(resolve, 5200));
    const waiting: RunnableTask = {
      ...task,
      invoke: async context => {
        await context.waitFor('quick', Promise.resolve());
        await Promise.all([context.waitFor('slow', result), context.waitFor('slow too', result)]);
        waits.push('goes on');
      },
    };

    const waitingControl = { ...control, waits: (what: unknown) => void waits.push(what) };
    await runTask(waiting, source(), ports, waitingControl);

    assert.deepEqual(waits, ['slow', 'slow too', undefined, 'goes on']);
  });

  it('stores nothing when the result is ignored, or there is no backend', async () => {
    for (const ignored of [true, false]) {
      const { task, ports, control, stored } = setup(() => 1);

      const message = source({ ignoreResult: ignored });
      await runTask(task, message, { ...ports, storesResults: ignored }, control);

      assert.deepEqual(stored, []);
    }
  });

  it('lets the message decide about the result before the task does', async () => {
    const { task, ports, control, statuses } = setup(() => 1, { ignoreResult: true });

    await runTask(task, source({ ignoreResult: false }), ports, control);

    assert.deepEqual(statuses(), ['SUCCESS']);
  });

  it('stores an error of an ignored result when the task wants that', async () => {
    const options = { ignoreResult: true, storeErrorsEvenIfIgnored: true };
    const { task, ports, control, statuses } = setup(() => fails(), options);

    await runTask(task, source({ ignoreResult: true }), ports, control);

    assert.deepEqual(statuses(), ['FAILURE']);
  });

  for (const [label, thrown, message] of [
    ['text', 'just text', 'just text'],
    ['nothing', undefined, 'None'],
    ['an object', { code: 5 }, "{'code': 5}"],
  ] as const) {
    it(`turns ${label} that was thrown into an error`, async () => {
      const { task, ports, control, stored } = setup(() => {
        throw thrown;
      });

      const reply = unpackReply(await runTask(task, source(), ports, control));

      assert.equal(reply.kind, 'failure');
      assert.deepEqual((stored[0]!.result as { exc_message: unknown }).exc_message, [message]);
    });
  }

  it('logs an expected error in one line', async () => {
    const { task, ports, control, logged } = setup(fails, { isExpected: () => true });

    await runTask(task, source(), ports, control);

    assert.deepEqual(logged, [
      ['info', "Task shop.task[id] raised expected: Error('port closed')"],
    ]);
  });
});

describe('a run of which something around the code fails', () => {
  it('fails without running the code when the body cannot be read', async () => {
    let ran = false;
    const { task, ports, control, statuses, logged } = setup(() => {
      ran = true;
    });

    const reply = unpackReply(
      await runTask(task, source(), { ...ports, accept: new Set(['application/x-yaml']) }, control),
    );

    assert.deepEqual([reply.kind, ran, statuses()], ['failure', false, ['FAILURE']]);
    assert.equal(logged.at(-1)?.[0], 'critical');
  });

  it('fails when its retry cannot be published', async () => {
    const { task, ports, control, stored } = setup(context => {
      throw (context as { retry(): Error }).retry();
    });

    const reply = unpackReply(await runTask(task, source(), { ...ports, publish: fails }, control));

    assert.equal(reply.kind, 'failure');
    assert.deepEqual(
      stored.map(({ status, result }) => [
        status,
        (result as { exc_message: unknown }).exc_message,
      ]),
      [['FAILURE', ['port closed']]],
    );
  });

  it('fails when its callbacks cannot be published', async () => {
    const { task, ports, control, statuses } = setup(() => 1);
    const callbacks = [{ task: 'after', args: [], kwargs: {}, options: {} }];

    const reply = unpackReply(
      await runTask(task, source({ callbacks }), { ...ports, publish: fails }, control),
    );

    assert.deepEqual([reply.kind, statuses()], ['failure', ['FAILURE']]);
  });

  it('says so in the log when not even the failure can be stored, and answers', async () => {
    const { task, ports, control, logged } = setup(() => 1);

    const reply = unpackReply(await runTask(task, source(), { ...ports, store: fails }, control));

    assert.equal(reply.kind, 'failure');
    assert.deepEqual(
      logged.map(([level]) => level),
      ['critical', 'critical'],
    );
    assert.match(logged[0]![1], /the failure could not be stored: Error\('port closed'\)/);
    assert.match(logged[1]![1], /^Task shop\.task\[id\] INTERNAL ERROR: Error\('port closed'\)\n/);
  });

  it('gives its place back all the same', async () => {
    const { task, ports, control, releases } = setup(() => 1);

    await runTask(
      task,
      { ...source(), message: { ...source().message, body: '{' } },
      ports,
      control,
    );

    assert.ok(releases() >= 1);
  });
});

describe('a task that others settle', () => {
  const lost = new WorkerLostError('gone', { exitCode: 1, signal: null });

  it('is stored as failed, with what follows a failure', async () => {
    const { task, ports, stored, published } = setup(() => 1);
    const errbacks = [{ task: 'failed', args: [], kwargs: {}, options: {} }];
    const chain = [{ task: 'next', args: [], kwargs: {}, options: { task_id: 'next-id' } }];

    await failTask(task, source({ errbacks, chain }), ports, lost);

    assert.deepEqual(stored.map(({ task_id, status }) => [task_id, status]).sort(), [
      ['id', 'FAILURE'],
      ['next-id', 'FAILURE'],
    ]);
    assert.equal((stored.at(-1)!.result as { exc_type: string }).exc_type, 'WorkerLostError');
    assert.deepEqual(
      published.map(call => [call.task, call.args, call.parentId]),
      [['failed', ['id'], 'id']],
    );
  });

  it('is stored as failed even when its body cannot be read', async () => {
    const { task, ports, statuses, logged } = setup(() => 1);
    const broken = { ...source(), message: { ...source().message, body: '{' } };

    await failTask(task, broken, ports, lost);

    assert.deepEqual(statuses(), ['FAILURE']);
    assert.equal(logged[0]?.[0], 'error');
  });

  it('is stored as revoked, unless nobody wants its result', async () => {
    const wanted = setup(() => 1);
    const ignored = setup(() => 1, { ignoreResult: true });

    await revokeTask(wanted.task, source(), wanted.ports, new Error('expired'));
    await revokeTask(ignored.task, source({ ignoreResult: true }), ignored.ports, new Error('x'));

    assert.deepEqual([wanted.statuses(), ignored.statuses()], [['REVOKED'], []]);
  });

  it('is stored as revoked when its message cannot be read, which is settled then', async () => {
    const { task, ports, statuses } = setup(() => 1);
    const broken = { ...source(), message: { ...source().message, body: '{' } };
    await revokeTask(task, broken, ports, new Error('expired'));
    assert.deepEqual(statuses(), ['REVOKED']);
  });
});
