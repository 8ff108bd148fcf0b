import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type CliOptions, type RunningCli, runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const APP = `
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj');
const sleep = seconds => new Promise(resolve => setTimeout(resolve, seconds * 1000));
app.task('proj.nap', async seconds => { await sleep(seconds); return 'rested'; });
app.task('proj.untilGo', async () => { while (!existsSync('go')) await sleep(0.02); return 'went'; });
function computesWithoutPause() { while (!existsSync('go')); }
app.task('proj.blocks', () => { computesWithoutPause(); return 'computed'; });
app.task('proj.waits', () => {
  spawnSync('/bin/sh', ['-c', 'until [ -e go ]; do sleep 0.05; done']);
});
`;
/** Its module is not loaded before there is a file \`loaded\`. */
const SLOW_APP = `${APP}
console.log('loading');
while (!existsSync('loaded')) await sleep(0.02);
`;

function setup(t: TestContext, app = APP) {
  const cwd = temporaryProject(t, { 'tasks.js': app });
  const worker = (args: readonly string[] = [], options: CliOptions = {}) => {
    const cli = startCli(['-A', 'tasks', 'worker', '-l', 'info', '-c', '1', ...args], {
      cwd,
      ...options,
    });
    t.after(() => {
      cli.kill('SIGKILL');
      return cli.ended();
    });
    return cli;
  };
  const touch = (name: string) => writeFileSync(join(cwd, name), '');
  const go = () => touch('go');
  const call = async (task: string, ...args: readonly unknown[]) => {
    const words = ['-A', 'tasks', 'call', task, '-a', JSON.stringify(args)];
    return (await runCli(words, { cwd })).stdout.trim();
  };
  const result = async (id: string) =>
    (await runCli(['-A', 'tasks', 'result', id], { cwd })).stdout.trim();
  /** Process ids of the pool. */
  const children = async () => {
    const { stdout } = await runCli(['-A', 'tasks', 'inspect', 'stats', '--json'], { cwd });
    const [stats] = Object.values(JSON.parse(stdout)) as { pool: { processes: number[] } }[];
    return stats!.pool.processes;
  };
  return { cwd, worker, touch, go, call, result, children };
}

const times = (cli: RunningCli, pattern: RegExp, count: number) =>
  eventually(
    () => assert.equal(`${cli.stdout}${cli.stderr}`.match(pattern)?.length ?? 0, count, cli.stderr),
    { seconds: 40 },
  );
const READY = / ready\./g;

describe('HUP', { concurrency: 2 }, () => {
  it('keeps pid, pidfile and log, and lets running tasks end', async t => {
    const { cwd, worker, go, call, result } = setup(t);
    const cli = worker(['--pidfile', 'w.pid', '-f', 'w.log']);
    const log = () => readFileSync(join(cwd, 'w.log'), 'utf8');
    const pid = () => readFileSync(join(cwd, 'w.pid'), 'utf8');
    await eventually(() => assert.match(log(), / ready\./), { seconds: 40 });
    const id = await call('proj.untilGo');
    await eventually(() => assert.match(log(), /received/), { seconds: 20 });

    cli.kill('SIGHUP');
    await cli.sees(/Warm shutdown/);
    go();
    await eventually(() => assert.equal(log().match(READY)?.length, 2), { seconds: 40 });

    assert.equal(pid(), `${cli.child.pid}\n`);
    assert.equal(await result(id), 'went');
    cli.kill('SIGTERM');
    assert.equal((await cli.ended()).code, 0);
    assert.ok(!existsSync(join(cwd, 'w.pid')));
  });

  it('twice in a row is survived, and TERM right after it ends everything', async t => {
    const { worker } = setup(t);
    const cli = worker();
    await times(cli, READY, 1);

    for (let i = 0; i < 5; i++) cli.kill('SIGHUP');
    await times(cli, READY, 2);
    cli.kill('SIGHUP');
    cli.kill('SIGHUP');
    cli.kill('SIGTERM');

    // resolves when nobody holds its output any more
    assert.equal((await cli.ended()).code, 0);
  });

  it('leaves nobody behind when the process whose id is known is killed', async t => {
    const { cwd, worker, call } = setup(t);
    const cli = worker(['--pidfile', 'w.pid']);
    await times(cli, READY, 1);
    cli.kill('SIGHUP');
    await times(cli, READY, 2);
    await call('proj.untilGo');
    await times(cli, /received/g, 1);

    process.kill(Number(readFileSync(join(cwd, 'w.pid'), 'utf8')), 'SIGKILL');

    // resolves when nobody holds its output any more: neither the successor nor its children
    assert.equal((await cli.ended()).signal, 'SIGKILL');
  });

  it('does not bring back what was told to stop, before or after it', async t => {
    const [first, second] = [setup(t), setup(t)];
    const [early, late] = [first.worker(), second.worker()];
    await Promise.all([times(early, READY, 1), times(late, READY, 1)]);
    await Promise.all([first.call('proj.untilGo'), second.call('proj.untilGo')]);
    await Promise.all([early.sees(/received/), late.sees(/received/)]);

    early.kill('SIGTERM');
    await early.sees(/Warm shutdown/);
    early.kill('SIGHUP');
    late.kill('SIGHUP');
    await late.sees(/Restarting/);
    late.kill('SIGTERM');
    await times(late, /Warm shutdown/g, 2);
    first.go();
    second.go();

    for (const cli of [early, late]) {
      const { code, stderr } = await cli.ended();
      assert.equal(code, 0);
      assert.equal(stderr.match(READY)?.length, 1);
    }
    assert.doesNotMatch(early.stdout, /Restarting/);
  });
});

describe('a signal during the start', { concurrency: 2 }, () => {
  it('waits until the worker handles it, when it means no end', async t => {
    const { worker, touch } = setup(t, SLOW_APP);
    const cli = worker(['-c', '1']);
    await cli.sees(/loading/);

    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const) cli.kill(signal);
    touch('loaded');

    await cli.sees(/Report asked for by SIGUSR1/);
    await cli.sees(/SIGUSR2 opens a debugger, but only when/);
    await cli.sees(/The pool is not there yet/);
    await times(cli, READY, 1);
    assert.doesNotMatch(cli.stderr, /Debugger listening/);
  });

  it('HUP starts it again', async t => {
    const { worker, touch } = setup(t, SLOW_APP);
    const cli = worker(['-c', '1']);
    await cli.sees(/loading/);

    cli.kill('SIGHUP');
    touch('loaded');

    await times(cli, /Restarting/g, 1);
    await times(cli, READY, 1);
    cli.kill('SIGTERM');
    assert.equal((await cli.ended()).code, 0);
  });

  for (const [signal, exitCode] of [
    ['SIGTERM', 0],
    ['SIGINT', 1],
    ['SIGQUIT', 0],
  ] as const) {
    it(`${signal} ends it at once with ${exitCode}, and the pidfile is gone`, async t => {
      const { cwd, worker } = setup(t);
      const pidfile = join(cwd, 'w.pid');
      const cli = worker(['--purge', '--pidfile', 'w.pid'], {
        env: { CELERY_BROKER_URL: 'redis://127.0.0.1:1/0' },
      });
      await eventually(() => existsSync(pidfile), { seconds: 40 });

      cli.kill(signal);

      const { code } = await cli.ended();
      assert.equal(code, exitCode);
      assert.ok(!existsSync(pidfile));
    });
  }
});

describe('USR1', { concurrency: 2 }, () => {
  it('tells what runs, and what each child holds, as often as it comes', async t => {
    const { worker, call } = setup(t);
    const cli = worker(['-c', '2']);
    await times(cli, READY, 1);
    const id = await call('proj.untilGo');
    await cli.sees(/received/);

    for (const count of [1, 2]) {
      cli.kill('SIGUSR1');
      await times(cli, /ForkPoolWorker-2 \(pid \d+\)\n=+\n {2}active handles: /g, count);
    }

    assert.match(cli.stderr, /WARNING\/MainProcess\] Report asked for by SIGUSR1/);
    assert.match(
      cli.stderr,
      new RegExp(`ACTIVE TASKS\\n=+\\n {2}proj\\.untilGo\\[${id}\\] pid:\\d+`),
    );
  });

  it('names a child that is blocked and the setting that shows its stack', async t => {
    const { worker, go, call, result } = setup(t);
    const cli = worker();
    await times(cli, READY, 1);
    const id = await call('proj.blocks');
    await cli.sees(/received/);

    cli.kill('SIGUSR1');

    await cli.sees(/ForkPoolWorker-\d \(pid \d+\)\n=+\n {2}does not answer: .*worker_stack_watch/);
    go();
    assert.equal(await result(id), 'computed');
  });

  const watching = 'worker.stack_watch=true';
  for (const [pool, words] of [
    ['prefork', [watching]],
    ['threads', []],
  ] as const) {
    it(`shows where a child of ${pool} is blocked, and lets it go on`, async t => {
      const { worker, go, call, result } = setup(t);
      const cli = worker(['-P', pool, ...words]);
      await times(cli, READY, 1);
      const id = await call('proj.blocks');
      await cli.sees(/received/);

      for (const count of [1, 2]) {
        cli.kill('SIGUSR1');
        await times(
          cli,
          /blocked here:\n(.*\n){0,3} +at computesWithoutPause \(.*tasks\.js:\d/g,
          count,
        );
      }

      go();
      assert.equal(await result(id), 'computed');
    });
  }

  it('tells a child in a synchronous call from one that computes', async t => {
    const { worker, go, call } = setup(t);
    const cli = worker([watching, '-c', '1']);
    await times(cli, READY, 1);
    await call('proj.waits');
    await cli.sees(/received/);

    cli.kill('SIGUSR1');

    await cli.sees(/does not answer: its event loop is blocked, and not by JavaScript/);
    go();
  });

  it('a worker that is blocked itself logs its stack when it is watched', async t => {
    const { cwd, worker, go, call, result } = setup(t);
    worker(['-P', 'solo', '-f', 'w.log', watching]);
    const log = () => readFileSync(join(cwd, 'w.log'), 'utf8');
    await eventually(() => assert.match(log(), / ready\./), { seconds: 40 });

    const id = await call('proj.blocks');

    const stack =
      /ERROR\/MainProcess\] The event loop of the worker has stood still for 5 s, here:\n(.*\n){0,3} +at computesWithoutPause/;
    await eventually(() => assert.match(log(), stack), { seconds: 20 });
    go();
    assert.equal(await result(id), 'computed');
  });
});

describe('USR2', () => {
  it('opens a debugger when that was allowed, and closes it the next time', async t => {
    const { worker } = setup(t);
    const cli = worker(['-P', 'solo'], { env: { CELERY_RDBSIG: '1' } });
    await times(cli, READY, 1);

    cli.kill('SIGUSR2');
    const listening = /WARNING\/MainProcess\] The debugger listens at ws:\/\/127\.0\.0\.1:(\d+)\//g;
    const [, port] = await cli.sees(new RegExp(listening.source));
    assert.ok(await accepts(Number(port)));
    cli.kill('SIGUSR2');
    await cli.sees(/The debugger is closed\./);
    assert.ok(!(await accepts(Number(port))));
    cli.kill('SIGUSR2');

    await times(cli, listening, 2);
  });
});

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

describe('TTIN and TTOU', { concurrency: 2 }, () => {
  it('make the pool larger and smaller by one', async t => {
    const { worker, children } = setup(t);
    const cli = worker(['-c', '2']);
    await times(cli, READY, 1);

    cli.kill('SIGTTIN');
    await cli.sees(/The pool will grow: it has 3 places now\./);
    await eventually(async () => (await children()).length === 3, { seconds: 20 });
    cli.kill('SIGTTOU');
    await cli.sees(/The pool will shrink: it has 2 places now\./);

    assert.equal((await children()).length, 2);
    cli.kill('SIGTTOU');
    await cli.sees(/The pool will shrink: it has 1 place now\./);
    cli.kill('SIGTTOU');
    await cli.sees(
      /The pool could not shrink: a pool keeps one child at least, and this one has 1$/m,
    );
    assert.equal((await children()).length, 1);
  });

  it('say what cannot be, and change nothing then', async t => {
    const { worker, call, children } = setup(t);
    const [busy, solo] = [
      worker(['-c', '2', '-n', 'busy@h', '-l', 'DEBUG']),
      worker(['-P', 'solo', '-n', 'solo@h', '-Q', 'q']),
    ];
    await Promise.all([times(busy, READY, 1), times(solo, READY, 1)]);
    await Promise.all([call('proj.untilGo'), call('proj.untilGo')]);
    await times(busy, /Task accepted/g, 2);

    busy.kill('SIGTTOU');
    solo.kill('SIGTTIN');

    await busy.sees(/ERROR\/MainProcess\] The pool could not shrink: .*busy/);
    await solo.sees(/ERROR\/MainProcess\] The pool could not grow: The solo pool has no children/);
    assert.ok((await children()).length > 0);
  });
});

describe('REMAP_SIGTERM', () => {
  it('SIGQUIT makes TERM kill what runs', async t => {
    const { worker, call, result } = setup(t);
    const cli = worker([], { env: { REMAP_SIGTERM: 'SIGQUIT' } });
    await times(cli, READY, 1);
    const id = await call('proj.untilGo');
    await cli.sees(/received/);

    cli.kill('SIGTERM');

    assert.equal((await cli.ended()).code, 0);
    assert.match(cli.stdout, /Cold shutdown/);
    assert.match(cli.stderr, new RegExp(`${id}.*The worker was stopped before the task ended`));
    assert.notEqual(await result(id), 'went');
  });

  for (const [value, said] of [
    [
      'SIGQIUT',
      /REMAP_SIGTERM must be one of SIGTERM, SIGINT, .*, got "SIGQIUT"\. Did you mean "SIGQUIT"\?/,
    ],
    ['SIGKILL', /REMAP_SIGTERM must be one of .*, got "SIGKILL"\.\n/],
  ] as const) {
    it(`${value} is refused before anything starts`, async t => {
      const { cwd } = setup(t);

      const words = ['-A', 'tasks', 'worker', '-P', 'solo'];
      const { code, stdout, stderr } = await runCli(words, { cwd, env: { REMAP_SIGTERM: value } });

      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, said);
    });
  }
});

describe('a child', () => {
  it('leaves signals to whole process groups to its worker', async t => {
    const { worker, go, call, result, children } = setup(t);
    const cli = worker(['-c', '1']);
    await times(cli, READY, 1);
    const id = await call('proj.untilGo');
    await cli.sees(/received/);
    const [pid] = await children();

    const signals = [
      'SIGINT',
      'SIGQUIT',
      'SIGHUP',
      'SIGUSR1',
      'SIGUSR2',
      'SIGTTIN',
      'SIGTTOU',
    ] as const;
    for (const signal of signals) process.kill(pid!, signal);
    go();

    assert.equal(await result(id), 'went');
    assert.deepEqual(await children(), [pid]);
    assert.doesNotMatch(cli.stderr, /exited with|Debugger/);
  });
});
