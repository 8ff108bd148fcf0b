import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { Celery, type WorkerOptions } from '../../../../src/index.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import { agesOf, onTheWire } from '../../../../src/worker/revoking/neighbours.ts';
import { RevokedTasks } from '../../../../src/worker/revoking/revoked-tasks.ts';

describe('revoked tasks told to another node', () => {
  it('keep their age on the same machine', () => {
    const clock = new FakeClock(0);
    const revoked = new RevokedTasks(clock);
    revoked.add('a');
    clock.advance(0.5);

    const told = onTheWire(revoked);
    assert.equal(told.a![1], 'a');
    assert.ok(Math.abs(agesOf(told).a! - 0.5) < 0.2);
  });

  it('count as revoked now when the moment is another machine’s', () => {
    const upForDays = 500_000;
    assert.deepEqual(
      agesOf({ a: 1e12, b: [1e12, 'b'], c: -5, d: 'x', e: 60, f: 499_990 }, upForDays),
      { a: 0, b: 0, c: 0, d: 0, e: 0, f: 10 },
    );
  });

  it('are none in what is no map', () => {
    for (const told of [undefined, null, 'x', [1], 7]) assert.deepEqual(agesOf(told), {});
  });
});

describe('a worker that starts', () => {
  function setup(t: TestContext) {
    const app = new Celery('c', { broker_url: 'memory://', task_default_queue: randomUUID() });
    t.after(() => app.close());
    const lines: string[] = [];
    const start = async (hostname: string, options: WorkerOptions = {}) => {
      const log = (_level: string, message: string) => void lines.push(`${hostname} ${message}`);
      const worker = app.worker({ pool: 'async', hostname, log, loglevel: 'info', ...options });
      t.after(() => worker.stop());
      await worker.start();
    };
    const knownTo = async (node: string) =>
      (await app.control.inspect({ destination: [node], timeout: 5 }).revoked())[node];
    return { app, start, lines, knownTo };
  }

  it('learns from its neighbours what is revoked', async t => {
    const { app, start, lines, knownTo } = setup(t);
    await start('w1@here');
    await app.control.revoke(['a', 'b'], { reply: true, timeout: 5 });
    await start('w2@here');

    assert.deepEqual(await knownTo('w2@here'), ['a', 'b']);
    for (const line of [
      'w1@here mingle: searching for neighbors',
      'w1@here mingle: all alone',
      'w1@here sync with w2@here',
      'w2@here mingle: sync with 1 nodes',
      'w2@here mingle: sync complete',
    ]) {
      assert.ok(lines.includes(line), line);
    }
  });

  it('asks nobody when it is told not to', async t => {
    const { app, start, lines, knownTo } = setup(t);
    await start('w1@here');
    await app.control.revoke('a', { reply: true, timeout: 5 });
    await start('w2@here', { withoutMingle: true });

    assert.deepEqual(await knownTo('w2@here'), []);
    assert.ok(!lines.includes('w2@here mingle: searching for neighbors'));
  });

  it('is not told anything by itself', async t => {
    const { app, start } = setup(t);
    await start('w1@here');

    const [reply] = await app.control.call('hello', { from_node: 'w1@here', revoked: {} });
    assert.deepEqual(reply, { node: 'w1@here', value: null });
  });

  it('hears from others as Python tells it', async t => {
    const { app, start, knownTo } = setup(t);
    await start('w1@here');

    const [reply] = await app.control.call('hello', {
      from_node: 'other@there',
      revoked: { abc: 1 },
    });
    const { revoked, clock } = reply!.value as { revoked: Record<string, unknown>; clock: number };
    assert.deepEqual(Object.keys(revoked), ['abc']);
    assert.ok(clock > 0);
    assert.deepEqual(await knownTo('w1@here'), ['abc']);
  });
});
