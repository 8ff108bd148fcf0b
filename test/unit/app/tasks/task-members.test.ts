import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { deriveApp } from '../../../../src/app/derive-app.ts';
import { Celery, ClassTask, Request, TaskBase } from '../../../../src/index.ts';

class MyRequest extends Request {}

class Urgent extends TaskBase {
  readonly queue: string = 'hipri';
  readonly acksLate = true;
  readonly maxRetries = null;
  readonly Request = MyRequest;
  readonly client = new Map();
  readonly #prefix = 'urgent';
  shadowName(args: readonly unknown[]): string {
    return `${this.#prefix} ${String(args[0])}`;
  }
}

describe('an option that is a member of a base class', () => {
  it('counts for all tasks of the app (taskBase)', () => {
    const { options, resolved } = new Celery('proj', { taskBase: Urgent }).task(
      't',
      () => 1,
    ).definition;

    assert.equal(options.queue, 'hipri');
    assert.equal(options.maxRetries, null);
    assert.equal(resolved.acksLate, true);
  });

  it('counts for one task (base), its Request and its methods too', () => {
    const { options, resolved } = new Celery('proj').task(
      't',
      { base: Urgent },
      () => 1,
    ).definition;

    assert.equal(resolved.Request, MyRequest);
    assert.equal(options.shadowName?.([7], {}), 'urgent 7');
  });

  it('gives way to the declaration of the task, and is there under other settings', () => {
    const app = new Celery('proj', { taskBase: Urgent });
    app.task('t', { queue: 'own', acksLate: undefined as never }, () => 1);
    const { options } = deriveApp(app, {}).tasks.get('t')!.definition;

    assert.equal(options.queue, 'own');
    assert.equal(options.acksLate, true);
  });

  it('that is inherited counts, and gives way to a nearer one', () => {
    class Lazy extends Urgent {
      override readonly queue = 'lopri';
    }
    const { options } = new Celery('proj').task('t', { base: Lazy }, () => 1).definition;

    assert.equal(options.queue, 'lopri');
    assert.equal(options.acksLate, true);
  });

  it('decides where a call goes', async () => {
    const app = new Celery('proj', { broker: 'memory://', taskBase: Urgent });
    const task = app.task('t', () => 1);
    let queue: string | undefined;
    app.signals.beforeTaskPublish.connect(sent => {
      queue = sent.routingKey;
    });
    await task.delay();
    await app.close();

    assert.equal(queue, 'hipri');
  });

  it('with a wrong value is an error that names the class', () => {
    class Odd extends TaskBase {
      queue = 5;
    }
    assert.throws(() => new Celery('proj').task('t', { base: Odd as never }, () => 1), {
      name: 'TypeError',
      message: 'class Odd: The option queue must be a text that is not empty, got 5.',
    });
  });

  it('cannot be bind, which each task declares', () => {
    class Bound extends TaskBase {
      bind = true;
    }
    assert.throws(() => new Celery('proj').task('t', { base: Bound }, () => 1), /declaration/);
  });
});

it('a task written as a class has options among its members; `options` wins', () => {
  class Convert extends ClassTask<[], number> {
    readonly name = 'convert';
    readonly queue = 'money';
    readonly ignoreResult = true;
    override readonly options = { ignoreResult: false };
    run() {
      return 1;
    }
  }
  const { options } = new Celery('proj').registerTask(Convert).definition;

  assert.equal(options.queue, 'money');
  assert.equal(options.ignoreResult, false);
});

describe('a member of a base class that nothing would read', () => {
  it('is an error in the spelling of Celery', () => {
    class Audited extends TaskBase {
      on_failure() {}
    }
    class Late extends TaskBase {
      acks_late = true;
    }
    const declare = (base: typeof Audited | typeof Late) => () =>
      new Celery('proj').task('t', { base }, () => 1);

    assert.throws(declare(Audited), {
      name: 'TypeError',
      message: 'class Audited: on_failure is written onFailure here.',
    });
    assert.throws(declare(Late), /acks_late is written acksLate here/);
    const handlers = { on_failure() {} } as object;
    assert.throws(() => new Celery('proj').task('t', { handlers }, () => 1), /on_failure/);
  });

  it('is told with the name that was probably meant', async () => {
    class Audited extends TaskBase {
      onFailur() {}
    }
    const warned = once(process, 'warning');
    new Celery('proj').task('t', { base: Audited }, () => 1);
    const [{ message }] = (await warned) as [Error];

    assert.equal(
      message,
      'class Audited: nothing reads its member onFailur. Did you mean "onFailure"?',
    );
  });
});
