import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import vm from 'node:vm';
import { Celery, type TaskContext } from '../../../src/index.ts';

const app = new Celery('values', { broker: 'memory://', backend: 'cache+memory://' });

/** How one run of `code` ends, as the caller of `apply` sees it. */
async function run(code: (self: TaskContext) => unknown, options: object = {}) {
  const task = app.task(`values.${Math.random()}`, { bind: true, ...options }, code);
  const result = await task.apply([]);
  const info = await result.info();
  return { state: await result.state(), info, traceback: (await result.traceback()) ?? '' };
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable(new Error('gone'), {});
  revoke();
  return proxy;
};
const throwing = (property: string) =>
  Object.defineProperty(new Error('x'), property, { get: () => assert.fail('not for you') });

describe('an error of the task', () => {
  for (const code of ['REJECT', 'IGNORE', 'RETRY']) {
    it(`with the code ${code} of its own is a failure like any other`, async () => {
      const { state, info } = await run(() => {
        throw Object.assign(new Error('payment was rejected'), { code });
      });

      assert.equal(state, 'FAILURE');
      assert.equal((info as Error).message, 'payment was rejected');
    });
  }

  it('of another realm keeps its class, its message and its stack', async () => {
    const { info, traceback } = await run(() => vm.runInNewContext('null.x'));

    assert.equal((info as Error).name, 'TypeError');
    assert.match((info as Error).message, /^Cannot read properties of null/);
    assert.match(traceback, /^TypeError: Cannot read[\s\S]*evalmachine/m);
  });

  it('of another realm is one that autoretryFor names, by its class or as any Error', async () => {
    let runs = 0;
    const broken = () => {
      runs += 1;
      return vm.runInNewContext('null.x');
    };

    await run(broken, { autoretryFor: [Error], maxRetries: 1, retryJitter: false });
    await run(broken, { autoretryFor: [TypeError], maxRetries: 1, retryJitter: false });

    assert.equal(runs, 4);
  });

  it('says in its traceback what caused it', async () => {
    const { traceback } = await run(() => {
      throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    });

    assert.match(
      traceback,
      /^TypeError: fetch failed\n[\s\S]*\[cause\]: Error: connect ECONNREFUSED/,
    );
  });

  const odd: [string, () => unknown][] = [
    ['a revoked proxy', revoked],
    ['an error whose message throws', () => throwing('message')],
    ['an error whose name throws', () => throwing('name')],
    ['an error whose stack throws', () => throwing('stack')],
    ['an object without prototype', () => Object.create(null)],
    ['undefined', () => undefined],
    ['a symbol', () => Symbol('x')],
  ];
  for (const [what, make] of odd) {
    it(`may be ${what}`, async () => {
      const { state, info } = await run(() => {
        throw make();
      });

      assert.equal(state, 'FAILURE');
      assert.equal(info instanceof Error, true);
    });
  }
});

describe('beforeStart', () => {
  it('is awaited when it gives a thenable that starts its work in then', async () => {
    let ran = false;
    const lazy = {
      // biome-ignore lint/suspicious/noThenProperty: that is what query builders have
      then(done: () => void) {
        ran = true;
        done();
      },
    };

    const { info } = await run(() => ran, { handlers: { beforeStart: () => lazy } });

    assert.equal(info, true);
  });

  it('that rejects with a promise of another realm fails the task', async () => {
    const beforeStart = () => vm.runInNewContext('Promise.reject(new Error("refused"))');

    const { state, info } = await run(() => 1, { handlers: { beforeStart } });

    assert.equal(state, 'FAILURE');
    assert.equal((info as Error).message, 'refused');
  });
});
