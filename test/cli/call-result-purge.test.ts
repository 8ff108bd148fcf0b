import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { runCli, startCli } from '../support/cli.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const APP = `
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj');
app.task('proj.echo', value => value);
app.task('proj.kw', (x, y) => [x, y]);
app.task('proj.fail', () => { throw new TypeError('kaput'); });
`;
const DEAD_BROKER = 'redis://:pw@127.0.0.1:1/0';

function setup(t: TestContext) {
  const cwd = temporaryProject(t, { 'tasks.js': APP });
  const run = (...args: string[]) => runCli(['-A', 'tasks', ...args], { cwd });
  const call = async (...args: string[]) => {
    const { code, stdout, stderr } = await run('call', ...args);
    assert.equal(stderr, '');
    assert.equal(code, 0);
    assert.match(stdout, /^[0-9a-f-]{36}\n$/);
    return stdout.trim();
  };
  const work = () => {
    const worker = startCli(['-A', 'tasks', 'worker', '-P', 'solo'], { cwd });
    t.after(() => {
      worker.kill('SIGTERM');
      return worker.ended();
    });
  };
  return { cwd, run, call, work };
}

describe('call and result', { concurrency: 2 }, () => {
  it("results are printed as Python's print shows them", async t => {
    const { run, call, work } = setup(t);
    work();
    const values = [
      ['"text"', 'text'],
      ['3', '3'],
      ['null', 'None'],
      ['{"a": [true, 1.5, "x"]}', "{'a': [True, 1.5, 'x']}"],
    ] as const;

    for (const [json, shown] of values) {
      const { code, stdout, stderr } = await run(
        'result',
        await call('proj.echo', '-a', `[${json}]`),
      );

      assert.equal(stderr, '');
      assert.equal(stdout, `${shown}\n`);
      assert.equal(code, 0);
    }
  });

  it('integers beyond 2^53 go out and come back exactly', async t => {
    const { run, call, work } = setup(t);
    work();

    const { stdout } = await run('result', await call('proj.echo', '-a', '[9007199254740993]'));

    assert.equal(stdout, '9007199254740993\n');
  });

  it('options that make no sense together are refused without a stack', async t => {
    const { run } = setup(t);

    const { code, stdout, stderr } = await run('call', 'proj.echo', '--eta', '2027-02-30');

    assert.match(stderr, /\n\nError: .*2027-02-30/);
    assert.doesNotMatch(stderr, /\n {4}at /);
    assert.equal(stdout, '');
    assert.equal(code, 2);
  });

  it('a failure without a traceback is shown by its text', async t => {
    const { run, call, work } = setup(t);
    work();
    const id = await call('proj.nosuch');

    const { code, stderr } = await run('result', id);
    const traceback = await run('result', '--traceback', id);

    assert.match(stderr, /^Error: NotRegistered: .*proj\.nosuch/);
    assert.equal(code, 1);
    assert.equal(traceback.stderr, 'No traceback is stored; the state is FAILURE.\n');
  });

  it('results sent over the broker cannot be read, which is said at once', async t => {
    const { run } = setup(t);

    const { code, stderr } = await run('--result-backend', 'rpc://', 'result', 'some-id');

    assert.match(stderr, /rpc:\/\/ sends results to the process that sent the task/);
    assert.equal(code, 1);
  });

  it('keyword arguments reach the parameters of that name', async t => {
    const { run, call, work } = setup(t);
    work();

    const { stdout } = await run('result', await call('proj.kw', '-k', '{"y": 2, "x": 1}'));

    assert.equal(stdout, '[1, 2]\n');
  });

  it('a failure goes to stderr with its traceback and exit code 1', async t => {
    const { run, call, work } = setup(t);
    work();
    const id = await call('proj.fail');

    const failed = await run('result', id);
    const traceback = await run('result', '--traceback', id);

    assert.equal(failed.code, 1);
    assert.equal(failed.stdout, '');
    assert.match(failed.stderr, /TypeError: kaput[\s\S]*tasks\.js/);
    assert.equal(traceback.code, 0);
    assert.equal(traceback.stdout, failed.stderr);
  });

  it('--timeout ends the wait with one line and exit code 1', async t => {
    const { run } = setup(t);

    const { code, stdout, stderr } = await run('result', '--timeout', '0.2', 'nobody');

    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^Error: .*\n$/);
  });

  it('--traceback of an unknown task says that there is none', async t => {
    const { run } = setup(t);

    const { code, stdout, stderr } = await run('result', '--traceback', 'nobody');

    assert.deepEqual([code, stdout], [0, '']);
    assert.equal(stderr, 'No traceback is stored; the state is PENDING.\n');
  });

  it('an unknown task name of result -t is refused with the nearest one', async t => {
    const { run } = setup(t);

    const { code, stderr } = await run('result', '-t', 'proj.ech', 'id');

    assert.equal(code, 1);
    assert.match(stderr, /^Error: Task 'proj\.ech' is not registered.*proj\.echo.*\n$/);
  });

  it('an app without result backend says so in one line', async t => {
    const { cwd } = setup(t);

    const { code, stderr } = await runCli(
      ['-b', 'memory://', '--result-backend', 'disabled://', 'result', '--timeout', '1', 'id'],
      { cwd },
    );

    assert.equal(code, 1);
    assert.match(stderr, /^Error: .*backend.*\n$/i);
  });

  it('an unknown serializer is refused in one line with the nearest one', async t => {
    const { run } = setup(t);

    const { code, stderr } = await run('call', 'proj.echo', '--serializer', 'jsn');

    assert.equal(code, 1);
    assert.match(stderr, /^Error: .*jsn.*json.*\n$/);
  });

  it('a broker out of reach is reported in one line, without password', async t => {
    const { cwd } = setup(t);
    for (const words of [
      ['call', 'proj.echo'],
      ['purge', '-f'],
    ]) {
      const { code, stdout, stderr } = await runCli(['-b', DEAD_BROKER, ...words], { cwd });

      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /^Error: .*127\.0\.0\.1:1.*\n$/);
      assert.ok(!stderr.includes('pw@'), stderr);
    }
  });

  it('a result backend out of reach is reported in one line', async t => {
    const { cwd } = setup(t);

    const { code, stderr } = await runCli(
      ['--result-backend', DEAD_BROKER, 'result', '--timeout', '1', 'id'],
      { cwd },
    );

    assert.equal(code, 1);
    assert.match(stderr, /^Error: .*\n$/);
    assert.ok(!stderr.includes('pw@'), stderr);
  });
});

describe('purge', { concurrency: 2 }, () => {
  const QUESTION =
    /^WARNING:This will remove all tasks from queue: celery\.\n {9}There is no undo for this operation!\n\n\(to skip this prompt use the -f option\)\nAre you sure you want to delete all tasks\? \[y\/N\]: /;

  it('with -f it deletes without a question and counts', async t => {
    const { run, call } = setup(t);
    await call('proj.echo', '-a', '[1]');
    await call('proj.echo', '-a', '[2]');

    const first = await run('purge', '-f');
    const second = await run('purge', '-f');

    assert.equal(first.stdout, 'Purged 2 messages from 1 known task queue.\n');
    assert.equal(second.stdout, 'No messages purged from 1 queue.\n');
    assert.equal(second.code, 0);
  });

  it('only the queues of -Q without those of -X are purged', async t => {
    const { run, call } = setup(t);
    for (const queue of ['a', 'b']) await call('proj.echo', '-a', '[1]', '--queue', queue);

    const { stdout } = await run('purge', '-f', '-Q', 'a,b,c', '-X', 'b');
    const rest = await run('purge', '-f', '-Q', 'b');
    const nothing = await run('purge', '-f', '-Q', 'b', '-X', 'b');

    assert.equal(stdout, 'Purged 1 message from 2 known task queues.\n');
    assert.equal(rest.stdout, 'Purged 1 message from 1 known task queue.\n');
    assert.deepEqual([nothing.code, nothing.stdout], [0, '']);
  });

  it('it asks first, and y deletes', async t => {
    const { cwd, call } = setup(t);
    await call('proj.echo', '-a', '[1]');

    const { code, stdout } = await runCli(['purge'], { cwd, input: 'y\n' });

    assert.equal(code, 0);
    assert.match(stdout, QUESTION);
    assert.match(stdout, /Purged 1 message from 1 known task queue\.\n$/);
  });

  it('anything else, or no answer, deletes nothing', async t => {
    const { cwd, run, call } = setup(t);
    await call('proj.echo', '-a', '[1]');

    for (const input of ['n\n', 'perhaps\n', '']) {
      const { code, stdout, stderr } = await runCli(['purge'], { cwd, input });
      assert.match(stdout, QUESTION);
      assert.deepEqual([code, stderr], [1, 'Aborted!\n']);
    }

    assert.match((await run('purge', '-f')).stdout, /^Purged 1 message/);
  });
});
