/** Workers of both kinds in one fleet: they see each other come and go, and elect one of them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Celery } from '../../src/index.ts';
import type { RunningCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import {
  PYTHON_FIXTURES,
  python,
  pythonCelery,
  type RunningCelery,
  startCelery,
} from '../support/python.ts';
import { rabbitmqSurroundings } from '../support/shared-rabbitmq.ts';
import { redisSurroundings, type Surroundings, startWorker } from '../support/worker.ts';

const skip = (await pythonCelery()) ? false : 'Python Celery is not installed';
const SECONDS = 30;

for (const [broker, surround] of [
  ['Redis', redisSurroundings],
  ['RabbitMQ', rabbitmqSurroundings],
] as const) {
  describe(`a fleet of two Python workers and two of ours on ${broker}`, { skip }, () => {
    let surroundings: Surroundings;
    let settings: Record<string, unknown>;
    let ours: RunningCli[];
    let theirs: RunningCelery[];
    const logs = () => [
      ...theirs.map(({ text }) => text),
      ...ours.map(({ stdout, stderr }) => stdout + stderr),
    ];
    const nodes = ['p1@fleet', 'p2@fleet', 'o1@fleet', 'o2@fleet'];

    before(async () => {
      surroundings = await surround();
      settings = { ...surroundings.settings, task_default_queue: randomUUID() };
      const words = (node: string) => ['worker', '-c', '1', '-l', 'DEBUG', '-n', node];
      theirs = nodes.slice(0, 2).map(node => startCelery(settings, ...words(node)));
      ours = nodes
        .slice(2)
        .map(node => startWorker(settings as never, ['-c', '1', '-l', 'DEBUG', '-n', node]));
      await eventually(() => logs().every(log => / ready\./.test(log)), { seconds: 60 });
    });
    after(async () => {
      for (const worker of ours) worker.kill('SIGKILL');
      await Promise.all([...theirs.map(each => each.stop()), ...ours.map(each => each.ended())]);
      await surroundings.stop();
    });

    it('tells in each log which of the others have come', async () => {
      for (const [at, node] of nodes.entries()) {
        for (const other of nodes.filter(name => name !== node)) {
          await eventually(() => assert.ok(logs()[at]!.includes(`${other} joined the party`)), {
            seconds: SECONDS,
          });
        }
        assert.ok(!logs()[at]!.includes(`${node} joined the party`));
      }
    });

    it('elects one worker for each of several elections, which sends the task once', async t => {
      const client = new Celery('client', settings as never);
      t.after(() => client.close());
      const elected = `elected-${randomUUID()}`;
      const ids = Array.from({ length: 5 }, () => randomUUID());
      const code = `
from python_app import app, add
import time
for id in data['ids']:
    sig = add.s(40, 2).set(task_id=id, queue=data['queue'])
    app.control.election(id, 'task', sig)
    time.sleep(0.2)
`;
      await python(
        code,
        { ids, queue: elected },
        {
          cwd: PYTHON_FIXTURES,
          env: { TEST_SETTINGS: JSON.stringify(settings) },
        },
      );

      // Python's nodes decide on as many acknowledgements, whoever they are of: when they are busy they
      // may not have heard all offers, and elect somebody else, who does not know
      let [won, agreed] = [0, 0];
      for (const id of ids) {
        const winners = () => logs().filter(log => log.includes(`I won the election '${id}'`));
        const losers = () =>
          logs().flatMap(log => log.match(new RegExp(`node (\\S+) elected for '${id}'`)) ?? []);
        await eventually(() => assert.equal(winners().length + losers().length / 2, 4), {
          seconds: SECONDS,
        }).catch(error => assert.fail(`${error.message}\n${logs().join('\n=====\n')}`));
        won += winners().length;
        if (winners().length !== 1) continue;
        agreed += 1;
        const winner = nodes[logs().indexOf(winners()[0]!)];
        assert.ok(losers().some(name => name.startsWith(`${winner}.`)));
      }
      await eventually(async () => assert.equal(await client.control.queueLength(elected), won));
      assert.ok(agreed >= 3, `${agreed} of ${ids.length} elections had one winner`);
      assert.ok(!logs().some(log => log.includes('Traceback')));
    });

    it('tells who left, and who was lost without a word', async () => {
      ours[1]!.kill('SIGTERM');
      await ours[1]!.ended();
      for (const at of [0, 1, 2]) {
        await eventually(() => assert.ok(logs()[at]!.includes('o2@fleet left')), {
          seconds: SECONDS,
        });
      }
      theirs[1]!.kill('SIGTERM');
      await eventually(() => assert.match(logs()[2]!, /DEBUG.*p2@fleet left/), {
        seconds: SECONDS,
      });

      await theirs[0]!.stop();
      await eventually(() => assert.match(logs()[2]!, /INFO.*missed heartbeat from p1@fleet/), {
        seconds: SECONDS,
      });
    });
  });
}
