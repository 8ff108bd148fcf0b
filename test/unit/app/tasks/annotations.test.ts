import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Celery, type TaskHandlers, type TaskOptions } from '../../../../src/index.ts';

/** A task `tasks.add` under these annotations. */
function annotated(annotations: unknown, options: TaskOptions & { bind?: false } = {}) {
  const app = new Celery('annotations');
  app.conf.update({ task_annotations: annotations as never });
  return app.task('tasks.add', options, (x: number, y: number) => x + y);
}

describe('task_annotations', () => {
  it('set options of the task of that name', () => {
    const { definition } = annotated({
      'tasks.add': { rate_limit: '10/m', max_retries: null, time_limit: 5, acks_late: true },
      'tasks.mul': { rate_limit: '1/m' },
    });

    assert.equal(definition.resolved.rateLimit, '10/m');
    assert.equal(definition.maxRetries, null);
    assert.equal(definition.resolved.timeLimit, 5);
    assert.equal(definition.resolved.acksLate, true);
  });

  it('win over the declaration', () => {
    const { definition } = annotated(
      { 'tasks.add': { priority: 9 } },
      { priority: 1, defaultRetryDelay: 7 },
    );

    assert.equal(definition.resolved.priority, 9);
    assert.equal(definition.defaultRetryDelay, 7);
  });

  it('take our spelling of the names too', () => {
    const { definition } = annotated({ 'tasks.add': { rateLimit: '2/s' } });

    assert.equal(definition.resolved.rateLimit, '2/s');
  });

  it('set options of all tasks with *, which those of the name win over', () => {
    const { definition } = annotated({
      '*': { rate_limit: '10/s', priority: 3 },
      'tasks.add': { rate_limit: '1/s' },
    });

    assert.equal(definition.resolved.rateLimit, '1/s');
    assert.equal(definition.resolved.priority, 3);
  });

  it('may be a list of which the first with that name counts', () => {
    const { definition } = annotated([
      { 'tasks.mul': { priority: 1 } },
      { 'tasks.add': { priority: 2 } },
      { 'tasks.add': { priority: 3, rate_limit: '1/s' } },
    ]);

    assert.equal(definition.resolved.priority, 2);
    assert.equal(definition.resolved.rateLimit, null);
  });

  it('may be made by an object that looks at the task', () => {
    const annotator = {
      annotate: (task: { name: string }) =>
        task.name.startsWith('tasks.') ? { rate_limit: '9/s' } : undefined,
    };

    const { definition } = annotated([annotator]);

    assert.equal(definition.resolved.rateLimit, '9/s');
  });

  it('set handlers', async () => {
    const calls: string[] = [];
    const task = annotated(
      { 'tasks.add': { on_success: (result: unknown) => void calls.push(`annotated ${result}`) } },
      { handlers: { onSuccess: () => void calls.push('declared') } },
    );

    await task.apply([1, 2]);

    assert.deepEqual(calls, ['annotated 3']);
  });

  it('wrap handlers with @', async () => {
    const calls: string[] = [];
    const wrap = (inner: NonNullable<TaskHandlers['onSuccess']>) => {
      const around: typeof inner = async (result, request) => {
        calls.push('before');
        await inner(result, request);
        calls.push('after');
      };
      return around;
    };
    const handlers: TaskHandlers = { onSuccess: result => void calls.push(`own ${result}`) };

    await annotated({ 'tasks.add': { '@on_success': wrap } }, { handlers }).apply([1, 2]);
    await annotated({ 'tasks.add': { '@on_success': wrap } }).apply([1, 2]);

    assert.deepEqual(calls, ['before', 'own 3', 'after', 'before', 'after']);
  });

  it('are read again when the setting changes', () => {
    const app = new Celery('annotations');
    const { definition } = app.task('tasks.add', (x: number) => x);
    const before = definition.resolved.priority;

    app.conf.update({ task_annotations: { 'tasks.add': { priority: 5 } } });

    assert.deepEqual([before, definition.resolved.priority], [null, 5]);
  });

  it('fail for an attribute that no task has', () => {
    const { definition } = annotated({ 'tasks.add': { rate_limt: '1/s' } });

    assert.throws(
      () => definition.resolved,
      /task "tasks\.add": there is no attribute "rate_limt".*"rate_limit"/,
    );
  });

  it('fail for a wrapper that is no function', () => {
    const { definition } = annotated({ 'tasks.add': { '@on_success': 'log' } });

    assert.throws(
      () => definition.handlers,
      /@on_success must be a function that wraps another, got 'log'/,
    );
  });
});
