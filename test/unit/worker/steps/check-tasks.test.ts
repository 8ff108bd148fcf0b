import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskOptions } from '../../../../src/app/options/task-options.ts';
import { Celery, Request } from '../../../../src/index.ts';
import { checkTasks, warnWithoutTasks } from '../../../../src/worker/steps/check-tasks.ts';
import { notedLog } from '../made-requests.ts';

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

describe('a worker without tasks', () => {
  /** What a worker says that knows these tasks. */
  function said(...names: string[]): string[] {
    const app = new Celery('proj');
    for (const name of names) app.task(name, () => {});
    const { logger, lines } = notedLog();
    warnWithoutTasks(app, logger);
    return lines;
  }

  test('is warned that it discards every message', () => {
    assert.match(
      said().join(),
      /^warning: The app has no tasks, so that every message is discarded\./,
    );
  });

  test('is one that knows no tasks but those that every app has', () => {
    assert.equal(said('celery.ping').length, 1);
    assert.deepEqual(said('celery.ping', 't.add'), []);
  });
});
