/** Many workers in the background, by their pidfiles. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type CliOptions, type CliResult, runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { processesIn } from '../support/processes.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const APP = `
import { existsSync } from 'node:fs';
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj');
export const wait = app.task('proj.wait', async file => {
  while (!existsSync(file)) await new Promise(resolve => setTimeout(resolve, 20));
});
`;
const SPLASH = /^celery multi v\d+\.\d+\.\d+ \(tscelery\)\n/;
const FILES = ['--pidfile=%n.pid', '--logfile=log/%n%I.log'];

function setup(t: TestContext) {
  // before the folder goes: hooks run in the order in which they are given
  t.after(async () => {
    for (const { pid } of processesIn(cwd)) process.kill(pid, 'SIGKILL');
    await eventually(() => assert.deepEqual(processesIn(cwd), []));
  });
  const cwd = temporaryProject(t, { 'tasks.js': APP });
  const options: CliOptions = { cwd };
  const path = (name: string) => join(cwd, name);
  const pid = (node: string) => Number(readFileSync(path(`${node}.pid`), 'utf8'));
  const words = (...args: string[]) => ['-A', 'tasks', 'multi', ...args, ...FILES, '-P', 'solo'];
  const multi = (...args: string[]) => runCli(words(...args), options);
  return { cwd, options, path, pid, multi };
}

/** Without the splash, and with names for the ids of the nodes' processes. */
function shown({ stdout }: CliResult, pids: Readonly<Record<string, number>> = {}): string {
  assert.match(stdout, SPLASH);
  return Object.entries(pids).reduce(
    (text, [name, pid]) => text.replaceAll(String(pid), `<${name}>`),
    stdout.replace(SPLASH, ''),
  );
}

const isAlive = (pid: number, folder: string) =>
  processesIn(folder).some(process_ => process_.pid === pid);

describe('multi', { concurrency: 2 }, () => {
  it('starts nodes, restarts them and waits until they have stopped', async t => {
    const { cwd, path, pid, multi, options } = setup(t);

    const started = await multi('start', 'w1@h', 'w2@h', '-l', 'INFO', '-Q:w2', 'feeds');

    assert.deepEqual([started.code, started.stderr], [0, '']);
    assert.equal(shown(started), '> Starting nodes...\n\t> w1@h: OK\n\t> w2@h: OK\n');
    assert.match(readFileSync(path('log/w1.log'), 'utf8'), /w1@h ready\./);
    const first = { w1: pid('w1'), w2: pid('w2') };
    const queues = await runCli(['-A', 'tasks', 'inspect', 'active_queues', '-j'], options);
    const names = Object.entries(JSON.parse(queues.stdout) as Record<string, { name: string }[]>);
    assert.deepEqual(names.map(([node, [queue]]) => [node, queue?.name]).sort(), [
      ['w1@h', 'celery'],
      ['w2@h', 'feeds'],
    ]);

    const restarted = await multi('restart', 'w1@h', 'w2@h', 'w3@h', '-QUIT');

    assert.equal(restarted.code, 0, restarted.stdout + restarted.stderr);
    assert.match(
      shown(restarted, first),
      /^> Restarting node w3@h: OK\n> Stopping nodes\.\.\.\n\t> w1@h: QUIT -> <w1>\n\t> w2@h: QUIT -> <w2>\n> Waiting for 2 nodes -> <w1>, <w2>\.\.\.\.+\n\t> w[12]@h: OK\n> Restarting node w[12]@h: OK\n> Waiting for 1 node -> <w[12]>\.\.\.\.*\n\t> w[12]@h: OK\n> Restarting node w[12]@h: OK\n\n$/,
    );
    const second = { w1: pid('w1'), w2: pid('w2'), w3: pid('w3') };
    for (const gone of Object.values(first)) assert.equal(isAlive(gone, cwd), false);
    for (const there of Object.values(second)) assert.equal(isAlive(there, cwd), true);

    const stopped = await multi('stopwait', 'w1@h', 'w2@h', 'w4@h');

    assert.equal(stopped.code, 0);
    assert.match(
      shown(stopped, second),
      /^> w4@h: DOWN\n> Stopping nodes\.\.\.\n\t> w1@h: TERM -> <w1>\n\t> w2@h: TERM -> <w2>\n> Waiting for 2 nodes -> <w1>, <w2>\.\.\.\.+\n\t> (w[12]@h): OK\n> \1: DOWN\n> Waiting for 1 node -> <w[12]>\.\.\.\.*\n\t> (w[12]@h): OK\n> \2: DOWN\n\n$/,
    );
    assert.deepEqual([existsSync(path('w1.pid')), existsSync(path('w2.pid'))], [false, false]);
    assert.equal(isAlive(second.w3, cwd), true, 'w3 was not named');

    const killed = await multi('kill', 'w3@h', 'w1@h');

    assert.equal(killed.code, 0);
    assert.equal(shown(killed, second), 'Sending KILL to node w3@h (<w3>)\n> w1@h: DOWN\n');
    await eventually(() => assert.deepEqual(processesIn(cwd), []));
    const dead = await multi('stop', 'w3@h', '-INT');
    assert.equal(dead.code, 0);
    assert.equal(
      shown(dead, second),
      '> Stopping nodes...\n\t> w3@h: INT -> <w3>\nCould not signal w3@h (<w3>): No such process\n> w3@h: DOWN\n',
    );
  });

  it('tells which nodes cannot start, and leaves alone those that run', async t => {
    const { cwd, pid, multi, path } = setup(t);
    await multi('start', 'w1@h');
    const before = pid('w1');

    const again = await multi('--verbose', 'start', 'w1@h', 'w2@h', '--nosplash');

    assert.equal(again.code, 1);
    assert.match(
      again.stdout,
      /^> Starting nodes\.\.\.\n\t> w1@h: {3}\S*node .*-A tasks worker --detach .*-n w1@h .*\n\* Child terminated with exit code 73\nFAILED\n\t> w2@h: {3}.*\nOK\n$/,
    );
    assert.equal(
      again.stderr,
      `ERROR: Pidfile (w1.pid) already exists.\nSeems we're already running? (pid: ${before})\n`,
    );
    assert.equal(pid('w1'), before);
    assert.equal(isAlive(before, cwd), true);

    const broken = await multi('restart', 'w1@h', '-c', 'many', '--quiet');

    assert.deepEqual([broken.code, broken.stdout], [1, '']);
    assert.match(broken.stderr, /Error: Invalid value for '-c' \/ '--concurrency': 'many'/);
    assert.equal(isAlive(before, cwd), false);

    const stopped = await multi('stopwait', 'w1@h', 'w2@h', '--quiet', '-9');
    assert.deepEqual([stopped.code, stopped.stdout, stopped.stderr], [0, '', '']);
    assert.equal(
      existsSync(path('w2.pid')),
      true,
      'KILL leaves it, and the next start replaces it',
    );
    assert.equal((await multi('start', 'w2@h')).code, 0);
    assert.equal(isAlive(pid('w2'), cwd), true);
  });

  it('says what keeps a node from starting at all', async t => {
    const { multi } = setup(t);

    const none = await multi('start', 'w1@h', '--executable=/no/such/node');
    const own = await multi('start', 'w1@h', '--executable=/bin/sh', '--cmd=-c true celery');
    const other = await multi(
      'start',
      'w1@h',
      '--executable=/bin/sh',
      `--cmd=-c 'kill -9 $$' celery`,
    );

    assert.equal(none.code, 1);
    assert.match(none.stderr, /^\/no\/such\/node cannot be started: .*ENOENT/);
    assert.equal(shown(none), '> Starting nodes...\n\t> w1@h: FAILED\n');
    assert.equal(own.code, 0, 'a program of other kind that went into the background');
    assert.equal(other.code, 1);
    assert.match(other.stderr, /ended before it was ready\. See .*w1\.log\./);
    assert.match(other.stdout, /w1@h: \* Child was terminated by signal KILL\nFAILED\n$/);
  });

  it('waits for the process, whatever becomes of its pidfile', async t => {
    const { cwd, options, path, pid, multi } = setup(t);
    await multi('start', 'w1@h', '-l', 'INFO');
    const log = () => readFileSync(path('log/w1.log'), 'utf8');
    await runCli(['-A', 'tasks', 'call', 'proj.wait', '-a', '["go"]'], options);
    await eventually(() => assert.match(log(), /proj\.wait\[\S+\] received/));
    const worker = pid('w1');

    const stopping = startCli(['multi', 'stopwait', 'w1@h', ...FILES], options);
    await stopping.sees(/> Waiting for 1 node -> /);
    rmSync(path('w1.pid'));
    const again = await multi('stop', 'w1@h');
    assert.equal(shown(again), '> w1@h: DOWN\n', 'without the file nobody else finds it');
    assert.equal(isAlive(worker, cwd), true);
    writeFileSync(path('go'), '');

    const { code, stdout } = await stopping.ended();
    assert.equal(code, 0);
    assert.match(stdout, /> Waiting for 1 node -> \d+\.\.\.\.+\n\t> w1@h: OK\n> w1@h: DOWN\n\n$/);
    assert.equal(isAlive(worker, cwd), false);
    assert.match(log(), /proj\.wait\[\S+\] succeeded/);
  });

  it('sends no signal to what has the id of a worker that is gone', async t => {
    const { path, multi } = setup(t);
    const sleeper = spawn('sleep', ['60']);
    t.after(() => sleeper.kill('SIGKILL'));
    writeFileSync(path('w1.pid'), `${sleeper.pid}\n`);

    const stopped = await multi('stopwait', 'w1@h', '-9');

    assert.equal(stopped.code, 0);
    assert.match(
      shown(stopped),
      /Could not signal w1@h \(\d+\): No such worker, another program has that id\n> w1@h: DOWN\n/,
    );
    assert.equal(sleeper.exitCode ?? sleeper.signalCode, null);
    assert.doesNotThrow(() => process.kill(sleeper.pid!, 0));
  });

  it('fails when it may not signal what runs, and does not wait for it', async t => {
    const { cwd, path } = setup(t);
    chmodSync(cwd, 0o755);
    // pid 1 is root's
    writeFileSync(path('w1.pid'), '1\n');
    const user = process.getuid?.() === 0 ? { uid: 65534 } : {};
    const multi = (...args: string[]) =>
      runCli(['multi', ...args, 'w1@h', '--pidfile=%n.pid'], { cwd, ...user });

    const stopped = await multi('stopwait');
    chmodSync(path('w1.pid'), 0o200);
    const unread = await multi('kill');

    assert.equal(stopped.code, 1);
    assert.match(shown(stopped), /Could not signal w1@h \(1\): Operation not permitted\n$/);
    assert.equal(unread.code, 1);
    assert.match(
      shown(unread),
      /^Could not signal w1@h: EACCES: permission denied, open '.*w1\.pid'\n$/,
    );
  });

  it('shows what it would do, and does nothing', async t => {
    const { cwd, path } = setup(t);
    const multi = async (...args: string[]) => {
      const { code, stdout, stderr } = await runCli(['multi', ...args], { cwd });
      return [code, stdout.replaceAll(program.entry, 'tscelery.js'), stderr];
    };
    const start = `${process.execPath} ${[...program.nodeArgs, 'tscelery.js'].join(' ')}`;

    const show = await multi('show', 'w1@h', '-A', 'proj', '--pidfile=run/a b.pid', '-c:1', '3');
    assert.deepEqual(show, [
      0,
      `${start} -A proj worker --detach '--pidfile=run/a b.pid' -c 3 -n w1@h --logfile=/var/log/celery/w1%I.log --executable=${process.execPath}\n`,
      '',
    ]);
    assert.deepEqual(await multi('names', 'w1', 'w2', '--hostname=h'), [0, 'w1@h\nw2@h\n', '']);
    assert.deepEqual(await multi('names', '0'), [0, '', '']);
    assert.deepEqual(await multi('expand', '%n at %d, %%', '2', '-n', 'h'), [
      0,
      'celery1 at h, %\ncelery2 at h, %\n',
      '',
    ]);
    const [code, one] = await multi('get', 'w2', 'w1@h', 'w2@h', '-c', '3');
    assert.equal(code, 0);
    assert.match(String(one), /^(--import \S+ )*tscelery\.js worker --detach -c 3 -n w2@h /);
    assert.deepEqual(await multi('get', 'w3', 'w1@h'), [
      1,
      '',
      'Error: There is no node "w3". Did you mean "w1"?\n',
    ]);
    assert.equal(existsSync(path('run')), false);
  });

  it('has its options in the environment, too', async t => {
    const { cwd } = setup(t);
    const env = { TSCELERY_MULTI_PIDFILE: 'env.pid', CELERY_MULTI_RANGE_PREFIX: 'w' };

    const shown = await runCli(['multi', 'show', '1', '-n', 'h'], { cwd, env });
    const typed = await runCli(['multi', 'show', '1', '--pidfile=my.pid'], { cwd, env });

    assert.match(shown.stdout, / --pidfile=env\.pid -n w1@h /);
    assert.match(typed.stdout, / --pidfile=my\.pid /);
  });

  it('refuses what it does not understand, with exit code 1', async t => {
    const { cwd } = setup(t);
    const multi = (...args: string[]) => runCli(['multi', ...args], { cwd });

    const unknown = await multi('strat', '3');
    assert.deepEqual(
      [unknown.code, unknown.stderr],
      [1, 'Invalid command: strat. Did you mean "start"?\n'],
    );
    assert.match(unknown.stdout, SPLASH);
    assert.match(unknown.stdout, /^usage: tscelery multi start <node1 node2 nodeN\|range>/m);
    const none = await multi('--nosplash');
    assert.deepEqual([none.code, none.stderr], [1, '']);
    assert.match(none.stdout, /^usage: /);
    for (const [args, message] of [
      [['start'], 'Name the nodes, or say how many there are: tscelery multi start 3.'],
      [['get'], 'Missing: the node to get, before the nodes.'],
      [
        ['start', 'a@h', 'b@h', '--pidfile=w.pid'],
        `a@h and b@h have the same pidfile, ${join(cwd, 'w.pid')}: write %n in its name.`,
      ],
      [
        ['stopwait', '2', '-HUP'],
        'SIGHUP does not end a worker, so nothing could be waited for: "stop" sends it, too.',
      ],
    ] as const) {
      const { code, stderr } = await multi(...args);
      assert.deepEqual([code, stderr], [1, `Error: ${message}\n`]);
    }
    const folder = await multi('start', '1', '--pidfile=tasks.js/%n.pid', '--logfile=x.log');
    assert.equal(folder.code, 1);
    assert.match(
      folder.stderr,
      /^Error: The folder .*tasks\.js cannot be made: .* Make it for the user of the workers, or choose another with --pidfile\.\n$/,
    );
  });

  it('helps', async () => {
    const [own, options] = await Promise.all([
      runCli(['multi', 'help']),
      runCli(['multi', 'start', '--help']),
    ]);

    assert.equal(own.code, 0);
    assert.match(own.stdout, /start 5 -c 3 -c:1-3 10/);
    assert.equal(options.code, 0);
    assert.match(options.stdout, /^Usage: tscelery multi \[OPTIONS\] COMMAND \[NODES\]\.\.\./);
  });
});
