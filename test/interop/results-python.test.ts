/** Handles of groups that one side saved are had again by the other. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { Celery, resultFromTuple } from '../../src/index.ts';
import { encodeException } from '../../src/wire/results/exception.ts';
import { meta } from '../contract/backend.contract.ts';
import { python, pythonCelery } from '../support/python.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';

const skip = (await pythonCelery()) ? false : 'python3-celery is not installed';

const APP = `
from celery import Celery
from celery.result import AsyncResult, GroupResult, result_from_tuple
app = Celery('interop', backend=data['url'], set_as_current=True)
ids = data['ids']
`;

let redis: RedisServer;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

async function setup(t: TestContext) {
  const app = new Celery('interop', { broker: 'memory://', backend: redis.url });
  t.after(() => app.close());
  const ids = Array.from({ length: 5 }, () => randomUUID());
  const run = <T>(code: string) => python<T>(`${APP}${code}`, { url: redis.url, ids });
  return { app, ids, run, backend: await app[INTERNALS].backend() };
}

describe('groups of results shared with Python Celery', { skip }, () => {
  it('are restored by Python as we saved them, with their parent and groups in them', async t => {
    const { app, ids, run, backend } = await setup(t);
    const [first, a, b, inner, outer] = ids as [string, string, string, string, string];
    const group = app.GroupResult(
      outer,
      [app.AsyncResult(a), app.GroupResult(inner, [app.AsyncResult(b)])],
      { parent: app.AsyncResult(first) },
    );

    await group.save();
    await backend.store(meta(a, 'SUCCESS', 'A'));
    await backend.store(meta(b, 'SUCCESS', ['é']));

    const found = await run<unknown[]>(`
group = GroupResult.restore(ids[4], backend=app.backend)
out = [group.as_tuple(), group.parent.id, group.ready(), group.results[0].get(timeout=5),
       group.results[1].join(timeout=5), group == result_from_tuple(group.as_tuple(), app)]
`);

    assert.deepEqual(found, [group.asTuple(), first, true, 'A', [['é']], true]);
  });

  it('are restored by us as Python saved them', async t => {
    const { app, ids, run, backend } = await setup(t);
    const tuple = await run(`
inner = GroupResult(ids[3], [app.AsyncResult(ids[2])])
group = GroupResult(ids[4], [app.AsyncResult(ids[1]), inner], parent=app.AsyncResult(ids[0]))
group.save(backend=app.backend)
app.backend.store_result(ids[1], 1, 'SUCCESS')
app.backend.store_result(ids[2], 2, 'SUCCESS')
out = group.as_tuple()
`);

    const group = await app.GroupResult.restore(ids[4]!, { timeout: 5 });

    assert.ok(group);
    assert.deepEqual(group.asTuple(), tuple);
    assert.deepEqual(await group.get({ timeout: 5 }), [1, [2]]);
    await group.delete();
    assert.equal(await run(`out = GroupResult.restore(ids[4], backend=app.backend)`), null);
    assert.equal(await backend.fetchGroup(ids[4]!), undefined);
  });

  it('wake us when Python stores what they wait for, and fail with the error of a parent', async t => {
    const { app, ids, run, backend } = await setup(t);
    const parent = app.AsyncResult(ids[0]!);
    const values = app
      .GroupResult('g', [app.AsyncResult(ids[1]!)], { parent })
      .get({ timeout: 30 });
    const failing = app
      .GroupResult('g', [app.AsyncResult(ids[2]!)], { parent })
      .get({ timeout: 30 });
    failing.catch(() => {});

    await run(`app.backend.store_result(ids[1], 'from Python', 'SUCCESS')`);
    assert.deepEqual(await values, ['from Python']);
    await run(`app.backend.mark_as_failure(ids[0], KeyError('lost'))`);

    await assert.rejects(failing, { name: 'KeyError' });
    assert.equal(backend.subscriptions, 0);
  });

  it('are told apart from single results in what a task published or returned', async t => {
    const { app, ids, run, backend } = await setup(t);
    const [task, child, member] = ids as [string, string, string, ...string[]];
    const group = app.GroupResult('g', [app.AsyncResult(member)]);
    const children = [app.AsyncResult(child), group];
    await backend.store({ ...meta(task, 'SUCCESS', group), children });
    await backend.store(meta(child, 'FAILURE', encodeException(new TypeError('bad'))));
    await backend.store(meta(member, 'SUCCESS', 7));

    const [seen, returned] = await run<[unknown[], unknown]>(`
task = app.AsyncResult(ids[0])
out = [[type(child).__name__ + child.id for child in task.children],
       result_from_tuple(task.get(timeout=5), app).join(timeout=5)]
`);

    assert.deepEqual(seen, [`AsyncResult${child}`, 'GroupResultg']);
    assert.deepEqual(returned, [7]);
    const tuple = await app.AsyncResult(task).get({ timeout: 5 });
    assert.deepEqual(await resultFromTuple(tuple, app).get({ timeout: 5 }), [7]);
  });
});
