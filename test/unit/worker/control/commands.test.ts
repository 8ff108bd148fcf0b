/** Remote control of a worker in this process, from the table of commands to the replies. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { CONTROL_COMMANDS } from '../../../../src/control/commands.ts';
import { Celery, type CeleryConfig, type TaskInfo } from '../../../../src/index.ts';
import { HANDLERS } from '../../../../src/worker/control/run-command.ts';
import { eventually } from '../../../support/eventually.ts';

const NODE = 'w@control';

/** A worker with two places, whose tasks `hold` run until they are let go. */
async function setup(t: TestContext, settings: CeleryConfig = {}) {
  const app = new Celery('c', {
    ...{ broker_url: 'memory://', result_backend: 'cache+memory://' },
    ...{ task_default_queue: randomUUID(), worker_prefetch_multiplier: 4, ...settings },
  });
  let letGo = () => {};
  const held = new Promise<void>(resolve => {
    letGo = resolve;
  });
  const hold = app.task('c.hold', async (..._args: unknown[]) => held);
  const add = app.task('c.add', { rateLimit: '100/m' }, (x: number, y: number) => x + y);
  const lines: string[] = [];
  const log = (level: string, message: string) => void lines.push(`${level}: ${message}`);
  const worker = app.worker({
    pool: 'async',
    concurrency: 2,
    hostname: NODE,
    log,
    loglevel: 'info',
  });
  await worker.start();
  t.after(async () => {
    letGo();
    await worker.stop({ timeout: 0 });
    await app.close();
  });
  /** The reply of the worker. */
  const ask = async (command: string, args: Record<string, unknown> = {}) => {
    const [reply] = await app.control.call(command, args, { limit: 1, timeout: 5 });
    return reply?.value;
  };
  const running = (count: number) =>
    eventually(async () => ((await ask('active')) as TaskInfo[]).length === count);
  return { app, hold, add, ask, lines, running, letGo };
}

describe('the table of control commands', () => {
  it('has a handler for each row, and a row for each handler', () => {
    assert.deepEqual(Object.keys(HANDLERS).sort(), CONTROL_COMMANDS.map(({ name }) => name).sort());
  });

  it('has no name or alias twice', () => {
    const names = CONTROL_COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    assert.deepEqual(names, [...new Set(names)]);
  });
});

describe('a command', () => {
  it('that does not exist is an error, as in Python', async t => {
    const { ask, lines } = await setup(t);

    for (const name of ['pong', 'toString']) {
      assert.deepEqual(await ask(name), { error: `KeyError('${name}')` });
      assert.ok(lines.includes(`error: No such control command: ${name}`));
    }
  });

  it('has its replies shown one by one; what shows them may fail, for its caller', async t => {
    const { app, ask } = await setup(t);
    const shown: unknown[] = [];

    const replies = await app.control.ping({ limit: 1, onReply: reply => shown.push(reply) });

    assert.deepEqual(shown, [{ node: NODE, value: { ok: 'pong' } }]);
    assert.deepEqual(replies, shown);
    const onReply = () => {
      throw new RangeError('cannot show it');
    };
    await assert.rejects(app.control.inspect({ onReply }).ping(), {
      name: 'RangeError',
      message: 'cannot show it',
    });
    assert.deepEqual(await ask('ping'), { ok: 'pong' });
  });

  it('is heard under its older name', async t => {
    const { ask } = await setup(t);

    assert.deepEqual(await ask('dump_active'), []);
  });

  it('with an argument that it does not take is an error, as in Python', async t => {
    const { ask, lines } = await setup(t);

    const error = 'TypeError("active_queues() got an unexpected keyword argument \'zzz\'.")';
    assert.deepEqual(await ask('active_queues', { zzz: 1 }), { error });
    assert.ok(lines.includes(`error: pidbox command error: ${error}`));
    assert.deepEqual(await ask('ping', { zzz: 1 }), { ok: 'pong' });
  });

  it('without an argument that it needs is an error', async t => {
    const { ask } = await setup(t);

    assert.deepEqual(await ask('cancel_consumer'), {
      error: 'TypeError("cancel_consumer() missing the argument \'queue\'")',
    });
  });
});

describe('inspect', () => {
  it('shows what runs, with its arguments', async t => {
    const { app, hold, running } = await setup(t);
    const before = Date.now() / 1000;
    const { id } = await hold.delay(1, { deep: ['x'] });
    await running(1);

    const { [NODE]: active } = await app.control.inspect({ limit: 1 }).active();
    const [task] = active as TaskInfo[];

    assert.ok(task!.time_start! >= before - 1 && task!.time_start! <= Date.now() / 1000);
    assert.deepEqual(
      { ...task, time_start: 0, delivery_info: 0 },
      {
        ...{ id, name: 'c.hold', type: 'c.hold', hostname: NODE },
        ...{ args: [1, { deep: ['x'] }], kwargs: {}, time_start: 0 },
        ...{ acknowledged: true, delivery_info: 0, worker_pid: process.pid },
      },
    );
    const { [NODE]: safe } = await app.control.inspect({ limit: 1 }).active({ safe: true });
    assert.equal((safe as TaskInfo[])[0]!.args, "(1, {'deep': ['x']})");
  });

  it('shows a task under its other name, and its own as its type', async t => {
    const { hold, ask, running } = await setup(t);
    await hold.applyAsync([], { shadow: 'the one' });
    await running(1);

    const [{ name, type }] = (await ask('active')) as [TaskInfo];
    assert.deepEqual([name, type], ['the one', 'c.hold']);
  });

  it('tells what waits for a place from what waits for its time', async t => {
    const { app, hold, running } = await setup(t);
    for (let i = 0; i < 3; i++) await hold.delay(i);
    const late = await hold.applyAsync(['late'], { countdown: 1000 });
    const first = await hold.applyAsync(['first'], { countdown: 500 });
    await running(2);
    const inspect = app.control.inspect({ limit: 1 });

    await eventually(async () => {
      const { [NODE]: reserved } = await inspect.reserved();
      assert.deepEqual(
        (reserved as TaskInfo[]).map(({ args }) => args),
        [[2]],
      );
      const { [NODE]: scheduled } = await inspect.scheduled();
      const rows = scheduled as { eta: string; priority: number; request: TaskInfo }[];
      assert.deepEqual(
        rows.map(({ request }) => request.id),
        [first.id, late.id],
      );
      assert.equal(rows[0]!.priority, 6);
      assert.ok(Math.abs(Date.parse(rows[0]!.eta) - Date.now() - 500_000) < 60_000);
    });
  });

  it('finds tasks by their ids', async t => {
    const { app, hold, running } = await setup(t);
    const active = await hold.delay(1);
    await hold.delay(2);
    const waiting = await hold.delay(3);
    const later = await hold.applyAsync([4], { countdown: 1000 });
    await running(2);

    await eventually(async () => {
      const ids = [active.id, waiting.id, later.id, 'nobody'];
      const { [NODE]: found } = await app.control.inspect({ limit: 1 }).queryTask(...ids);
      const places = Object.entries(found as object).map(([id, [place]]) => [id, place]);
      assert.deepEqual(places, [
        [active.id, 'active'],
        [waiting.id, 'reserved'],
        [later.id, 'ready'],
      ]);
    });
  });

  it('lists the tasks that a worker knows, with attributes', async t => {
    const { app } = await setup(t);
    const inspect = app.control.inspect({ limit: 1 });

    assert.deepEqual(await inspect.registered(), {
      [NODE]: ['c.add [rate_limit=100/m]', 'c.hold'],
    });
    assert.deepEqual(await inspect.registered('max_retries', 'serializer', 'no_such'), {
      [NODE]: ['c.add [max_retries=3 serializer=json]', 'c.hold [max_retries=3 serializer=json]'],
    });
  });

  it('shows settings without secrets', async t => {
    const { app } = await setup(t, { security_key_password: 'hidden' });
    const inspect = app.control.inspect({ limit: 1 });

    const { [NODE]: given } = (await inspect.conf()) as Record<string, Record<string, unknown>>;
    assert.equal(given!.worker_concurrency, 2);
    assert.equal(given!.security_key_password, '********');
    assert.equal('task_serializer' in given!, false);
    const { [NODE]: all } = (await inspect.conf({ withDefaults: true })) as typeof given & object;
    assert.equal((all as Record<string, unknown>).task_serializer, 'json');
  });

  it('counts what ran, and shows pool, broker and process', async t => {
    const { app, add } = await setup(t);
    await (await add.delay(1, 2)).get({ timeout: 10 });

    const { [NODE]: stats } = await app.control.inspect({ limit: 1 }).stats();
    assert.ok(stats && !('error' in stats));
    assert.deepEqual(stats.total, { 'c.add': 1 });
    assert.equal(stats.pid, process.pid);
    assert.match(stats.clock, /^\d+$/);
    assert.equal(stats.pool['max-concurrency'], 2);
    assert.equal(stats.broker.transport, 'memory');
    assert.equal(stats.prefetch_count, 8);
    assert.ok((stats.rusage as { utime: number }).utime > 0);
  });

  it('samples memory', async t => {
    const { app } = await setup(t);
    const inspect = app.control.inspect({ limit: 1 });

    const { [NODE]: sample } = await inspect.memsample();
    assert.match(sample as string, /^\d+\.\d{3}MB$/);
    const { [NODE]: dump } = await inspect.memdump(1);
    assert.match(dump as string, /^- rss \(sample\):\n- {4}> \S+MB,\n- rss \(end\): \S+MB\.\n$/);
  });

  it('tells what a bug report needs', async t => {
    const { app } = await setup(t);

    const { [NODE]: report } = await app.control.inspect({ limit: 1 }).report();
    assert.match((report as { ok: string }).ok, /software -> tscelery:/);
  });
});

describe('control', () => {
  it('limits the rate of a task, and lets it go again', async t => {
    const { app, add, ask, lines } = await setup(t);
    const options = { reply: true, limit: 1 };

    const set = await app.control.rateLimit('c.add', '1/h', options);
    assert.deepEqual(set, [{ node: NODE, value: { ok: 'new rate limit set successfully' } }]);
    assert.ok(lines.includes('info: New rate limit for tasks of type c.add: 1/h.'));
    await (await add.delay(1, 1)).get({ timeout: 10 });
    const second = await add.delay(2, 2);
    await eventually(async () => {
      const { [NODE]: reserved } = await app.control.inspect({ limit: 1 }).reserved();
      assert.equal((reserved as TaskInfo[]).length, 1);
    });
    assert.deepEqual(await ask('registered'), ['c.add [rate_limit=1/h]', 'c.hold']);

    await app.control.rateLimit('c.add', ' 1/m ', options);
    assert.deepEqual(await ask('registered'), ['c.add [rate_limit=1/m]', 'c.hold']);

    const off = await app.control.rateLimit('c.add', 0, options);
    assert.deepEqual(off[0]!.value, { ok: 'rate limit disabled successfully' });
    assert.deepEqual(await ask('registered'), ['c.add', 'c.hold']);
    assert.equal(await second.get({ timeout: 10 }), 4);
  });

  it('refuses a rate that is none, and a task that nobody knows', async t => {
    const { app, ask } = await setup(t);

    const reply = await ask('rate_limit', { task_name: 'c.add', rate_limit: 'bogus' });
    assert.deepEqual(reply, { error: 'Invalid rate limit string: "bogus"' });
    const negative = await ask('rate_limit', { task_name: 'c.add', rate_limit: '-1/s' });
    assert.deepEqual(negative, { error: 'Invalid rate limit string: "-1/s"' });
    const [unknown] = await app.control.rateLimit('c.sub', '1/s', { reply: true, limit: 1 });
    assert.deepEqual(unknown!.value, { error: 'unknown task' });
  });

  it('revokes tasks by their stamps, in both forms', async t => {
    const { app, ask, hold, running } = await setup(t);
    for (let i = 0; i < 2; i++) await hold.delay(i);
    await running(2);
    const stamped = (batch: unknown) =>
      hold.applyAsync([], { headers: { stamped_headers: ['batch'], stamps: { batch } } });
    const [first, second] = [await stamped('b1'), await stamped(['b2', 'b3'])];
    await eventually(async () => {
      const { [NODE]: reserved } = await app.control.inspect({ limit: 1 }).reserved();
      assert.equal((reserved as TaskInfo[]).length, 2);
    });

    assert.deepEqual(await ask('revoke_by_stamped_headers', { headers: { batch: 'b1' } }), {
      ok: "headers {'batch': 'b1'} flagged as revoked, but not terminated",
    });
    assert.deepEqual(await ask('revoke_by_stamped_headers', { headers: ['batch=b3'] }), {
      ok: "headers {'batch': 'b3'} flagged as revoked, but not terminated",
    });
    assert.equal(await first.state(), 'REVOKED');
    assert.equal(await second.state(), 'REVOKED');
    const none = { headers: { batch: 'b9' }, terminate: true };
    assert.deepEqual(await ask('revoke_by_stamped_headers', none), {
      ok: "headers {'batch': 'b9'} were not terminated",
    });
    const later = await stamped('b1');
    await eventually(async () => assert.equal(await later.state(), 'REVOKED'));
    for (const headers of [['b1'], ['batch=b1', '=b2'], []]) {
      const wrong = (await ask('revoke_by_stamped_headers', { headers })) as { error: string };
      assert.match(wrong.error, /needs headers, as/);
    }
  });

  it('revokes by all values that a header is given', async t => {
    const { ask, hold } = await setup(t);
    const words = { headers: ['customer=7', 'customer=8', 'batch=b1'] };

    assert.deepEqual(await ask('revoke_by_stamped_headers', words), {
      ok: "headers {'customer': ['7', '8'], 'batch': 'b1'} flagged as revoked, but not terminated",
    });
    for (const customer of ['7', '8']) {
      const headers = { stamped_headers: ['customer'], stamps: { customer } };
      const result = await hold.applyAsync([], { headers });
      await eventually(async () => assert.equal(await result.state(), 'REVOKED'));
    }
  });

  it('gives the tasks of a name another time limit', async t => {
    const { app, hold, ask } = await setup(t);

    const [reply] = await app.control.timeLimit(
      'c.hold',
      { soft: 0.05 },
      { reply: true, limit: 1 },
    );
    assert.deepEqual(reply!.value, { ok: 'time limits set successfully' });
    const result = await hold.delay();
    await eventually(async () => {
      assert.deepEqual(await ask('registered', { taskinfoitems: ['soft_time_limit'] }), [
        'c.add',
        'c.hold [soft_time_limit=0.05]',
      ]);
    });
    await result.forget();
    // as Python sends a limit that is not given
    assert.deepEqual(await ask('time_limit', { task_name: 'c.hold', soft: null, hard: 9 }), {
      ok: 'time limits set successfully',
    });
    assert.deepEqual(await ask('time_limit', { task_name: 'nope', soft: 1 }), {
      error: 'unknown task',
    });
  });

  it('takes queues in and lets go of them', async t => {
    const { app, add, ask } = await setup(t);
    const options = { reply: true, limit: 1 };

    const [added] = await app.control.addConsumer('more', {}, options);
    assert.deepEqual(added!.value, { ok: 'add consumer more' });
    assert.equal(await (await add.applyAsync([1, 2], { queue: 'more' })).get({ timeout: 10 }), 3);
    const queues = (await ask('active_queues')) as { name: string; exchange: { name: string } }[];
    assert.deepEqual(
      queues.map(({ name }) => name),
      [app.conf.task_default_queue, 'more'],
    );
    assert.equal(queues[1]!.exchange.name, 'more');

    const [cancelled] = await app.control.cancelConsumer('more', options);
    assert.deepEqual(cancelled!.value, { ok: 'no longer consuming from more' });
    await add.applyAsync([1, 2], { queue: 'more' });
    assert.equal(((await ask('active_queues')) as unknown[]).length, 1);
    assert.equal(await app.control.queueLength('more'), 1);
  });

  it('refuses options of the call where the declaration of a queue stands', async t => {
    const { app } = await setup(t);

    await assert.rejects(
      app.control.addConsumer('more', { reply: true }),
      /addConsumer: reply is an option of the call, which stands after the declaration of the queue/,
    );
  });

  it('names the key of a queue that does not exist', async t => {
    const { ask } = await setup(t);

    const reply = (await ask('add_consumer', { queue: 'odd', routing_kye: 'x' })) as {
      error: string;
    };
    assert.match(reply.error, /ImproperlyConfigured\(.*unknown key.*routing_kye.*routing_key/);
  });

  it('says so where a pool cannot grow', async t => {
    const { app } = await setup(t);

    const [reply] = await app.control.poolGrow(2, { reply: true, limit: 1 });
    assert.match((reply!.value as { error: string }).error, /The async pool has no children/);
  });

  it('replaces the children of a pool only where a setting allows it', async t => {
    const { ask, lines } = await setup(t);

    assert.deepEqual(await ask('pool_restart'), {
      error: "ValueError('Pool restarts not enabled')",
    });
    assert.ok(!lines.some(line => line.includes('restart requested')));
  });

  it('says in the log that the children of a pool are to be replaced', async t => {
    const { ask, lines } = await setup(t, { worker_pool_restarts: true });
    await ask('pool_restart');
    assert.ok(lines.includes('info: Pool restart requested by remote.'));
  });

  it('does not let one command start thousands of processes', async t => {
    const { ask } = await setup(t);

    assert.deepEqual(await ask('pool_grow', { n: 1e9 }), {
      error: "RangeError('n must be at most 1000, got 1000000000')",
    });
  });

  it('stops the worker from afar, and nobody answers', async t => {
    const { app, ask, lines } = await setup(t);

    assert.deepEqual(await app.control.call('shutdown', {}, { timeout: 0.2 }), []);
    assert.ok(lines.includes('warning: Got shutdown from remote'));
    await eventually(async () => (await ask('ping')) === undefined);
  });
});

describe('a command of the app’s own', () => {
  it('gets its arguments and what it may see of the worker', async t => {
    const { app, ask, hold, running } = await setup(t);
    app.inspectCommand(
      'busy',
      { args: { least: Number }, help: 'Busy?' },
      (state, { least = 1 }) => ({
        ok: state.active().length >= least,
      }),
    );
    app.controlCommand('hold_more', { args: { n: Number } }, (state, { n = 1 }) => {
      state.increasePrefetchCount(n);
      return { ok: state.prefetchCount };
    });
    await hold.delay();
    await running(1);

    assert.deepEqual(await ask('busy', { least: 1 }), { ok: true });
    assert.deepEqual(await ask('busy', { least: 2 }), { ok: false });
    assert.deepEqual(await ask('hold_more', { n: 3 }), { ok: 11 });
    assert.match(((await ask('busy', { most: 2 })) as { error: string }).error, /unexpected.*most/);
  });

  it('does not take the place of Celery’s', t => {
    const app = new Celery('c');
    t.after(() => app.close());

    assert.throws(() => app.controlCommand('dump_active', {}, () => 1), /Celery's/);
    assert.throws(
      () => app.controlCommand('x', { argz: {} } as object, () => 1),
      /There is no option "argz".*Did you mean "?args/s,
    );
  });
});
