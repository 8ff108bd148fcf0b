import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Signal } from '../../../../src/app/signals/signals.ts';
import { Celery, Ignore, type SignalName } from '../../../../src/index.ts';
import { startTestWorker } from '../../../../src/testing/index.ts';

function setup() {
  const failures: unknown[][] = [];
  const signal = new Signal<string>('greeted', (...failure) => void failures.push(failure));
  const heard: string[] = [];
  const hear = (word: string) => void heard.push(word);
  return { signal, failures, heard, hear };
}

describe('a signal', () => {
  it('calls its receivers one after the other, in the order in which they connected', async () => {
    const { signal, heard } = setup();
    signal.connect(async word => {
      await new Promise(resolve => setTimeout(resolve, 5));
      heard.push(`first ${word}`);
    });
    signal.connect(word => void heard.push(`second ${word}`));

    await signal.send('somebody', 'hello');

    assert.deepEqual(heard, ['first hello', 'second hello']);
  });

  it('is heard by receivers of that sender and of all senders', async () => {
    const { signal, heard } = setup();
    signal.connect(word => void heard.push(`add ${word}`), { sender: 'tasks.add' });
    signal.connect(word => void heard.push(`all ${word}`));
    const mul = { name: 'tasks.mul' };
    signal.connect(word => void heard.push(`mul ${word}`), { sender: mul });

    await signal.send('tasks.add', 'one');
    await signal.send('tasks.mul', 'two');
    await signal.send(undefined, 'three');

    assert.deepEqual(heard, ['add one', 'all one', 'all two', 'mul two', 'all three']);
    assert.equal(signal.hasListeners('tasks.other'), true);
  });

  it('takes the name of a task as its sender', async () => {
    const { signal, heard, hear } = setup();
    const add = new Celery('signals').task('signals.add', (x: number) => x);
    signal.connect(hear, { sender: add });

    await signal.send('signals.add', 'sum');

    assert.deepEqual(heard, ['sum']);
  });

  it('calls a receiver that connects twice once', async () => {
    const { signal, heard, hear } = setup();
    signal.connect(hear);
    signal.connect(hear);

    await signal.send('somebody', 'hello');

    assert.deepEqual(heard, ['hello']);
  });

  it('calls a receiver once for each sender it connects for', async () => {
    const { signal, heard, hear } = setup();
    signal.connect(hear);
    signal.connect(hear, { sender: 'a' });

    await signal.send('a', 'hello');

    assert.deepEqual(heard, ['hello', 'hello']);
  });

  it('keeps the first of several receivers with one dispatchUid', async () => {
    const { signal, heard } = setup();
    signal.connect(() => void heard.push('first'), { dispatchUid: 'greeter' });
    const undo = signal.connect(() => void heard.push('second'), { dispatchUid: 'greeter' });

    undo(); // of the one that never was connected
    await signal.send('somebody', 'hello');

    assert.deepEqual(heard, ['first']);
  });

  it('is not heard any more after disconnecting', async () => {
    const { signal, heard, hear } = setup();
    const undo = signal.connect(() => void heard.push('by function'));
    signal.connect(hear);
    signal.connect(() => void heard.push('by id'), { dispatchUid: 'id' });
    signal.connect(hear, { sender: 'a' });

    undo();
    signal.disconnect(hear);
    signal.disconnect(undefined, { dispatchUid: 'id' });
    await signal.send('a', 'for a');

    assert.deepEqual(heard, ['for a']);
    signal.disconnect(hear, { sender: 'a' });
    assert.equal(signal.hasListeners(), false);
    assert.equal(signal.send('a', 'nobody'), undefined);
  });

  it('goes on after a receiver that throws, and tells of it', async () => {
    const { signal, failures, heard, hear } = setup();
    const [thrown, rejected] = [new Error('thrown'), new Error('rejected')];
    signal.connect(() => {
      throw thrown;
    });
    signal.connect(() => Promise.reject(rejected));
    signal.connect(hear);

    await signal.send('somebody', 'hello');

    assert.deepEqual(heard, ['hello']);
    assert.deepEqual(failures, [
      ['greeted', thrown],
      ['greeted', rejected],
    ]);
  });

  it('may be sent strictly: the first error ends it', async () => {
    const { signal, heard, hear } = setup();
    signal.connect(() => Promise.reject(new Error('no')));
    signal.connect(hear);

    await assert.rejects(signal.sendStrict('somebody', 'hello'), /^Error: no$/);

    assert.deepEqual(heard, []);
  });

  it('calls those who were connected when it was sent', async () => {
    const { signal, heard, hear } = setup();
    signal.connect(() => {
      signal.disconnect(hear);
      signal.connect(() => void heard.push('too late'));
    });
    signal.connect(hear);

    await signal.send('somebody', 'hello');

    assert.deepEqual(heard, ['hello']);
  });
});

/** An app with a worker, and the names of the signals that were sent, with the sender's task. */
async function setupWorker(t: TestContext, names: readonly SignalName[]) {
  const app = new Celery('signals');
  const heard: string[] = [];
  for (const name of names) {
    app.signals[name].connect(event => {
      heard.push(`${name} ${(event as { task?: string }).task ?? ''}`.trim());
    });
  }
  const worker = await startTestWorker(app);
  t.after(() => worker.stop());
  return { app, worker, heard };
}

const OF_A_TASK = [
  ...(['beforeTaskPublish', 'afterTaskPublish', 'taskReceived', 'taskPrerun'] as const),
  ...(['taskSuccess', 'taskRetry', 'taskFailure', 'taskRevoked', 'taskPostrun'] as const),
  ...(['taskInternalError', 'taskUnknown', 'taskRejected'] as const),
];

describe('the signals of a task', () => {
  it('follow its way to success', async t => {
    const { app, worker, heard } = await setupWorker(t, OF_A_TASK);

    await app.task('good', (x: number) => x).delay(1);
    await worker.drain();

    assert.deepEqual(
      heard,
      [
        ...['beforeTaskPublish', 'afterTaskPublish', 'taskReceived'],
        ...['taskPrerun', 'taskSuccess', 'taskPostrun'],
      ].map(name => `${name} good`),
    );
  });

  it('follow its way through a retry to failure', async t => {
    const { app, worker, heard } = await setupWorker(t, [
      ...(['taskRetry', 'taskFailure', 'taskPostrun'] as const),
    ]);
    const bad = app.task('bad', { bind: true, maxRetries: 1 }, self => {
      throw self.retry({ countdown: 0, exc: new Error('bad') });
    });

    await bad.delay();
    await worker.drain();

    assert.deepEqual(heard, [
      'taskRetry bad',
      'taskPostrun bad',
      'taskFailure bad',
      'taskPostrun bad',
    ]);
  });

  it('say that it was revoked because it expired', async t => {
    const { app, worker } = await setupWorker(t, []);
    const revoked: unknown[] = [];
    app.signals.taskRevoked.connect(event => void revoked.push({ ...event, request: undefined }));
    const late = app.task('late', () => 1);

    const { id } = await late.applyAsync([], { expires: new Date(Date.now() - 1000) });
    await worker.drain();

    assert.equal(revoked.length, 1);
    const { task, expired, terminated, signum } = revoked[0] as Record<string, unknown>;
    assert.deepEqual([task, expired, terminated, signum], ['late', true, false, null]);
    assert.equal((revoked[0] as { id: string }).id, id);
  });

  it('say that nobody knows it', async t => {
    const { app, worker } = await setupWorker(t, []);
    const unknown: string[] = [];
    app.signals.taskUnknown.connect(({ task, id }) => void unknown.push(`${task} ${id}`));

    const { id } = await app.sendTask('nobody.knows');
    await worker.drain();

    assert.deepEqual(unknown, [`nobody.knows ${id}`]);
  });

  it('carry arguments, request, result and error', async t => {
    const { app, worker } = await setupWorker(t, []);
    const events: Record<string, unknown>[] = [];
    app.signals.taskSuccess.connect(event => void events.push({ ...event }));
    app.signals.taskFailure.connect(event => void events.push({ ...event }));
    app.signals.taskPostrun.connect(event => void events.push({ ...event }));
    const error = new RangeError('negative');
    const root = app.task('root', (x: number) => {
      if (x < 0) throw error;
      return Math.sqrt(x);
    });

    const good = await root.applyAsync([9]);
    await worker.drain();
    await root.applyAsync(undefined, { kwargs: { x: -1 } });
    await worker.drain();

    const [success, after, failure, afterFailure] = events;
    assert.deepEqual([success?.id, success?.args, success?.result], [good.id, [9], 3]);
    assert.deepEqual([after?.state, after?.retval], ['SUCCESS', 3]);
    assert.deepEqual([failure?.kwargs, failure?.exception], [{ x: -1 }, error]);
    assert.match(String(failure?.traceback), /RangeError: negative/);
    assert.deepEqual([afterFailure?.state, afterFailure?.retval], ['FAILURE', error]);
  });

  it('reach only the receivers for that task', async t => {
    const { app, worker } = await setupWorker(t, []);
    const heard: string[] = [];
    const [one, two] = ['one', 'two'].map(name => app.task(name, () => name));
    for (const name of OF_A_TASK.filter(each => !/Unknown|Rejected|Internal|Revoked/.test(each))) {
      app.signals[name].connect(() => void heard.push(name), { sender: 'one' });
    }

    await two!.delay();
    await worker.drain();
    const before = heard.length;
    await one!.delay();
    await worker.drain();

    assert.equal(before, 0);
    assert.deepEqual(heard.slice(0, 2), ['beforeTaskPublish', 'afterTaskPublish']);
    assert.ok(heard.includes('taskSuccess') && heard.includes('taskReceived'));
  });

  it('whose receivers throw do not disturb the task', async t => {
    const { app, worker } = await setupWorker(t, []);
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on('warning', onWarning);
    t.after(() => process.off('warning', onWarning));
    for (const name of ['beforeTaskPublish', 'taskPrerun', 'taskSuccess', 'taskPostrun'] as const) {
      app.signals[name].connect(() => {
        throw new Error(`receiver of ${name}`);
      });
    }

    const result = await app.task('good', () => 'fine').delay();
    await worker.drain();

    assert.equal(await result.get({ timeout: 1 }), 'fine');
    assert.equal(warnings.length, 4);
    assert.match(
      warnings[1]!.message,
      /A receiver of taskPrerun failed: Error: receiver of taskPrerun/,
    );
  });

  it('are not sent for a function call', async t => {
    const { app, heard } = await setupWorker(t, OF_A_TASK);

    await app.task('good', () => 1)();

    assert.deepEqual(heard, []);
  });

  it('are sent for a call that runs here', async t => {
    const { app, heard } = await setupWorker(t, OF_A_TASK);

    await app.task('good', () => 1).apply([]);
    await app
      .task('away', () => {
        throw new Ignore();
      })
      .apply([]);

    assert.deepEqual(heard, [
      ...['taskPrerun good', 'taskSuccess good', 'taskPostrun good'],
      ...['taskPrerun away', 'taskPostrun away'],
    ]);
  });
});

describe('the signal before publishing', () => {
  it('may change headers and properties of the message', async t => {
    const { app, worker } = await setupWorker(t, []);
    app.signals.beforeTaskPublish.connect(({ headers, properties }) => {
      headers.tenant = 'acme';
      properties.app_id = 'shop';
    });
    const task = app.task('who', { bind: true }, self => self.request.headers);

    const result = await task.delay();
    await worker.drain();

    assert.deepEqual(await result.get({ timeout: 1 }), { tenant: 'acme' });
    assert.equal(worker.sent[0]?.properties.app_id, 'shop');
  });

  it('says where the message goes', async t => {
    const { app } = await setupWorker(t, []);
    const places: unknown[] = [];
    app.signals.afterTaskPublish.connect(({ task, exchange, routingKey, queue }) => {
      places.push({ task, exchange, routingKey, queue });
    });

    await app.sendTask('anything', [], { queue: 'slow' });

    assert.deepEqual(places, [
      { task: 'anything', exchange: '', routingKey: 'slow', queue: 'slow' },
    ]);
  });
});

describe('the signals of an app', () => {
  it('are sent when it is configured and when its modules are imported', async () => {
    const app = new Celery('signals');
    const heard: string[] = [];
    for (const name of [
      'onConfigure',
      'onAfterConfigure',
      'importModules',
      'onAfterFinalize',
    ] as const) {
      app.signals[name].connect(() => void heard.push(name));
    }

    await app.configFromObject({ task_default_queue: 'q' });
    await app.importModules();

    assert.deepEqual(heard, [
      'onConfigure',
      'onAfterConfigure',
      'importModules',
      'onAfterFinalize',
    ]);
  });

  it('fail the import when a receiver of importModules throws', async () => {
    const app = new Celery('signals');
    app.signals.importModules.connect(() => {
      throw new Error('half a project');
    });

    await assert.rejects(app.importModules(), /half a project/);
  });
});
