/** What each method of the client asks a fleet, and what it makes of the replies. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { byNode } from '../../../src/control/inspect.ts';
import { Celery, type CeleryConfig, type QueueInfo } from '../../../src/index.ts';
import { eventually } from '../../support/eventually.ts';

const NODE = 'w@client';
const ASK = { reply: true, limit: 1, timeout: 5 };

/** An app with one worker in this process. */
async function setup(t: TestContext, settings: CeleryConfig = {}) {
  const queue = randomUUID();
  const app = new Celery('c', { broker_url: 'memory://', task_default_queue: queue, ...settings });
  app.task('c.add', (x: number, y: number) => x + y);
  const worker = app.worker({ pool: 'async', hostname: NODE, loglevel: 'critical' });
  await worker.start();
  t.after(async () => {
    await worker.stop({ timeout: 0 });
    await app.close();
  });
  return { app, queue, control: app.control };
}

/** An app without a worker, whose messages stay where they are. */
function alone(t: TestContext) {
  const queue = randomUUID();
  const app = new Celery('c', { broker_url: 'memory://', task_default_queue: queue });
  t.after(() => app.close());
  const add = app.task('c.add', (x: number, y: number) => x + y);
  return { app, queue, add };
}

describe('a client of a worker', () => {
  it('turns its events on and off', async t => {
    const { control } = await setup(t);

    const [on] = await control.enableEvents(ASK);
    assert.deepEqual([on?.node, on?.value], [NODE, { ok: 'task events enabled' }]);
    const [again] = await control.enableEvents(ASK);
    assert.deepEqual(again?.value, { ok: 'task events already enabled' });
    const [off] = await control.disableEvents(ASK);
    assert.deepEqual(off?.value, { ok: 'task events disabled' });
  });

  it('hears why its pool cannot change', async t => {
    const { control } = await setup(t);

    const replies = [
      ...(await control.poolGrow(1, ASK)),
      ...(await control.poolShrink(1, ASK)),
      ...(await control.poolRestart(ASK)),
      ...(await control.autoscale({ max: 3 }, ASK)),
    ];

    assert.equal(replies.length, 4);
    for (const { value } of replies) assert.ok((value as { error?: string }).error, `${value}`);
  });

  it('has it consume another queue, and that one no more', async t => {
    const { control } = await setup(t);
    const queue = randomUUID();
    const names = async () => {
      const { [NODE]: found } = await control.inspect({ limit: 1 }).activeQueues();
      return (found as QueueInfo[]).map(({ name }) => name);
    };

    await control.addConsumer(queue, {}, ASK);
    assert.ok((await names()).includes(queue));
    await control.cancelConsumer(queue, ASK);

    await eventually(async () => !(await names()).includes(queue));
  });

  it('sees its clock go on', async t => {
    const { control } = await setup(t);
    const clock = async () => {
      const { [NODE]: found } = await control.inspect({ limit: 1 }).clock();
      return (found as { clock: number }).clock;
    };
    const before = await clock();
    assert.ok(before < (await clock()));
  });

  it('asks for a time limit with none for what is left out', async t => {
    const { control } = await setup(t);
    const ask = async (task: string, limits: { soft?: number; hard?: number }) => {
      const [reply] = await control.timeLimit(task, limits, ASK);
      return Object.keys(reply!.value as object);
    };

    assert.deepEqual(await ask('c.add', { soft: 1, hard: 2 }), ['ok']);
    assert.deepEqual(await ask('c.add', {}), ['ok']);
    assert.deepEqual(await ask('c.sub', { hard: 2 }), ['error']);
  });

  it('sends and waits for nobody when it wants no reply', async t => {
    const { control } = await setup(t);
    assert.deepEqual(await control.heartbeat(), []);
    assert.deepEqual(await control.enableEvents(), []);
  });
});

describe('a client that is told something wrong', () => {
  const wrong: readonly (readonly [string, (app: Celery) => Promise<unknown>])[] = [
    ['a number of places', ({ control }) => control.poolGrow(-1)],
    ['a number of places that is none', ({ control }) => control.poolShrink('2' as never)],
    ['a bound', ({ control }) => control.autoscale({ max: 'all' as never })],
    ['a time limit', ({ control }) => control.timeLimit('c.add', { soft: -1 })],
    ['a name of a queue', ({ control }) => control.cancelConsumer(5 as never)],
    ['an id', ({ control }) => control.revoke({} as never)],
    ['a signal', ({ control }) => control.terminate('id', { signal: 'SIGFOO' as never })],
    ['an option', ({ control }) => control.enableEvents({ replies: true } as never)],
    ['a timeout', ({ control }) => control.ping({ timeout: '5' as never })],
    ['a queue to count', ({ control }) => control.queueLength('')],
    ['queues to purge', ({ control }) => control.purge(['celery'] as never)],
    ['one queue to purge', ({ control }) => control.purge('celery' as never)],
    ['a name among those to purge', ({ control }) => control.purge({ queues: [''] })],
    ['an option of a purge', ({ control }) => control.purge({ queue: 'x' } as never)],
  ];
  for (const [what, call] of wrong) {
    it(`as ${what} says so before anything is sent`, async t => {
      const app = new Celery('c', { broker_url: 'memory://' });
      t.after(() => app.close());
      await assert.rejects(call(app), (error: unknown) => {
        assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
        assert.ok(error.message.length > 10);
        return true;
      });
    });
  }

  it('about queues to purge is shown how to name them', async t => {
    const { app } = alone(t);
    for (const given of ['a', ['a']]) {
      await assert.rejects(app.control.purge(given as never), /purge\(\{ queues: \['a'\] \}\)$/);
    }
  });
});

describe('messages that wait', () => {
  it('are counted and deleted, in the queues of the app or in those that are named', async t => {
    const { app, queue, add } = alone(t);
    const other = randomUUID();
    for (let n = 0; n < 3; n++) await add.delay(n, n);
    await add.applyAsync([1, 1], { queue: other });

    assert.deepEqual(
      [await app.control.queueLength(queue), await app.control.queueLength(other)],
      [3, 1],
    );
    assert.equal(await app.control.purge({ queues: [queue, queue] }), 3);
    assert.equal(await app.control.queueLength(other), 1);
    assert.equal(await app.control.purge({ queues: [other, queue] }), 1);
    assert.equal(await app.control.purge(), 0);
  });

  it('are none where there is no queue', async t => {
    const { app } = alone(t);
    assert.equal(await app.control.queueLength(randomUUID()), 0);
  });

  it('are not counted for a caller who has given up', async t => {
    const { app, queue } = alone(t);
    const signal = AbortSignal.abort(new Error('enough'));
    await assert.rejects(app.control.queueLength(queue, { signal }), /enough/);
  });
});

describe('replies by node', () => {
  const reply = (node: string, value: unknown) => ({ node, value });

  it('are the last of each, and a name that several nodes have is told', () => {
    const warnings: string[] = [];
    const replies = [reply('a', 1), reply('b', 2), reply('a', 3)];

    const found = byNode(replies as never, text => warnings.push(text));

    assert.deepEqual(found, { a: 3, b: 2 });
    assert.deepEqual(warnings, [
      'Received multiple replies from node name: a. Give each node a name of its own (worker -n).',
    ]);
  });

  it('may be of nodes with odd names', () => {
    const found = byNode([reply('__proto__', 1), reply('constructor', 2)] as never);
    assert.deepEqual(Object.entries(found), [
      ['__proto__', 1],
      ['constructor', 2],
    ]);
  });
});
