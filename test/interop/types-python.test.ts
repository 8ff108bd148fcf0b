import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { pythonCelery, startCelery } from '../support/python.ts';
import { redisSurroundings, type Surroundings } from '../support/worker.ts';

describe('types of Python’s tasks', () => {
  let isThere = false;
  let surroundings: Surroundings;
  before(async () => {
    isThere = await pythonCelery();
    surroundings = await redisSurroundings();
  });
  after(() => surroundings.stop());

  it('are their names, with any arguments', async t => {
    if (!isThere) return t.skip('python3-celery is not installed');
    const settings = { ...surroundings.settings, task_default_queue: 'types' };
    const words = ['worker', '-P', 'solo', '-n', 'py@test', '-l', 'INFO'];
    const worker = startCelery(settings, ...words);
    t.after(() => worker.stop());
    await eventually(() => assert.match(worker.text, /py@test ready/), { seconds: 30 });

    const broker = String(settings.broker_url);
    const { code, stdout } = await runCli(['-b', broker, 'types', '-t', '5']);

    assert.equal(code, 0);
    assert.match(stdout, /^ {4}'py\.add'\(\.\.\.args: unknown\[\]\): unknown;$/m);
    assert.ok(!stdout.includes('celery.chord'), stdout);
  });
});
