import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CeleryError } from '../../../../src/base/errors.ts';
import { Ignore, Reject } from '../../../../src/execute/errors.ts';
import type { TaskSource } from '../../../../src/execute/execution.ts';
import type { ExecutionPorts, RunnableTask } from '../../../../src/execute/ports.ts';
import { unpackReply } from '../../../../src/execute/run/packed-reply.ts';
import { runTask } from '../../../../src/execute/run/run-task.ts';
import type { TaskContext } from '../../../../src/execute/task-context.ts';
import type { JobControl } from '../../../../src/pool/contract.ts';
import type { TaskCall } from '../../../../src/wire/messages/task-message.ts';
import { messageFor, notedExecution } from '../../worker/made-requests.ts';

class Unstored extends CeleryError {
  readonly code = 'BACKEND_STORE';
  override readonly recoverable: boolean;
  constructor(recoverable: boolean) {
    super('the store is away');
    this.recoverable = recoverable;
  }
}

interface Made {
  readonly code?: (self: TaskContext, ...args: readonly unknown[]) => unknown;
  readonly task?: Partial<RunnableTask>;
  readonly call?: Partial<TaskCall>;
  readonly source?: Partial<TaskSource>;
  readonly ports?: Partial<ExecutionPorts>;
}

/** Runs a task, and tells what came of it. */
async function run({ code = () => 'ok', task, call, source, ports }: Made = {}) {
  const made = notedExecution(ports);
  const runnable: RunnableTask = {
    ...{ name: 't.add', maxRetries: 3, defaultRetryDelay: 180, ignoreResult: false },
    ...{ trackStarted: false, storeErrorsEvenIfIgnored: false, resultReprMaxsize: 20 },
    ...{ excModule: 't', isExpected: () => false },
    invoke: (context, args) => code(context, ...args),
    ...task,
  };
  const control: JobControl = { signal: new AbortController().signal, release() {} };
  const message = messageFor(call);
  const from = { message, exchange: '', routingKey: 'celery', redelivered: false, ...source };
  const reply = unpackReply(await runTask(runnable, from, made.execution, control));
  return { ...made, reply };
}

const failing = (error: Error) => ({ store: () => Promise.reject(error) });

describe('an outcome that cannot be stored', () => {
  it('for now goes back with its message, when acks are late', async () => {
    const { reply, lines } = await run({
      task: { acksLate: true },
      ports: failing(new Unstored(true)),
    });

    assert.deepEqual(
      { ...reply, runtime: 0 },
      {
        kind: 'reject',
        runtime: 0,
        requeue: true,
        error: 'the result was not stored: the store is away',
      },
    );
    assert.match(
      lines.at(-1)!,
      /^warning: Task t\.add\[1\] reject requeue=True: the result was not/,
    );
  });

  it('is a failure when nothing can be given back any more', async () => {
    const { reply, lines } = await run({ ports: failing(new Unstored(true)) });

    assert.equal(reply.kind, 'failure');
    assert.match(lines[0]!, /^critical: Task t\.add\[1\]: the failure could not be stored/);
  });

  it('is a failure when it never will be', async () => {
    const { reply } = await run({ task: { acksLate: true }, ports: failing(new Unstored(false)) });
    assert.equal(reply.kind, 'failure');
  });

  it('of a retry is only told, as the next try has its own message', async () => {
    const { reply, lines } = await run({
      code: self => self.retry({ countdown: 1 }),
      task: { acksLate: true },
      ports: failing(new Unstored(true)),
    });

    assert.equal(reply.kind, 'retry');
    assert.deepEqual(lines, [
      'critical: Task t.add[1]: the retry was not stored: the store is away',
      'info: Task t.add[1] retry: Retry in 1s',
    ]);
  });

  it('of a start is no reason not to work', async () => {
    let stores = 0;
    const store = () => (++stores === 1 ? Promise.reject(new Error('away')) : Promise.resolve());

    const { reply, lines } = await run({ task: { trackStarted: true }, ports: { store } });

    assert.equal(reply.kind, 'success');
    assert.equal(lines[0], 'error: Task t.add[1]: its start was not stored: away');
  });
});

describe('a run that is to be forgotten or refused', () => {
  it('stores nothing', async () => {
    const ignored = await run({
      code: () => {
        throw new Ignore();
      },
    });
    assert.deepEqual([ignored.reply.kind, ignored.stored], ['ignore', []]);
    assert.deepEqual(ignored.lines, ['info: Task t.add[1] ignored']);
  });

  for (const requeue of [true, false]) {
    it(`goes ${requeue ? 'back' : 'away'}, with the reason in the reply and the log`, async () => {
      const { reply, stored, lines } = await run({
        code: () => {
          throw new Reject('not today', requeue);
        },
      });
      assert.ok(reply.kind === 'reject');
      assert.deepEqual([reply.requeue, reply.error, stored], [requeue, 'not today', []]);
      const word = requeue ? 'True' : 'False';
      assert.deepEqual(lines, [`warning: Task t.add[1] reject requeue=${word}: not today`]);
    });
  }

  it('has a reply of bounded length, and a reason that is no text as one', async () => {
    const long = await run({
      code: () => {
        throw new Reject('x'.repeat(5000));
      },
    });
    assert.equal(long.reply.error?.length, 1000);
    const none = await run({
      code: () => {
        throw new Reject();
      },
    });
    assert.equal(none.reply.error, '');
  });
});

describe('the texts of a reply', () => {
  const texts = async (made: Made) =>
    (await run({ ...made, source: { wantsTexts: true } })).reply.texts;

  it('are only there when somebody wants them', async () => {
    assert.equal((await run()).reply.texts, undefined);
  });

  it('are the result, cut at the size that the task allows', async () => {
    assert.deepEqual(await texts({ code: () => [1, null, 'x'] }), { result: "[1, None, 'x']" });
    const { result } = (await texts({ code: () => 'y'.repeat(500) })) as { result: string };
    assert.ok(result.length < 40, result);
  });

  it('are the error and its stack, both bounded', async () => {
    const found = await texts({
      code: () => {
        throw new RangeError('z'.repeat(5000));
      },
    });
    assert.match(found!.exception!, /^RangeError\('z+/);
    assert.equal(found!.exception!.length, 1000);
    assert.match(found!.traceback!, /^RangeError: z+[\s\S]*storing\.test\.ts/);
    assert.ok(found!.traceback!.length <= 65_536);
  });

  it('are the error of a retry, or None without one', async () => {
    const exc = new TypeError('later');
    const { exception } = (await texts({ code: self => self.retry({ exc }) }))!;
    assert.equal(exception, "TypeError('later')");
    assert.equal((await texts({ code: self => self.retry() }))!.exception, 'None');
  });

  it('are none for what is ignored', async () => {
    const code = () => {
      throw new Ignore();
    };
    assert.deepEqual(await texts({ code }), {});
  });
});

describe('a message that cannot be run', () => {
  const problems: readonly (readonly [string, Made, string])[] = [
    ['is no JSON', { source: { message: { ...messageFor(), body: '{' } } }, 'undecodable'],
    [
      'is of a type that is not allowed',
      { ports: { accept: new Set(['application/x-yaml']) } },
      'disallowed',
    ],
    ['is part of a chord without a task', { call: { chord: { options: {} } } }, 'invalid'],
    [
      'continues with something of an unknown kind',
      { call: { chain: [{ task: 'g', subtask_type: 'tree' }] } },
      'invalid',
    ],
    [
      'continues with a group that has no tasks',
      { call: { chain: [{ task: 'g', subtask_type: 'group' }] } },
      'invalid',
    ],
    ['continues with nothing that is a signature', { call: { callbacks: [7] } }, 'invalid'],
  ];
  for (const [what, made, problem] of problems) {
    it(`since it ${what} says so in the reply, and its code does not run`, async () => {
      let hasRun = false;
      const { reply } = await run({
        ...made,
        code: () => {
          hasRun = true;
        },
      });
      assert.ok(reply.kind === 'failure');
      assert.deepEqual([reply.problem, hasRun], [problem, false]);
    });
  }

  it('is not confused with code that fails', async () => {
    const { reply } = await run({
      code: () => {
        throw new Error('mine');
      },
    });
    assert.deepEqual(
      [reply.kind, reply.problem, reply.error],
      ['failure', undefined, "Error('mine')"],
    );
  });
});

describe('a state that a task stores of itself', () => {
  it('has what the task says, an error as one, and another id when it is told', async () => {
    const { stored } = await run({
      code: async self => {
        await self.updateState({ state: 'PROGRESS', meta: { done: 5 } });
        await self.updateState({ state: 'STUCK', meta: new Error('why') });
        await self.updateState({ state: 'OTHER', taskId: 'other-id' });
      },
    });

    assert.deepEqual(
      stored.map(({ status, task_id }) => [status, task_id]),
      [
        ['PROGRESS', '1'],
        ['STUCK', '1'],
        ['OTHER', 'other-id'],
        ['SUCCESS', '1'],
      ],
    );
    assert.deepEqual([stored[0]!.result, stored[2]!.result], [{ done: 5 }, null]);
    assert.equal((stored[1]!.result as { exc_type: string }).exc_type, 'Exception');
    assert.deepEqual([stored[0]!.date_done, typeof stored[3]!.date_done], [null, 'string']);
  });

  it('is not stored where nothing is', async () => {
    const { stored, reply } = await run({
      code: self => self.updateState({ state: 'PROGRESS' }),
      ports: { storesResults: false },
    });
    assert.deepEqual([stored, reply.kind], [[], 'success']);
  });

  it('has more with extended results', async () => {
    const { stored } = await run({
      call: { args: [1], kwargs: { b: 2 } },
      ports: { extended: true },
    });
    const { name, args, kwargs, worker, retries, queue } = stored[0]!;
    assert.deepEqual(
      [name, args, kwargs, worker, retries, queue],
      ['t.add', [1], { b: 2 }, 'w@h', 0, 'celery'],
    );
  });
});
