import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SignatureRoute } from '../../../../src/canvas/signature.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import type { TaskCall } from '../../../../src/wire/messages/task-message.ts';
import { sendElectedTask } from '../../../../src/worker/events/elected-task.ts';

function setup(failure?: Error) {
  const calls: [TaskCall, SignatureRoute][] = [];
  const log: string[] = [];
  const ports = {
    clock: new FakeClock(1000),
    newId: () => 'new-id',
    logger: { error: (text: string) => void log.push(text) } as never,
    publish: async (call: TaskCall, route: SignatureRoute) => {
      if (failure) throw failure;
      calls.push([call, route]);
    },
  };
  return { calls, log, send: (action: unknown) => sendElectedTask(action, ports) };
}

const signature = { task: 'proj.add', args: [40, 2], kwargs: {}, options: {}, subtask_type: null };

describe('the task of whoever won an election', () => {
  test('is sent as the signature says, as a root of its own', async () => {
    const { calls, send } = setup();
    const options = { task_id: 'own-id', queue: 'fast', countdown: 5 };

    await send({ ...signature, options });
    await send(signature);

    const [[first, route], [second]] = calls as [[TaskCall, SignatureRoute], [TaskCall]];
    assert.deepEqual([first.task, first.id, first.args], ['proj.add', 'own-id', [40, 2]]);
    assert.deepEqual([first.rootId, first.parentId, first.eta], ['own-id', null, 1005]);
    assert.deepEqual(route, { queue: 'fast' });
    assert.deepEqual([second.id, second.rootId], ['new-id', 'new-id']);
  });

  test('may be a workflow', async () => {
    const { calls, send } = setup();
    await send({ ...signature, subtask_type: 'group', kwargs: { tasks: [signature, signature] } });
    assert.deepEqual(
      calls.map(([{ task, args, groupIndex }]) => [task, args, groupIndex]),
      [
        ['proj.add', [40, 2], 0],
        ['proj.add', [40, 2], 1],
      ],
    );
  });

  test('is not sent when the action is none, and the log says why', async () => {
    const { calls, log, send } = setup();
    for (const action of [null, 'proj.add', {}, { ...signature, subtask_type: 'group' }]) {
      await send(action);
    }

    assert.deepEqual(calls, []);
    assert.equal(log.length, 4);
    assert.match(log[0]!, /^Could not call task: InvalidTaskError\('Not a signature: None/);
    assert.match(log[3]!, /'Not a signature/);
  });

  test('that the broker does not take is told, and nothing fails', async () => {
    const { log, send } = setup(new Error('no broker'));
    await send(signature);
    assert.deepEqual(log, ["Could not call task: Error('no broker')"]);
  });
});
