import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskOptions } from '../../../../src/app/options/task-options.ts';
import { Celery, Request } from '../../../../src/index.ts';
import { checkTasks } from '../../../../src/worker/steps/check-tasks.ts';

function check(options: Omit<TaskOptions, 'bind'>) {
  const app = new Celery('proj');
  app.task('t.fine', () => {});
  app.task('t.checked', options, () => {});
  checkTasks(app);
}

describe('the tasks of a worker that starts', () => {
  test('may have a Request class and a rate limit of their own', () => {
    check({ Request: class Own extends Request {}, rateLimit: '10/m' });
  });

  test('may not have a Request class that is none', () => {
    assert.throws(() => check({ Request: class Wrong {} }), {
      name: 'ImproperlyConfigured',
      message:
        'Task t.checked: the option Request must be a class that extends Request, not Wrong.',
    });
  });
});
