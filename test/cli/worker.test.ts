import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type CliOptions, runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const APP = `
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj');
export const add = app.task('proj.add', (x, y) => x + y);
export const hidden = app.task('celery.hidden', () => {});
`;

/** A folder with an app, whose broker is the embedded one. */
function setup(t: TestContext, files: Record<string, string> = {}) {
  const cwd = temporaryProject(t, { 'tasks.js': APP, ...files });
  /** A worker that is stopped when the test is over. */
  const worker = (args: readonly string[], options: CliOptions = {}) => {
    const words = ['-A', 'tasks', ...args];
    const cli = startCli(words.includes('worker') ? words : [...words, 'worker'], {
      cwd,
      ...options,
    });
    t.after(() => {
      cli.kill('SIGTERM');
      return cli.ended();
    });
    return cli;
  };
  return { cwd, worker };
}

describe('worker', { concurrency: 2 }, () => {
  it("shows Celery's banner, says that it is ready and leaves with 0 on TERM", async t => {
    const { worker } = setup(t);
    const cli = worker(['worker', '-l', 'info', '-c', '1', '-n', 'w1@%h', '-Q', 'b,a']);
    await cli.sees(/ ready\./);

    cli.kill('SIGTERM');
    const { code, stdout, stderr } = await cli.ended();

    assert.equal(code, 0);
    const text = stdout.split('\n').map(line => line.slice(16));
    assert.match(text[1]!, new RegExp(`^w1@${hostname()} v\\d\\S+ \\(tscelery\\)$`));
    assert.match(text[3]!, / \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    assert.deepEqual(text.slice(5, 15), [
      '[config]',
      '.> app:         proj (tasks)',
      '.> transport:   sqla+sqlite:///celery.sqlite (embedded: set broker_url to use a server)',
      '.> results:     db+sqlite:///celery.sqlite',
      '.> concurrency: 1 (prefork)',
      '.> task events: OFF',
      '',
      '[queues]',
      '.> a                exchange=a(direct) key=a',
      '.> b                exchange=b(direct) key=b',
    ]);
    assert.match(stdout, /\n\n\[tasks\]\n {2}\. proj\.add\n\n/);
    assert.match(stderr, /: INFO\/MainProcess\] w1@\S+ ready\.\n/);
    assert.match(stdout, /\n\nworker: Warm shutdown \(MainProcess\)\n$/);
  });

  it('with -q there is no banner, and below INFO no line', async t => {
    const { cwd, worker } = setup(t);
    const cli = worker(['-q', 'worker', '-c', '1']);
    await cli.sees(/^$/);
    const id = (await runCli(['-A', 'tasks', 'call', 'proj.add', '-a', '[1, 2]'], { cwd })).stdout;
    const result = await runCli(['-A', 'tasks', 'result', id.trim()], { cwd });

    cli.kill('SIGTERM');
    const { stdout, stderr } = await cli.ended();

    assert.equal(result.stdout, '3\n');
    assert.equal(stdout, '\nworker: Warm shutdown (MainProcess)\n');
    assert.equal(stderr, '');
  });

  it('with -f it logs to a file, and its children to files of their own', async t => {
    const { cwd, worker } = setup(t);
    const cli = worker(['worker', '-l', 'info', '-c', '2', '-n', 'w1@h', '-f', '%n%I.log']);
    const main = join(cwd, 'w1.log');
    await eventually(() => assert.match(readFileSync(main, 'utf8'), /w1@h ready/), { seconds: 20 });

    const id = (await runCli(['-A', 'tasks', 'call', 'proj.add', '-a', '[1, 2]'], { cwd })).stdout;
    await runCli(['-A', 'tasks', 'result', id.trim()], { cwd });

    const files = readdirSync(cwd).filter(name => name.endsWith('.log'));
    assert.deepEqual(files.sort(), ['w1-1.log', 'w1-2.log', 'w1.log']);
    assert.match(readFileSync(main, 'utf8'), /Task proj\.add\[\S+\] received/);
    await eventually(() => {
      const children = ['w1-1.log', 'w1-2.log'].map(name => readFileSync(join(cwd, name), 'utf8'));
      assert.match(children.join(''), /INFO\/ForkPoolWorker-\d\] Task proj\.add\[.*succeeded/);
    });
    assert.equal(cli.stderr, '');
  });

  it('--log-format json writes one object a line', async t => {
    const { worker } = setup(t);
    const cli = worker(['worker', '-l', 'info', '-c', '1', '--log-format', 'json']);

    await cli.sees(/ready\./);

    const lines = cli.stderr.trimEnd().split('\n');
    const ready = lines.map(line => JSON.parse(line)).find(({ message }) => /ready/.test(message));
    assert.equal(ready.level, 'INFO');
    assert.equal(ready.processName, 'MainProcess');
  });

  it('options win over the config file, words over both, and unset options over nothing', async t => {
    const { worker } = setup(t, {
      'celeryconfig.json': '{"worker_concurrency": 3, "task_default_queue": "orders"}',
    });
    const fromFile = worker(['worker', '-P', 'async']);
    const fromOption = worker(['worker', '-c', '1']);
    const fromWord = worker(['worker', '.concurrency=2', 'task.default_queue=x']);

    await fromFile.sees(/concurrency: 3 \(async\)[\s\S]*\.> orders /);
    await fromOption.sees(/concurrency: 1 \(prefork\)[\s\S]*\.> orders /);
    await fromWord.sees(/concurrency: 2 \(prefork\)[\s\S]*\.> x /);
  });

  it('--purge deletes what waits and says how much', async t => {
    const { cwd, worker } = setup(t);
    for (const args of ['[1, 1]', '[2, 2]']) {
      await runCli(['-A', 'tasks', 'call', 'proj.add', '-a', args], { cwd });
    }

    const cli = worker(['worker', '-l', 'info', '-c', '1', '--purge']);
    await cli.sees(/ ready\./);

    assert.match(cli.stdout, /^purge: Erased 2 messages from the queue\.\n\n/);
    assert.doesNotMatch(cli.stderr, /received/);
  });

  it('-I imports modules with tasks', async t => {
    const { worker } = setup(t, {
      'more.js': `import { app } from './tasks.js';\napp.task('more.task', () => {});\n`,
    });

    const cli = worker(['worker', '-l', 'info', '-c', '1', '-I', 'more']);

    await cli.sees(/\[tasks\]\n {2}\. more\.task\n {2}\. proj\.add\n/);
    await cli.sees(/ ready\./);
  });

  it('USR1 shows what it is doing', async t => {
    const { worker } = setup(t);
    const cli = worker(['worker', '-l', 'info', '-c', '1']);
    await cli.sees(/ ready\./);

    cli.kill('SIGUSR1');

    await cli.sees(/MainProcess \(pid \d+\)[\s\S]*ACTIVE TASKS/);
  });

  it('USR2 is survived, and opens a debugger when that was allowed', async t => {
    const { worker } = setup(t);
    const refusing = worker(['worker', '-c', '1']);
    const allowing = worker(['worker', '-l', 'info', '-P', 'solo'], {
      env: { CELERY_RDBSIG: '1' },
    });
    await Promise.all([refusing.sees(/\[queues\]/), allowing.sees(/ ready\./)]);

    allowing.kill('SIGUSR2');
    await allowing.sees(/WARNING\/MainProcess\] The debugger listens at ws:\/\/127\.0\.0\.1:\d+\//);
    refusing.kill('SIGUSR2');
    await refusing.sees(/only when CELERY_RDBSIG=1 was set at the start\. Nothing was done\./);
  });

  it('the solo pool has one place, whatever the concurrency is', async t => {
    const { worker } = setup(t);

    const cli = worker(['worker', '-P', 'solo', '-c', '4']);

    await cli.sees(/concurrency: 1 \(solo\)/);
  });

  it('gossip, mingle and heartbeat may be switched off', async t => {
    const { worker } = setup(t);

    const flags = ['--without-gossip', '--without-mingle', '--without-heartbeat'];
    const cli = worker(['worker', '-l', 'info', '-P', 'solo', ...flags]);

    await cli.sees(/ ready\./);
  });

  it('HUP starts it again under the same pid, as often as it comes', async t => {
    const { worker } = setup(t);
    const cli = worker(['worker', '-l', 'info', '-c', '1']);
    const isReady = (times: number) =>
      eventually(() => assert.equal(cli.stderr.match(/ ready\./g)?.length, times), { seconds: 30 });
    await isReady(1);

    cli.kill('SIGHUP');
    await isReady(2);
    cli.kill('SIGHUP');
    await isReady(3);
    cli.kill('SIGTERM');
    const { code, stdout } = await cli.ended();

    assert.equal(code, 0);
    assert.match(stdout, /\nRestarting celery worker \(-A tasks worker -l info -c 1\)\n/);
    assert.equal(stdout.match(/Warm shutdown/g)?.length, 3);
  });

  it('a broker that is not there is tried again and again, and TERM ends that', async t => {
    const { worker } = setup(t);
    const cli = worker(['-b', 'redis://:pw@127.0.0.1:1/0', 'worker', '-c', '1']);
    await cli.sees(
      /ERROR\/MainProcess\] consumer: Cannot connect to redis:\/\/:\*\*@127\.0\.0\.1:1\/0: .*\.\nTrying again in 2\.00 seconds\.\.\. \(1\/100\)\n/,
    );

    cli.kill('SIGTERM');
    const { code, stdout, stderr } = await cli.ended();

    assert.equal(code, 0);
    assert.ok(!`${stdout}${stderr}`.includes('pw@'));
  });

  const refused: [string, string[], RegExp][] = [
    ['an unknown URL scheme', ['-b', 'nosuch://x', 'worker'], /^Error: .*nosuch/],
    [
      'SQLite in memory, which children do not share,',
      ['-b', 'sqla+sqlite:///:memory:', 'worker'],
      /^Error: .*:memory:.* lives inside one process/,
    ],
    [
      'a log file that cannot be opened',
      ['worker', '-f', '/nonexistent/w.log'],
      /^Error: .*w\.log/,
    ],
    ['an unknown % letter in the node name', ['worker', '-n', 'a@%x'], /^Error: .*%x/],
    ['a module of -I that is missing', ['worker', '-I', 'nosuch'], /nosuch/],
  ];
  for (const [what, args, stderr] of refused) {
    it(`${what} ends it with a message and exit code 1`, async t => {
      const { cwd } = setup(t);

      const result = await runCli(['-A', 'tasks', ...args], { cwd });

      assert.equal(result.code, 1);
      assert.match(result.stderr, stderr);
      assert.doesNotMatch(result.stderr, /\n {4}at /);
    });
  }
});
