import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BackendGetMetaError } from '../../../../src/backends/errors.ts';
import { MemoryChords } from '../../../../src/backends/memory-chords.ts';
import { linkError } from '../../../../src/canvas/links.ts';
import { taskSignature } from '../../../../src/canvas/shapes.ts';
import type { ExecutionPorts, RunnableTask } from '../../../../src/execute/ports.ts';
import { executeTask } from '../../../../src/execute/run/run-task.ts';
import { failTask } from '../../../../src/execute/run/settle-lost.ts';
import { InvalidTaskError } from '../../../../src/index.ts';
import type { TaskCall } from '../../../../src/wire/messages/task-message.ts';
import type { ResultMeta } from '../../../../src/wire/results/result-meta.ts';
import { messageFor, notedExecution, turn } from '../../worker/made-requests.ts';

const body = taskSignature('t.body', { options: { task_id: 'body', group_id: 'g' } });
const NOBODY = () => assert.fail('nobody saves groups here');

const taskOf = (code: () => unknown): RunnableTask => ({
  ...{ name: 't.add', maxRetries: 3, defaultRetryDelay: 180, ignoreResult: false },
  ...{ trackStarted: false, storeErrorsEvenIfIgnored: false, resultReprMaxsize: 100 },
  ...{ excModule: 't', isExpected: () => false },
  invoke: code,
});

/** Parts of one chord, each run on its own. */
function chord(more: Partial<ExecutionPorts> = {}) {
  const published: TaskCall[] = [];
  const chords = new MemoryChords(new Map(), { deadline: () => Number.MAX_VALUE, leaseMs: 1 });
  const made = notedExecution({
    publish: async call => void published.push(call),
    workflows: { chords, storeGroup: NOBODY, fetchGroup: async () => undefined },
    ...more,
  });
  const part = (call: Partial<TaskCall>, redelivered = false) => {
    const message = messageFor({ group: 'g', chord: body, ...call });
    return { exchange: '', routingKey: 'celery', message, redelivered };
  };
  const run = (
    call: Partial<TaskCall>,
    code: () => unknown = () => call.id,
    redelivered?: boolean,
  ) => executeTask(taskOf(code), part(call, redelivered), made.execution);
  const settleLost = (call: Partial<TaskCall>) =>
    failTask(taskOf(assert.fail), part(call), made.execution, new Error('lost'));
  const ended = () =>
    made.stored.map(({ task_id: id, status, result }: ResultMeta) => {
      const error = result as { exc_type?: string; exc_message?: string[] } | null;
      return [id, status, error?.exc_type ?? result, ...(error?.exc_message ?? [])];
    });
  return { ...made, chords, published, run, settleLost, ended };
}

describe('the parts of a chord', () => {
  it('send its body with all values in their order when the last one has ended', async () => {
    const { chords, published, run } = chord();
    await chords.setSize('g', 3);

    await run({ id: 'c', groupIndex: 2 });
    await run({ id: 'a', groupIndex: 0 });
    assert.deepEqual(published, []);
    await run({ id: 'b', groupIndex: 1 });

    assert.deepEqual(
      published.map(({ task, id, args, parentId }) => [task, id, args, parentId]),
      [['t.body', 'body', [['a', 'b', 'c']], 'b']],
    );
    await run({ id: 'b', groupIndex: 1 }, undefined, true);
    assert.equal(published.length, 1, 'it is sent once');
  });

  it('give it up when one has failed, with the errors that Celery gives', async () => {
    const seen: unknown[][] = [];
    const errback = async (args: readonly unknown[]) => void seen.push([...args]);
    const { chords, published, run, ended } = chord({ errback: () => errback });
    await chords.setSize('g', 2);
    const watched = linkError(body, taskSignature('t.errback', { args: [7] }));

    await run({ id: 'a', chord: watched }, () => {
      throw new RangeError('mine');
    });
    await run({ id: 'b', chord: watched });

    const text = "Dependency a raised RangeError('mine')";
    assert.deepEqual(ended().at(-1), ['body', 'FAILURE', 'ChordError', text]);
    assert.deepEqual(published, []);
    const [[request, error, traceback, own]] = seen as [[{ id: string }, Error, string, number]];
    assert.deepEqual([request.id, error.message, traceback, own], ['body', text, '', 7]);
    assert.equal(await chords.progress('g'), undefined);
  });

  it('give it up when its message cannot be made', async () => {
    const { chords, run, ended } = chord({
      publish: async () => {
        throw new InvalidTaskError('too large');
      },
    });
    await chords.setSize('g', 1);
    await run({ id: 'a' });
    assert.deepEqual(ended().at(-1)?.slice(0, 3), ['body', 'FAILURE', 'ChordError']);
    assert.match(String(ended().at(-1)?.[3]), /^Callback error: InvalidTaskError\('too large'\)$/);
  });

  it('give it up when what the store has of one of them cannot be read', async () => {
    const closed: string[] = [];
    const odd = {
      ...{ setSize: NOBODY, grow: NOBODY, progress: NOBODY },
      addPart: async () => {
        const error = new Error('a part of a chord is a list');
        throw new BackendGetMetaError(error.message, { taskId: 'g', cause: error });
      },
      close: async (id: string) => void closed.push(id),
    };
    const { run, ended } = chord({
      workflows: { chords: odd, storeGroup: NOBODY, fetchGroup: async () => undefined },
    });

    await run({ id: 'a' });

    assert.deepEqual(
      ended().map(([id, status]) => [id, status]),
      [
        ['a', 'SUCCESS'],
        ['body', 'FAILURE'],
      ],
    );
    assert.match(String(ended().at(-1)), /ChordError,A part cannot be read: a part of a chord/);
    assert.deepEqual(closed, ['g']);
  });

  it('send it when whoever should have sent it is gone, as their messages come again', async () => {
    const { chords, clock, published, run } = chord();
    await chords.setSize('g', 1);
    assert.ok(await chords.addPart('g', { taskId: 'a', index: 0, status: 'SUCCESS', result: 5 }));

    const running = run({ id: 'a', groupIndex: 0 }, () => 5, true);
    while (clock.pending === 0 && published.length === 0) await turn();
    clock.advance(31);
    await running;

    assert.deepEqual(published[0]?.args, [[5]]);
  });

  it('are told of when one is lost whose errback cannot be sent', async () => {
    const { chords, settleLost, ended } = chord({
      publish: async () => {
        throw new InvalidTaskError('no queue');
      },
    });
    await chords.setSize('g', 1);
    await settleLost({ id: 'a', errbacks: [taskSignature('t.errback')] });

    assert.deepEqual(
      ended().map(([id, status, type]) => [id, status, type]),
      [
        ['a', 'FAILURE', 'Exception'],
        ['body', 'FAILURE', 'ChordError'],
      ],
    );
  });

  it('are told of for steps that will not run, since the one before could not be sent', async () => {
    const { chords, run, ended } = chord({
      publish: async () => {
        throw new InvalidTaskError('no queue');
      },
    });
    await chords.setSize('g', 1);
    const options = { task_id: 'last', group_id: 'g', group_index: 0, chord: body };
    await run({ id: 'a', group: null, chord: null, chain: [taskSignature('t.add', { options })] });

    assert.deepEqual(
      ended().map(([id, status, type]) => [id, status, type]),
      [
        ['a', 'FAILURE', 'InvalidTaskError'],
        ['last', 'FAILURE', 'InvalidTaskError'],
        ['body', 'FAILURE', 'ChordError'],
      ],
    );
  });
});
