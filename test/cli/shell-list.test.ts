import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { runCli } from '../support/cli.ts';
import { program } from '../support/program.ts';
import { startRedis } from '../support/servers.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const APP = `
import { Celery, exchange, queue } from ${JSON.stringify(program.library)};
export const app = new Celery('proj', {
  task_queues: [
    queue('media', { exchange: exchange('media', 'topic'), routingKey: 'media.#' }),
    queue('celery', { exchange: exchange('celery'), routingKey: 'celery' }),
  ],
});
export const add = app.task('proj.add', (x, y) => x + y);
export const one = app.task('proj.a.same', () => {});
export const two = app.task('proj.b.same', () => {});
`;

function setup(t: TestContext) {
  const cwd = temporaryProject(t, { 'tasks.js': APP });
  const run = (args: readonly string[], input?: string) =>
    runCli(['-A', 'tasks', ...args], { cwd, ...(input === undefined ? {} : { input }) });
  return { run };
}

describe('shell', { concurrency: 2 }, () => {
  it('runs code with the app and its tasks and prints the value of an expression', async t => {
    const { run } = setup(t);

    const { code, stdout, stderr } = await run([
      'shell',
      '--eval',
      '[app.main, celery === app, Celery.name, add.name, await add(1, 2), typeof same]',
    ]);

    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(stdout, "[ 'proj', true, 'Celery', 'proj.add', 3, 'undefined' ]\n");
  });

  it('prints text as it is and runs statements', async t => {
    const { run } = setup(t);

    const text = await run(['shell', '--eval', '"hello " + add.name']);
    const statements = await run([
      'shell',
      '--eval',
      'const sent = await add.delay(1, 2); console.log(sent.id.length, await app.control.purge());',
    ]);

    assert.equal(text.stdout, 'hello proj.add\n');
    assert.equal(statements.stdout, '36 1\n');
  });

  it('ends with 1 when the code fails', async t => {
    const { run } = setup(t);

    const { code, stderr } = await run(['shell', '--eval', 'throw new RangeError("no")']);

    assert.equal(code, 1);
    assert.match(stderr, /RangeError: no/);
  });

  it('leaves the tasks out when it is told to', async t => {
    const { run } = setup(t);

    const { stdout } = await run(['shell', '-T', '--eval', 'typeof add']);

    assert.equal(stdout, 'undefined\n');
  });

  it('without code reads lines, each seeing what the others defined', async t => {
    const { run } = setup(t);

    const { code, stdout } = await run(['shell'], 'const x = 20\nadd.name + (x + 1)\n');

    assert.equal(code, 0);
    assert.match(stdout, /'proj\.add21'/);
  });
});

describe('list bindings', { concurrency: 2 }, () => {
  const rows = [
    'Queue                        Exchange                     Routing Key',
    '----------------             ----------------             ----------------',
    'celery                       celery                       celery',
    'media                        media                        media.#',
    '',
  ].join('\n');

  it('shows the queues of the app with their exchanges and keys on SQLite', async t => {
    const { run } = setup(t);

    const { code, stdout } = await run(['list', 'bindings']);

    assert.equal(code, 0);
    assert.equal(stdout, rows);
  });

  it('shows the same on Redis, and what other apps bound', async t => {
    const { run } = setup(t);
    const server = await startRedis();
    t.after(() => server.stop());
    const separator = '\x06\x16';
    await server.client().sadd('_kombu.binding.other', ['key', '', 'zoo'].join(separator));

    const evil = ['\x1b[2J', '', 'zulu\nqueue'].join(separator);
    await server.client().sadd('_kombu.binding.other', evil);

    const { stdout } = await run(['-b', server.url, 'list', 'bindings']);

    const [last] = stdout.split('\n').slice(-2);
    assert.match(last!, /^zulu\\nqueue +other +\\x1b\[2J$/);
    assert.equal(
      stdout.replace(`${last}\n`, ''),
      `${rows}zoo                          other                        key\n`,
    );
  });

  it('is one line when the broker cannot be reached', async t => {
    const { run } = setup(t);

    const { code, stderr } = await run(['-b', 'redis://127.0.0.1:1/0', 'list', 'bindings']);

    assert.equal(code, 1);
    assert.match(stderr, /^Error: .*ECONNREFUSED.*\n$/);
  });

  it('without a subject says what there is; an unknown one is a usage error', async t => {
    const { run } = setup(t);

    const bare = await run(['list']);
    const wrong = await run(['list', 'queues']);

    assert.equal(bare.code, 0);
    assert.match(bare.stdout, /bindings {2}Queues/);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /Error: No such command 'queues'\. Known: bindings\./);
  });
});
