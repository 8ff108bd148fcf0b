/** What a worker tells in events, as a receiver hears it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type {
  Celery,
  CeleryConfig,
  EventReceiver,
  EventState,
  ReceivedEvent,
} from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  type BenchOptions,
  redisSurroundings,
  type Surroundings,
  sqliteSurroundings,
  type WorkerBench,
  withWorker,
} from '../support/worker.ts';

let redis: Surroundings;
let sqlite: Surroundings;

before(async () => {
  [redis, sqlite] = await Promise.all([redisSurroundings(), sqliteSurroundings()]);
});
after(async () => {
  await Promise.all([redis.stop(), sqlite.stop()]);
});

interface Heard {
  readonly events: ReceivedEvent[];
  readonly state: EventState;
  /** Types of the events about this task, in their order. */
  typesOf(id: string): string[];
  /** Resolves with the first event of this type that was heard since `clear`. */
  sees(type: string, uuid?: string): Promise<ReceivedEvent>;
}

/** Runs `body` while everything is heard that the worker tells. */
async function listening(
  surroundings: Surroundings,
  options: BenchOptions,
  body: (bench: WorkerBench, heard: Heard) => Promise<void>,
): Promise<void> {
  await withWorker(surroundings, options, async bench => {
    await using receiver = await hearing(bench.app);
    await body(bench, receiver.heard);
  });
}

async function hearing(app: Celery) {
  const events: ReceivedEvent[] = [];
  const state = app.events.State();
  const receiver: EventReceiver = app.events.Receiver({
    handlers: {
      '*': event => {
        events.push(event);
        state.event(event);
      },
    },
  });
  await receiver.start();
  const heard: Heard = {
    events,
    state,
    typesOf: id => events.filter(({ uuid }) => uuid === id).map(({ type }) => type),
    sees: (type, uuid) =>
      eventually(() => {
        const found = events.find(each => each.type === type && (!uuid || each.uuid === uuid));
        return found ?? false;
      }) as Promise<ReceivedEvent>,
  };
  return { heard, [Symbol.asyncDispose]: () => receiver.stop() };
}

const call = async (app: Celery, name: string, args: unknown[], options = {}) =>
  (await app.sendTask(name as never, args as never, options)).id as string;

const E: BenchOptions = { args: ['-E'] };

for (const broker of ['Redis', 'SQLite'] as const) {
  const surroundings = () => (broker === 'Redis' ? redis : sqlite);

  describe(`the events of a worker with -E on ${broker}`, () => {
    it('tell of a task from its arrival to its end', async () => {
      await listening(surroundings(), E, async ({ app }, { sees, typesOf, state }) => {
        const id = await call(app, 'w.add', [2, 3]);

        const succeeded = await sees('task-succeeded', id);

        assert.deepEqual(typesOf(id), ['task-received', 'task-started', 'task-succeeded']);
        assert.equal(succeeded.hostname, 'w1@test');
        assert.equal(succeeded.result, '5');
        assert.equal(typeof succeeded.runtime, 'number');
        const received = await sees('task-received', id);
        const { name, args, kwargs, root_id, retries, eta } = received;
        assert.deepEqual(
          { name, args, kwargs, root_id, retries, eta },
          { name: 'w.add', args: '[2, 3]', kwargs: '{}', root_id: id, retries: 0, eta: null },
        );
        const task = state.tasks.get(id)!;
        assert.deepEqual([task.state, task.worker, task.result], ['SUCCESS', 'w1@test', '5']);
      });
    });
  });
}

describe('the events of a worker with -E', () => {
  it('tell of failures, retries, rejections and unknown tasks', async () => {
    await listening(redis, E, async ({ app, file }, { sees, typesOf }) => {
      const failing = await call(app, 'w.fail', ['oh no']);
      const retrying = await call(app, 'w.retries', [1]);
      const rejecting = await call(app, 'w.rejected', [file()]);
      const unknown = await call(app, 'no.such', []);

      const failed = await sees('task-failed', failing);
      assert.equal(failed.exception, "TypeError('oh no')");
      assert.match(String(failed.traceback), /TypeError: oh no\n\s+at /);
      const retried = await sees('task-retried', retrying);
      assert.equal(retried.exception, "Error('not yet')");
      assert.match(String(retried.traceback), /not yet/);
      await sees('task-succeeded', retrying);
      // the next try may arrive before this one has told how it ended
      const run = ['task-received', 'task-started'];
      const types = [...run, ...run, 'task-retried', 'task-succeeded'];
      assert.deepEqual(typesOf(retrying).sort(), types.sort());
      assert.equal((await sees('task-rejected', rejecting)).requeue, false);
      const { exception } = await sees('task-failed', unknown);
      assert.equal(exception, "NotRegistered('no.such')");
    });
  });

  it('tell what was revoked, expired or killed', async () => {
    await listening(redis, E, async ({ app, file }, { sees }) => {
      const expiring = await call(app, 'w.add', [1, 2], { expires: -1 });
      const waiting = await call(app, 'w.add', [1, 2], { countdown: 60 });
      const running = await call(app, 'w.work', [file(), 'x', 60]);
      await sees('task-started', running);

      await app.control.revoke(waiting);
      await app.control.terminate(running);

      const facts = async (id: string) => {
        const { terminated, signum, expired } = await sees('task-revoked', id);
        return { terminated, signum, expired };
      };
      assert.deepEqual(await facts(expiring), { terminated: false, signum: null, expired: true });
      assert.deepEqual(await facts(waiting), { terminated: false, signum: null, expired: false });
      assert.deepEqual(await facts(running), { terminated: true, signum: 15, expired: false });
    });
  });

  it('come with what the task tells itself, and with what the client sends', async () => {
    const settings: CeleryConfig = { task_send_sent_event: true };
    await listening(redis, { ...E, settings }, async ({ app, queue }, { sees, state }) => {
      const id = await call(app, 'w.tells', [3]);

      const custom = await sees('task-step', id);
      assert.deepEqual([custom.step, custom.hostname], [3, 'w1@test']);
      const sent = await sees('task-sent', id);
      assert.deepEqual([sent.name, sent.queue, sent.routing_key], ['w.tells', queue, queue]);
      assert.match(sent.hostname, /^gen\d+@/);
      await sees('task-succeeded', id);
      const task = state.tasks.get(id)!;
      assert.deepEqual([task.state, task.client], ['SUCCESS', sent.hostname]);
    });
  });
});

describe('the events of a worker about itself', () => {
  it('tell that it comes, that it is there and that it goes', async () => {
    const args = ['--heartbeat-interval', '0.2'];
    await listening(redis, { args }, async ({ app, another, worker }, { events, sees, state }) => {
      const second = await another(args);
      const online = await sees('worker-online');
      await eventually(() => events.filter(({ type }) => type === 'worker-heartbeat').length > 4);
      await call(app, 'w.add', [1, 2]);
      await eventually(() => events.some(({ processed }) => processed === 1));
      assert.equal(state.aliveWorkers().length, 2);

      worker.kill('SIGTERM');
      second.kill('SIGTERM');
      await eventually(() => events.filter(({ type }) => type === 'worker-offline').length === 2);

      assert.deepEqual([online.hostname, online.freq], ['w2@test', 0.2]);
      assert.deepEqual([online.sw_ident, online.sw_sys], ['tscelery', 'Linux']);
      assert.equal(state.aliveWorkers().length, 0);
      assert.ok(!events.some(({ type }) => type.startsWith('task-')));
    });
  });

  it('are asked for by a receiver that starts', async () => {
    await listening(redis, { args: ['--without-heartbeat'] }, async (_, { sees, events }) => {
      const { freq, hostname } = await sees('worker-heartbeat');

      assert.deepEqual([freq, hostname], [5, 'w1@test']);
      assert.equal(events.length, 1);
    });
  });
});

describe('events that are switched on and off from afar', () => {
  it('begin and end with the command', async () => {
    await listening(redis, {}, async ({ app, worker }, { sees, typesOf }) => {
      const reply = async (answers: Promise<{ value: unknown }[]>) => (await answers)[0]?.value;
      const { control } = app;
      assert.deepEqual(await reply(control.enableEvents({ reply: true })), {
        ok: 'task events enabled',
      });
      assert.deepEqual(await reply(control.enableEvents({ reply: true })), {
        ok: 'task events already enabled',
      });
      const heard = await call(app, 'w.add', [1, 2]);
      assert.equal((await sees('task-succeeded', heard)).result, '3');

      assert.deepEqual(await reply(control.disableEvents({ reply: true })), {
        ok: 'task events disabled',
      });
      assert.deepEqual(await reply(control.disableEvents({ reply: true })), {
        ok: 'task events already disabled',
      });
      const silent = await app.sendTask('w.add' as never, [1, 2] as never);
      await silent.get({ timeout: 10 });
      assert.equal(await reply(control.heartbeat({ reply: true })), null);
      assert.deepEqual(typesOf(silent.id), []);
      await worker.sees(/Events of group \{task\} disabled by remote\./);
    });
  });
});
