/** An app whose tasks' documents the test stores itself, as workers would. */
import type { TestContext } from 'node:test';
import { INTERNALS } from '../../../../src/app/app-internals.ts';
import { Celery, type ResultMeta } from '../../../../src/index.ts';
import { encodeException } from '../../../../src/wire/results/exception.ts';

let made = 0;

export async function storedResults(t: TestContext) {
  made += 1;
  const app = new Celery('sets', { broker: 'memory://', backend: `cache+memory://sets-${made}` });
  t.after(() => app.close());
  const backend = await app[INTERNALS].backend();
  const store = (id: string, status: string, result: unknown, more: Partial<ResultMeta> = {}) => {
    const nothing = { traceback: null, children: [], date_done: null };
    return backend.store({ task_id: id, status, result, ...nothing, ...more });
  };
  return {
    app,
    backend,
    /** A group of `a`, `b`, …, whose parent is given. */
    group: (ids: string, parent?: ReturnType<typeof app.AsyncResult>) =>
      app.GroupResult(
        'the-group',
        [...ids].map(id => app.AsyncResult<unknown>(id)),
        parent && { parent },
      ),
    succeed: (id: string, value: unknown, more?: Partial<ResultMeta>) =>
      store(id, 'SUCCESS', value, more),
    fail: (id: string, message: string) =>
      store(id, 'FAILURE', encodeException(new RangeError(message))),
    store,
  };
}

/** Resolves when `promise` is settled or has had its chance in this turn: whether it is settled. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const turn = new Promise(resolve => setImmediate(() => resolve(pending)));
  return (await Promise.race([promise.catch(() => {}), turn])) !== pending;
}
