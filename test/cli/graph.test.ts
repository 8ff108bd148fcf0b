import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli } from '../support/cli.ts';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

const appFile = fileURLToPath(new URL('../fixtures/workflow-app.ts', import.meta.url));

/** Without attributes. */
const edges = (dot: string) =>
  [...dot.matchAll(/^ {4}"(.*)" -> "(.*)" \[/gm)].map(([, from, to]) => `${from} > ${to}`);
const nodes = (dot: string) => [...dot.matchAll(/^ {4}"([^"]*)" \[/gm)].map(([, name]) => name);

describe('graph', { concurrency: 2 }, () => {
  let surroundings: Surroundings;
  before(async () => {
    surroundings = await redisSurroundings();
  });
  after(() => surroundings.stop());

  it('bootsteps shows what a worker starts, and what each step needs', async () => {
    const { code, stdout, stderr } = await runCli(['graph', 'bootsteps']);

    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^digraph dependencies \{\n {4}graph \[shape="box", arrowhead="vee"/);
    assert.ok(nodes(stdout).includes('consumer'));
    assert.ok(edges(stdout).includes('gossip > mingle'));
  });

  it('is drawn as SVG by a package', async () => {
    const { code, stdout } = await runCli(['graph', 'bootsteps', '--format', 'svg']);

    assert.equal(code, 0);
    assert.match(stdout, /<svg [\s\S]*>gossip<[\s\S]*<\/svg>\n$/);
  });

  it('workers asks the nodes for their places, result shows what came of a task', async () => {
    await withWorker(surroundings, { appFile }, async ({ app, queue }) => {
      const settings = JSON.stringify({ ...surroundings.settings, task_default_queue: queue });
      const run = (...args: string[]) =>
        runCli(['-A', `${appFile}:app`, 'graph', ...args], { env: { TEST_SETTINGS: settings } });
      const id = randomUUID();
      const link = { task: 'f.add', args: [1], kwargs: {}, options: {} };
      const sent = await app.sendTask('f.add', [1, 2], { taskId: id, link });
      await sent.get({ timeout: 20 });
      const [child] = await sent.children();
      await child!.get({ timeout: 20 });

      const workers = await run('workers');
      const result = await run('result', id);
      const unknown = await run('result', 'nothing');

      const [broker, ...more] = nodes(workers.stdout);
      const backend = more.length === 3 ? broker : more[0];
      assert.deepEqual(edges(workers.stdout), [
        `w1@test > ${broker}`,
        `w1@test > ${backend}`,
        'thr-1 > w1@test',
        'thr-2 > w1@test',
      ]);
      assert.deepEqual(edges(result.stdout), [`${id} > ${child!.id}`]);
      assert.equal(unknown.code, 1);
      assert.match(unknown.stderr, /Nothing is stored of a task nothing/);
    });
  });

  it('shows no password of broker and results', async () => {
    const { stdout } = await runCli([
      ...['-b', 'redis://:s3cret@localhost:1', '--result-backend', 'redis://:s3cret@localhost:1'],
      ...['graph', 'workers', 'nodes:a,b', 'threads:1,0'],
    ]);

    assert.ok(!stdout.includes('s3cret'), stdout);
    assert.equal(edges(stdout).filter(edge => edge.endsWith('> a')).length, 1);
  });

  it('ends with 69 when the broker cannot be reached', async () => {
    const { code, stderr } = await runCli(['-b', 'redis://localhost:1', 'graph', 'workers']);

    assert.equal(code, 69);
    assert.match(stderr, /Could not connect to the message broker/);
  });

  const wrong = [
    [['bootstep'], 'No such command \'bootstep\'. Did you mean "bootsteps"?'],
    [['bootsteps', 'consumer'], 'Got unexpected extra arguments (consumer)'],
    [['workers', 'node:a'], '\'node:a\' says nothing about workers. Did you mean "nodes"?'],
    [['workers', 'wmax:many'], "wmax: needs whole numbers, got 'many'."],
    [['result'], "Missing argument 'TASK_ID'."],
  ] as const;
  for (const [words, message] of wrong) {
    it(`${words.join(' ')} is refused`, async () => {
      const { code, stderr } = await runCli(['graph', ...words]);

      assert.equal(code, 2);
      assert.ok(stderr.includes(`Error: ${message}`), stderr);
    });
  }
});
