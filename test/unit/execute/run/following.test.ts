import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SignatureRoute } from '../../../../src/canvas/signature.ts';
import type { ExecutionPorts, RunnableTask } from '../../../../src/execute/ports.ts';
import type { RetryOptions } from '../../../../src/execute/retry-options.ts';
import { executeTask } from '../../../../src/execute/run/run-task.ts';
import type { TaskContext } from '../../../../src/execute/task-context.ts';
import type { TaskCall } from '../../../../src/wire/messages/task-message.ts';
import { messageFor, notedExecution } from '../../worker/made-requests.ts';

interface Made {
  readonly code?: (self: TaskContext) => unknown;
  readonly call?: Partial<TaskCall>;
  readonly ports?: Partial<ExecutionPorts>;
  readonly from?: { exchange: string; routingKey: string };
}

/** Runs a task, and tells what it published. */
async function run({ code = () => 'ok', call, ports, from }: Made) {
  const published: { call: TaskCall; route: SignatureRoute }[] = [];
  let ids = 0;
  const made = notedExecution({
    publish: async (each, route) => void published.push({ call: each, route }),
    newId: () => `new-${++ids}`,
    ...ports,
  });
  const task: RunnableTask = {
    ...{ name: 't.add', maxRetries: 3, defaultRetryDelay: 180, ignoreResult: false },
    ...{ trackStarted: false, storeErrorsEvenIfIgnored: false, resultReprMaxsize: 100 },
    ...{ excModule: 't', isExpected: () => false },
    invoke: context => code(context),
  };
  const message = messageFor(call);
  const source = { exchange: '', routingKey: 'celery', ...from, message, redelivered: false };
  const execution = await executeTask(task, source, made.execution);
  return { ...made, published, execution };
}

const signature = (task: string, more: Record<string, unknown> = {}) => ({
  ...{ task, args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false },
  ...more,
});
const fails = () => {
  throw new Error('mine');
};

describe('what follows success', () => {
  it('gets the result before its own arguments, unless it is immutable', async () => {
    const callbacks = [
      signature('a', { args: [7] }),
      signature('b', { args: [8], immutable: true }),
    ];
    const { published } = await run({ code: () => 5, call: { callbacks } });

    assert.deepEqual(
      published.map(({ call }) => [call.task, call.args, call.parentId]),
      [
        ['a', [5, 7], '1'],
        ['b', [8], '1'],
      ],
    );
  });

  it('gets null for a result that is undefined', async () => {
    const { published } = await run({
      code: () => undefined,
      call: { callbacks: [signature('a')] },
    });
    assert.deepEqual(published[0]!.call.args, [null]);
  });

  it('is the last step of the chain, with those before it', async () => {
    const chain = [signature('third'), signature('second')];
    const { published, stored } = await run({ code: () => 1, call: { chain } });

    assert.deepEqual(
      published.map(({ call }) => [call.task, call.chain?.length]),
      [['second', 1]],
    );
    assert.deepEqual(stored[0]!.children, [[['new-1', null], null]]);
  });

  it('goes the way that its signature says', async () => {
    const callbacks = [
      signature('a', { options: { queue: 'q' } }),
      signature('b', { options: { exchange: 'e', routing_key: 'k' } }),
    ];
    const { published } = await run({ call: { callbacks } });

    assert.deepEqual(
      published.map(({ route }) => route),
      [{ queue: 'q' }, { exchange: 'e', routingKey: 'k' }],
    );
  });
});

describe('what follows failure', () => {
  it('gets the id of the task, in one group of its own', async () => {
    const errbacks = [signature('x', { args: [9] }), signature('y')];
    const { published } = await run({ code: fails, call: { errbacks } });

    assert.deepEqual(
      published.map(({ call }) => [call.task, call.args, call.group]),
      [
        ['x', ['1', 9], 'new-1'],
        ['y', ['1'], 'new-1'],
      ],
    );
  });

  it('is called here when it is an errback that wants to see the error', async () => {
    const seen: unknown[][] = [];
    const errback = (name: string) =>
      name === 'old'
        ? undefined
        : async (args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>) =>
            void seen.push([name, ...args, kwargs]);
    const errbacks = [
      signature('seeing', { args: [9], kwargs: { k: 1 } }),
      signature('blind', { args: [8], immutable: true }),
      signature('old'),
    ];
    const { published } = await run({ code: fails, call: { errbacks }, ports: { errback } });

    const [seeing, blind] = seen as [unknown[], unknown[]];
    assert.equal((seeing[1] as { id: string }).id, '1');
    assert.deepEqual([(seeing[2] as Error).message, typeof seeing[3]], ['mine', 'string']);
    assert.deepEqual(seeing.slice(4), [9, { k: 1 }]);
    assert.deepEqual(blind, ['blind', 8, {}]);
    assert.deepEqual(
      published.map(({ call }) => call.task),
      ['old'],
    );
  });

  it('may fail itself, which the log tells', async () => {
    const errback = () => () => Promise.reject(new TypeError('worse'));
    const { lines, stored } = await run({
      code: fails,
      call: { errbacks: [signature('x')] },
      ports: { errback },
    });
    assert.match(
      lines[0]!,
      /^error: Task t\.add\[1\]: the errback x failed: TypeError\('worse'\)$/,
    );
    assert.equal(stored[0]!.status, 'FAILURE');
  });

  it('is the failure of the rest of the chain, for whoever waits for it', async () => {
    const told: unknown[] = [];
    const chain = [
      signature('third', { options: { task_id: 'id-3', reply_to: 'somebody' } }),
      signature('second', { options: { task_id: 'id-2' } }),
      signature('nameless'),
    ];
    await run({
      code: fails,
      call: { chain, replyTo: 'caller' },
      ports: {
        store: async ({ task_id, status }, replyTo) => void told.push([task_id, status, replyTo]),
      },
    });

    assert.deepEqual(told, [
      ['id-3', 'FAILURE', 'somebody'],
      ['id-2', 'FAILURE', 'caller'],
      ['1', 'FAILURE', 'caller'],
    ]);
  });

  it('is nothing of that where no results are kept', async () => {
    const { stored } = await run({
      code: fails,
      call: { chain: [signature('a', { options: { task_id: 'id-2' } })] },
      ports: { storesResults: false },
    });
    assert.deepEqual(stored, []);
  });
});

describe('the next try', () => {
  async function retry(options: RetryOptions = {}, made: Made = {}) {
    const { published } = await run({ ...made, code: self => Promise.reject(self.retry(options)) });
    assert.equal(published.length, 1);
    return published[0]!;
  }

  it('is the same call once more, after the delay of the task', async () => {
    const { call, route } = await retry({}, { call: { args: [1], kwargs: { b: 2 }, retries: 1 } });

    assert.deepEqual([call.task, call.id, call.args, call.kwargs], ['t.add', '1', [1], { b: 2 }]);
    assert.deepEqual([call.retries, call.eta, route], [2, 180, { queue: 'celery' }]);
  });

  const ways: readonly (readonly [string, RetryOptions, Made['from'], SignatureRoute])[] = [
    ['the queue it came from', {}, undefined, { queue: 'celery' }],
    [
      'the exchange it came from',
      {},
      { exchange: 'jobs', routingKey: 'jobs.now' },
      { exchange: 'jobs', routingKey: 'jobs.now' },
    ],
    ['another queue', { queue: 'slow' }, undefined, { queue: 'slow' }],
    ['another exchange', { exchange: 'e' }, undefined, { exchange: 'e' }],
    [
      'another key',
      { routingKey: 'k' },
      { exchange: 'jobs', routingKey: 'a' },
      { routingKey: 'k' },
    ],
  ];
  for (const [where, options, from, expected] of ways) {
    it(`goes to ${where}`, async () => {
      const { route } = await retry(options, { ...(from && { from }) });
      assert.deepEqual(route, expected);
    });
  }

  it('keeps limits, headers and priority, unless it has others', async () => {
    const call = { timeLimit: 9, softTimeLimit: 5, headers: { trace: 't', x: 1 }, priority: 3 };
    const kept = await retry({}, { call });
    const changed = await retry({ timeLimit: 8, headers: { x: 2 }, priority: 4 }, { call });

    const shown = ({ call: each }: typeof kept) => [
      ...[each.timeLimit, each.softTimeLimit, each.priority],
      each.headers,
    ];
    assert.deepEqual(shown(kept), [9, 5, 3, { trace: 't', x: 1 }]);
    assert.deepEqual(shown(changed), [8, 5, 4, { trace: 't', x: 2 }]);
  });

  it('has other arguments when it is told, and their text anew', async () => {
    const { call } = await retry({ args: [3], kwargs: { c: 4 } }, { call: { args: [1] } });
    assert.deepEqual([call.args, call.kwargs, call.argsrepr], [[3], { c: 4 }, undefined]);
  });

  it('is at a moment, at once, or after so long', async () => {
    const etas = [];
    for (const options of [{ eta: 77 }, { countdown: 0 }, { countdown: 2.5 }] as const) {
      etas.push((await retry(options)).call.eta);
    }
    assert.deepEqual(etas, [77, null, 2.5]);
  });
});
