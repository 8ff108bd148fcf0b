import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Celery, type SchemaIssue, type StandardSchema } from '../../../../src/index.ts';
import { startTestWorker } from '../../../../src/testing/index.ts';

/** The smallest of schemas: a function that gives issues or the list of arguments. */
function schema(
  check: (args: unknown[]) => { issues: SchemaIssue[] } | { value: unknown },
  isAsync = false,
): StandardSchema {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: value => {
        const result = check(value as unknown[]);
        return isAsync ? Promise.resolve(result) : result;
      },
    },
  };
}

/** A date as text becomes a Date, an amount that is no number an issue. */
function payment(isAsync: boolean): StandardSchema {
  return schema(([amount, when]) => {
    const issues: SchemaIssue[] = [];
    if (typeof amount !== 'number') issues.push({ message: 'not a number', path: [0] });
    const date = new Date(String(when));
    if (Number.isNaN(date.getTime())) {
      issues.push({ message: 'not a date', path: [{ key: 1 }, 'date'] });
    }
    return issues.length > 0 ? { issues } : { value: [amount, date] };
  }, isAsync);
}

function setup(t: TestContext, isAsync: boolean) {
  const app = new Celery('schema');
  const pay = app.task(
    'schema.pay',
    { schema: payment(isAsync) },
    (amount: number, when: Date | string) =>
      `${amount} ${when instanceof Date ? 'on' : 'text'} ${new Date(when).getUTCFullYear()}`,
  );
  const open = async () => {
    const worker = await startTestWorker(app);
    t.after(() => worker.stop());
    return worker;
  };
  return { app, pay, open };
}

for (const isAsync of [false, true]) {
  describe(`a schema that answers ${isAsync ? 'later' : 'at once'}`, () => {
    it('refuses a call before anything is sent, with every issue', async t => {
      const { pay, open } = setup(t, isAsync);
      const worker = await open();

      await assert.rejects(pay.delay('much' as unknown as number, 'soon'), {
        name: 'TypeError',
        message:
          'schema.pay() got arguments that do not fit: argument 0: not a number; argument 1.date: not a date',
      });

      assert.deepEqual(worker.sent, []);
    });

    it('converts arguments where the task runs, and sends them as they were', async t => {
      const { pay, open } = setup(t, isAsync);
      const worker = await open();

      const result = await pay.delay(5, '2026-03-01');

      assert.equal(await result.get({ timeout: 5 }), '5 on 2026');
      assert.deepEqual(worker.sent[0]?.args, [5, '2026-03-01']);
    });

    it('sees keyword arguments as positional ones', async t => {
      const { pay, open } = setup(t, isAsync);
      await open();

      const result = await pay.applyAsync([5], { kwargs: { when: '2026-03-01' } });

      assert.equal(await result.get({ timeout: 5 }), '5 on 2026');
      await assert.rejects(pay.applyAsync([5], { kwargs: { when: 'x' } }), /not a date/);
    });

    it('fails a task whose caller did not check', async t => {
      const { app, open } = setup(t, isAsync);
      const worker = await open();
      const foreign = new Celery('foreign', {
        broker: app.conf.broker_url!,
        backend: app.conf.result_backend!,
      });
      t.after(() => foreign.close());

      const { id } = await foreign.sendTask('schema.pay', ['much', 'soon']);

      await assert.rejects(app.AsyncResult(id).get({ timeout: 5 }), {
        name: 'TypeError',
        message: /argument 0: not a number/,
      });
      await worker.drain();
    });

    it('checks a function call and an eager one', async t => {
      const { pay } = setup(t, isAsync);

      assert.equal(await pay(5, '2026-03-01'), '5 on 2026');
      await assert.rejects(pay(5, 'soon'), /not a date/);
      const failed = await pay.apply([5, 'soon']);
      assert.equal(await failed.state(), 'FAILURE');
    });
  });
}

describe('a schema', () => {
  it('is not asked at the call when the task does without checks', async t => {
    const app = new Celery('schema');
    const task = app.task(
      't',
      { typing: false, schema: schema(() => ({ issues: [{ message: 'never' }] })) },
      (x: number) => x,
    );
    const worker = await startTestWorker(app);
    t.after(() => worker.stop());

    const result = await task.delay(1);

    await assert.rejects(result.get({ timeout: 5 }), {
      message: 't() got arguments that do not fit: never',
    });
  });

  it('has to describe a list', async () => {
    const app = new Celery('schema');
    const task = app.task('t', { schema: schema(() => ({ value: { x: 1 } })) }, (x: number) => x);

    await assert.rejects(task.delay(1), /The schema of t must describe the list of arguments/);
  });
});
