import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { inspect } from 'node:util';
import { AsyncResult, Celery } from '../../../../src/index.ts';
import { createTestApp } from '../../../../src/testing/index.ts';

describe('a task declared with options and without a name', () => {
  it('is named after its function', () => {
    const app = new Celery('proj');

    const bound = app.task({ bind: true }, function add(self, x: number) {
      return [self.name, x];
    });
    const plain = app.task({ maxRetries: 1 }, function sub(x: number) {
      return x - 1;
    });

    assert.deepEqual([bound.name, plain.name], ['proj.add', 'proj.sub']);
  });

  it('gets its context when it is bound', async () => {
    const app = new Celery('proj');
    const bound = app.task({ bind: true }, function add(self, x: number) {
      return `${self.name} ${x}`;
    });

    assert.equal(await bound(2), 'proj.add 2');
  });
});

const run = () => 1;
const REFUSED: readonly (readonly [string, readonly unknown[], RegExp])[] = [
  ['nothing', [], /app\.task needs a name, options or a function, got None/],
  ['a number', [5, run], /app\.task needs a name, options or a function, got 5/],
  ['a name alone', ['proj.t'], /app\.task needs options or the function/],
  ['options without a function', [{ bind: true }], /app\.task needs the function of the task, got/],
  ['a text as function', ['proj.t', {}, 'x'], /needs the function of the task "proj\.t", got 'x'/],
  [
    'something after it',
    ['proj.t', run, {}],
    /app\.task takes nothing after the function, got \{\}/,
  ],
  ['a class', ['proj.t', class Add {}], /was given the class Add:.*app\.registerTask\(Add\)/],
];

describe('what declares no task or app', () => {
  for (const [what, given, message] of REFUSED) {
    it(`is refused by name: ${what}`, () => {
      const declare = new Celery('proj').task as (...all: unknown[]) => unknown;

      assert.throws(() => declare.apply(new Celery('proj'), [...given]), {
        name: 'TypeError',
        message,
      });
    });
  }

  it('is refused as a class without run or name', () => {
    const app = new Celery('proj');
    class Nameless {
      run() {}
    }

    assert.throws(() => app.registerTask(Nameless as never), /class Nameless makes needs a name/);
    assert.throws(
      () => app.registerTask(class Empty {} as never),
      /a method run, got the class Empty/,
    );
    assert.throws(() => app.registerTask(5 as never), /a method run, got 5/);
  });

  it('is refused as an app, without showing a password', () => {
    const create = (...given: unknown[]) => Reflect.construct(Celery, given);

    assert.throws(() => create('x', 'redis://:secret@h'), {
      name: 'TypeError',
      message: /^new Celery takes options after the name, got a text: new Celery\("proj", \{/,
    });
    assert.throws(() => create({ broker: 'memory://' }), /needs the name of the app first, got \{/);
  });
});

describe('the methods of a task', () => {
  it('can be replaced in tests and put back', async t => {
    const app = new Celery('proj');
    const add = app.task('proj.add', (x: number, y: number) => x + y);
    const testApp = await createTestApp(app);
    t.after(() => testApp.stop());

    const delay = mock.method(add, 'delay', async () => undefined as never);
    await add.delay(1, 2);
    delay.mock.restore();
    await add.delay(3, 4);

    assert.deepEqual(delay.mock.calls[0]?.arguments, [1, 2]);
    assert.deepEqual(
      testApp.sent.map(({ args }) => args),
      [[3, 4]],
    );
  });
});

describe('as text', () => {
  it('an app and a task say what they are, and a result is its id', () => {
    const app = new Celery('proj');
    const add = app.task('proj.add', (x: number, y: number) => x + y);
    const result = app.AsyncResult('4711');

    assert.ok(result instanceof AsyncResult);
    assert.deepEqual(
      [String(app), String(add), String(result)],
      ['<Celery proj>', '<@task: proj.add>', '4711'],
    );
    assert.equal(
      inspect([app, add, result]),
      '[ <Celery proj>, <@task: proj.add>, <AsyncResult: 4711> ]',
    );
  });
});
