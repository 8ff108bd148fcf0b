/** Events between the two: Celery's monitor sees our workers, our receiver sees Celery's. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Celery, type EventState, type ReceivedEvent } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { python, pythonCelery, startCelery } from '../support/python.ts';
import { rabbitmqSurroundings } from '../support/shared-rabbitmq.ts';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

const skip = (await pythonCelery()) ? false : 'Python Celery is not installed';

/** A receiver of the app's with everything it has heard. */
async function hearing(app: Celery) {
  const events: ReceivedEvent[] = [];
  const state: EventState = app.events.State();
  const receiver = app.events.Receiver({
    handlers: {
      '*': event => {
        events.push(event);
        state.event(event);
      },
    },
  });
  await receiver.start();
  return { events, state, receiver };
}

for (const [broker, surround] of [
  ['Redis', redisSurroundings],
  ['RabbitMQ', rabbitmqSurroundings],
] as const) {
  describe(`events on ${broker}`, { skip }, () => {
    let surroundings: Surroundings;

    before(async () => {
      surroundings = await surround();
    });
    after(() => surroundings?.stop());

    it("of our worker are shown by Celery's own monitor", async () => {
      await withWorker(surroundings, { args: ['-E'] }, async ({ app, queue }) => {
        const settings = { ...surroundings.settings, task_default_queue: queue };
        const monitor = startCelery(settings, 'events', '--dump');
        try {
          const sees = (pattern: RegExp) =>
            eventually(() => assert.match(monitor.text, pattern), { seconds: 30 });
          await sees(/^w1@test \[.*\] heartbeat: .*sw_ident=tscelery/m);
          const good = await app.sendTask('w.add' as never, [2, 3] as never);
          const bad = await app.sendTask('w.fail' as never, ['oh no'] as never);

          const call = `w\\.add\\(${good.id}\\) args=\\[2, 3\\] kwargs=\\{\\}`;
          await sees(new RegExp(`task received: ${call}`));
          await sees(new RegExp(`task started: ${call}`));
          await sees(new RegExp(`task succeeded: ${call} .*result=5, runtime=`));
          await sees(new RegExp(`task failed: w\\.fail\\(${bad.id}\\).*TypeError\\('oh no'\\)`));
        } finally {
          await monitor.stop();
        }
      });
    });

    it('of a Python worker make our state', async () => {
      const settings = { ...surroundings.settings, task_default_queue: `q-${randomUUID()}` };
      const app = new Celery('client', settings);
      const words = ['worker', '-c', '2', '-l', 'INFO', '-E', '-n', 'py@test'];
      const worker = startCelery(settings, ...words, '--without-mingle');
      try {
        await eventually(() => assert.match(worker.text, / ready\./), { seconds: 40 });
        const { events, state, receiver } = await hearing(app);
        await using _ = receiver;
        const good = await app.sendTask('py.add', [1, 2]);
        const bad = await app.sendTask('py.fail', ['gone']);
        await good.get({ timeout: 20 });
        await eventually(() => state.tasks.get(bad.id)?.state === 'FAILURE', { seconds: 20 });
        await eventually(() => state.tasks.get(good.id)?.state === 'SUCCESS');

        const { name, args, worker: node, result, runtime } = state.tasks.get(good.id)!;
        assert.deepEqual([name, args, node, result], ['py.add', '[1, 2]', 'py@test', '3']);
        assert.ok(runtime! >= 0);
        const failed = state.tasks.get(bad.id)!;
        assert.equal(failed.exception, "KeyError('gone')");
        assert.match(failed.traceback!, /python_app\.py/);
        const [python_] = state.aliveWorkers();
        assert.deepEqual([python_?.hostname, python_?.swIdent], ['py@test', 'py-celery']);
        assert.ok(events.every(({ local_received }) => local_received > 0));

        await app.control.shutdown();
        await eventually(() => assert.equal(state.aliveWorkers().length, 0), { seconds: 20 });
      } finally {
        await app.close();
        await worker.stop();
      }
    });

    it("of our worker make Python's state", async () => {
      await withWorker(surroundings, { args: ['-E'] }, async ({ app }) => {
        const seen = python<Record<string, unknown>>(
          `
from celery import Celery
app = Celery(broker=data["broker_url"])
state = app.events.State()
done = {}
def on_event(event):
    state.event(event)
    # of one that began before anybody listened there is no name
    tasks = [task for task in state.tasks.values() if task.state == "SUCCESS" and task.name]
    worker = state.workers.get(event["hostname"])
    # a heartbeat that was not asked for has all that there is to tell
    if tasks and worker and worker.freq == 2:
        task = tasks[0]
        done.update(name=task.name, state=task.state, result=task.result, args=task.args,
                    worker=task.worker.hostname, alive=worker.alive, ident=worker.sw_ident,
                    freq=worker.freq)
        recv.should_stop = True
with app.connection_for_read() as connection:
    recv = app.events.Receiver(connection, handlers={"*": on_event})
    recv.capture(limit=None, timeout=30, wakeup=True)
out = done
`,
          { broker_url: surroundings.settings.broker_url },
        );
        let isSeen = false;
        const ended = seen.finally(() => {
          isSeen = true;
        });
        // it cannot say when it listens
        await eventually(
          async () => {
            await app.sendTask('w.add' as never, [2, 3] as never);
            return isSeen;
          },
          { seconds: 40, everyMs: 300 },
        );

        assert.deepEqual(await ended, {
          ...{ name: 'w.add', state: 'SUCCESS', result: '5', args: '[2, 3]' },
          ...{ worker: 'w1@test', alive: true, ident: 'tscelery', freq: 2 },
        });
      });
    });
  });
}
