import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Celery, Reject } from '../../../../src/index.ts';
import { createTestApp } from '../../../../src/testing/index.ts';

const REFUSED_CALLS: readonly (readonly [object, RegExp])[] = [
  [{ cuontdown: 3 }, /no option "cuontdown" of a call\. Did you mean "countdown"\?/],
  [{ task_id: 'x' }, /no option "task_id" of a call\. Did you mean "taskId"\?/],
  [{ kwargs: [1] }, /kwargs must be an object, got \[1\]/],
  [{ countdown: '5' }, /countdown must be a number of seconds, got '5'/],
  [{ queue: '' }, /queue must be a queue or its name, got ''/],
  [{ headers: 'x' }, /headers must be an object, got 'x'/],
  [{ timeLimit: '1' }, /timeLimit must be a number of seconds, got '1'/],
  [{ timeLimit: -1 }, /timeLimit must be a number of seconds, got -1/],
  [{ ignoreResult: 'yes' }, /ignoreResult must be true or false, got 'yes'/],
  [{ retryPolicy: { maxRetries: '3' } }, /retryPolicy must be an object with the numbers/],
  [{ link: {} }, /link must be a call .* or a list of calls, got \{\}/],
  [{ linkError: [{ task: 'proj.a' }, 'proj.b'] }, /linkError must be a call/],
  [{ serializer: 5 }, /serializer must be a text that is not empty, got 5/],
];

describe('options of a call', () => {
  it('that are misspelt or of the wrong kind are refused before anything is sent', async t => {
    const app = new Celery('proj');
    const add = app.task('proj.add', (x: number, y: number) => x + y);
    const testApp = await createTestApp(app);
    t.after(() => testApp.stop());

    for (const [options, message] of REFUSED_CALLS) {
      const refused = { name: 'TypeError', message };
      await assert.rejects(add.applyAsync([1, 2], options), refused);
      await assert.rejects(app.sendTask('proj.elsewhere', [], options), refused);
      await assert.rejects(add.apply([1, 2], options as never), refused);
    }
    await assert.rejects(add.applyAsync([1, 2], 'urgent' as never), /must be an object/);

    assert.deepEqual(testApp.sent, []);
  });

  it('that are null or undefined count as not given', async t => {
    const app = new Celery('proj');
    const add = app.task('proj.add', (x: number, y: number) => x + y);
    const testApp = await createTestApp(app);
    t.after(() => testApp.stop());

    await add.applyAsync([1, 2], { timeLimit: null, queue: undefined } as never);

    assert.equal(testApp.sent[0]?.queue, 'celery');
  });
});

describe('options of a task', () => {
  it('that are misspelt or of the wrong kind are refused where it is declared', () => {
    const app = new Celery('proj');
    const declare = (options: object) => () => app.task('proj.t', options, () => 1);

    assert.throws(declare({ acks_late: true }), /no option "acks_late".*"acksLate"\?/);
    assert.throws(declare({ timeLimit: '60' }), /timeLimit must be a number of seconds, got '60'/);
    assert.throws(declare({ bind: 1 }), /bind must be true or false, got 1/);
    assert.throws(declare({ throws: Error }), /throws must be a list/);
    assert.throws(
      declare({ retry: { maxRetries: 3 } }),
      /no option "maxRetries" of a task's retry.*Tries after the first are "max"/,
    );
    assert.throws(declare({ retry: { max: -1 } }), /max must be a whole number, got -1/);
    assert.equal(app.tasks.size, 0);
  });
});

describe('Reject', () => {
  it('takes only true or false for requeue', () => {
    assert.equal(new Reject('no').requeue, false);
    assert.equal(new Reject('later', true).requeue, true);
    assert.throws(() => new Reject('no', { requeue: false } as never), {
      name: 'TypeError',
      message: /must be true or false, got \{'requeue': False\}/,
    });
  });
});
