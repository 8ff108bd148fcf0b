import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deferred } from '../../../../src/base/deferred.ts';
import type { WorkerParts } from '../../../../src/worker/assembly.ts';
import type { Step } from '../../../../src/worker/steps/step.ts';
import { createSteps, StepOrder } from '../../../../src/worker/steps/step-order.ts';

/** Steps that note what happens to them. */
function recorded() {
  const events: string[] = [];
  const step = (
    name: string,
    requires: readonly string[] = [],
    more: Partial<Step> = {},
  ): Step => ({
    ...{ name, requires },
    start: async () => void events.push(`${name} starts`),
    stop: async () => void events.push(`${name} stops`),
    ...more,
  });
  return { events, step };
}

describe('the steps of a worker', () => {
  test('start after those that they require, and stop before them', async () => {
    const { events, step } = recorded();
    const steps = new StepOrder([step('link'), step('tasks', ['link']), step('intake', ['tasks'])]);

    await steps.start();
    await steps.stop();

    assert.deepEqual(events, [
      'link starts',
      'tasks starts',
      'intake starts',
      'intake stops',
      'tasks stops',
      'link stops',
    ]);
  });

  test('that do not require each other start side by side', async () => {
    const { events, step } = recorded();
    const connected = deferred();
    const link = step('link', [], { start: () => connected.promise });
    const steps = new StepOrder([link, step('pool'), step('intake', ['link', 'pool'])]);

    const starting = steps.start();
    await new Promise(setImmediate);
    assert.deepEqual(events, ['pool starts']);
    connected.resolve();
    await starting;

    assert.deepEqual(events, ['pool starts', 'intake starts']);
  });

  test('above one that cannot start are not started', async () => {
    const { events, step } = recorded();
    const start = () => Promise.reject(new Error('no server'));
    const steps = new StepOrder([step('link', [], { start }), step('intake', ['link'])]);

    await assert.rejects(steps.start(), /^Error: no server$/);
    await steps.stop();

    assert.deepEqual(events, ['intake stops', 'link stops']);
  });

  test('that were asked to stop meanwhile do not start', async () => {
    const { events, step } = recorded();
    const connected = deferred();
    const link = step('link', [], { start: () => connected.promise });
    const steps = new StepOrder([link, step('intake', ['link'])]);

    const starting = steps.start();
    await steps.stop();
    connected.resolve();
    await starting;

    assert.deepEqual(events, ['intake stops', 'link stops']);
  });

  test('stop once, and all of them although one cannot', async () => {
    const { events, step } = recorded();
    const stop = () => Promise.reject(new Error('stuck'));
    const steps = new StepOrder([step('link'), step('tasks', ['link'], { stop })]);

    await assert.rejects(steps.stop(), /^Error: stuck$/);
    await assert.rejects(steps.stop(), /^Error: stuck$/);

    assert.deepEqual(events, ['link stops']);
  });

  test('may only require what stands above them in the table', () => {
    const create = () => undefined;
    const rows = [{ name: 'tasks', requires: ['pol'], create }];

    assert.throws(
      () => createSteps(rows, {} as WorkerParts),
      /step tasks: pol does not stand above/,
    );
  });
});
