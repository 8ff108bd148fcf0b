/** Workers in the background, with a pidfile, as another user, and started again by changes. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type CliOptions, runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const app = (result: string) => `
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj');
export const word = app.task('proj.word', () => ${JSON.stringify(result)});
export const whoAmI = app.task('proj.whoAmI', () => [process.getuid(), process.getgid(), process.umask()]);
`;
const isRoot = process.getuid?.() === 0;

function setup(t: TestContext) {
  // before the folder with the pidfile goes: hooks run in the order in which they are given
  t.after(() => end(pid));
  const cwd = temporaryProject(t, { 'tasks.js': app('first') });
  const options: CliOptions = { cwd };
  const path = (name: string) => join(cwd, name);
  const pid = () => Number(readFileSync(path('w.pid'), 'utf8'));
  const worker = (...args: string[]) => ['-A', 'tasks', 'worker', '-P', 'solo', ...args];
  const word = async () => {
    const sent = await runCli(['-A', 'tasks', 'call', 'proj.word'], options);
    const result = await runCli(
      ['-A', 'tasks', 'result', '--timeout', '20', sent.stdout.trim()],
      options,
    );
    return result.stdout.trim() || result.stderr;
  };
  return { cwd, options, path, pid, worker, word };
}

/** Ends the worker of the pidfile, if there is one. */
async function end(pid: () => number): Promise<void> {
  let process_: number;
  try {
    process_ = pid();
    process.kill(process_, 'SIGKILL');
  } catch {
    return;
  }
  await gone(process_);
}

const gone = (pid: number) =>
  eventually(() => assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' }), { seconds: 20 });

describe('a worker in the background', { concurrency: 2 }, () => {
  it('is ready when the command returns, and ends on TERM, with its pidfile', async t => {
    const { options, path, pid, worker, word } = setup(t);

    const launched = await runCli(
      worker('-D', '--pidfile', 'w.pid', '-f', '%n.log', '-l', 'info'),
      options,
    );

    assert.deepEqual([launched.code, launched.stdout, launched.stderr], [0, '', '']);
    assert.match(readFileSync(path('celery.log'), 'utf8'), / ready\./);
    assert.equal(await word(), 'first');
    const process_ = pid();
    process.kill(process_, 'SIGTERM');
    await gone(process_);
    assert.equal(existsSync(path('w.pid')), false);
  });

  it('says at the terminal why it cannot start', async t => {
    const { options, path, pid, worker } = setup(t);
    await runCli(worker('-D', '--pidfile', 'w.pid'), options);

    const second = await runCli(worker('-D', '--pidfile', 'w.pid'), options);

    assert.equal(second.code, 73);
    assert.equal(
      second.stderr,
      `ERROR: Pidfile (w.pid) already exists.\nSeems we're already running? (pid: ${pid()})\n`,
    );
    await end(pid);
    writeFileSync(path('tasks.js'), 'import "./nothing.js";');
    const broken = await runCli(worker('-D'), options);
    assert.equal(broken.code, 2);
    assert.match(broken.stderr, /nothing\.js/);
    writeFileSync(path('tasks.js'), app('x'));
    const wrong = await runCli(worker('-D', '-f', 'no/such/folder/w.log'), options);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /no\/such\/folder/);
  });

  it('starts again on HUP with the same process id and pidfile', async t => {
    const { options, path, pid, worker, word } = setup(t);
    await runCli(worker('-D', '--pidfile', 'w.pid', '-f', 'w.log', '-l', 'info'), options);
    const before = pid();
    writeFileSync(path('tasks.js'), app('second'));

    process.kill(before, 'SIGHUP');
    await eventually(
      () => assert.equal(readFileSync(path('w.log'), 'utf8').match(/ ready\./g)?.length, 2),
      { seconds: 30 },
    );

    assert.equal(pid(), before);
    assert.equal(await word(), 'second');
    process.kill(before, 'SIGTERM');
    await gone(before);
    assert.equal(existsSync(path('w.pid')), false);
  });

  it('writes into a new log file when the old one was moved away', async t => {
    const { options, path, worker, word } = setup(t);
    await runCli(worker('-D', '--pidfile', 'w.pid', '-f', 'w.log', '-l', 'info'), options);
    renameSync(path('w.log'), path('w.log.1'));

    await eventually(
      async () => {
        await word();
        assert.match(readFileSync(path('w.log'), 'utf8'), /proj\.word\[/);
      },
      { seconds: 30 },
    );
  });

  it('is not started with a umask that is none, in the foreground either', async () => {
    const { code, stderr } = await runCli(['worker', '--umask', '999']);

    assert.equal(code, 1);
    assert.match(stderr, /^Error: umask must be octal .*, not "999"$/m);
  });

  it('runs as the user and with the umask it is told', {
    skip: !isRoot && 'only root can',
  }, async t => {
    const { cwd, options, path, worker } = setup(t);
    chmodSync(cwd, 0o777);
    const args = ['-D', '--pidfile', 'w.pid', '--uid', 'nobody', '--umask', '027'];
    const launched = await runCli(worker(...args), options);
    assert.equal(launched.code, 0, launched.stderr);

    const { uid, mode } = statSync(path('w.pid'));
    const sent = await runCli(['-A', 'tasks', 'call', 'proj.whoAmI'], options);
    const result = await runCli(
      ['-A', 'tasks', 'result', '--timeout', '20', sent.stdout.trim()],
      options,
    );

    assert.equal(uid, 65534);
    assert.equal(mode & 0o777, 0o640);
    assert.equal(result.stdout.trim(), `[65534, 65534, ${0o027}]`);
  });

  it('an unknown user is an error at the terminal', async t => {
    const { options, worker } = setup(t);

    const { code, stderr } = await runCli(worker('-D', '--uid', 'nobody-at-all'), options);

    assert.equal(code, 1);
    assert.equal(stderr, 'Error: User does not exist: nobody-at-all\n');
  });
});

describe('worker --watch', { concurrency: 2 }, () => {
  it('runs the new code after a change, and waits for the next one when it is broken', async t => {
    const { options, path, worker, word } = setup(t);
    const cli = startCli(worker('--watch', '-l', 'info'), options);
    t.after(() => {
      cli.kill('SIGTERM');
      return cli.ended();
    });
    await cli.sees(/ ready\./);
    assert.equal(await word(), 'first');

    writeFileSync(path('tasks.js'), app('second'));
    await cli.sees(/tasks\.js changed: starting again[\s\S]*Warm shutdown/);
    assert.equal(await word(), 'second');
    writeFileSync(path('tasks.js'), 'this is no JavaScript');
    await cli.sees(/The worker ended with exit code 2\. It starts again when a file changes\./);
    writeFileSync(path('tasks.js'), app('third'));
    assert.equal(await word(), 'third');

    cli.kill('SIGTERM');
    const { code } = await cli.ended();
    assert.equal(code, 0);
  });

  it('is not for the background', async t => {
    const { options, worker } = setup(t);

    const { code, stderr } = await runCli(worker('--watch', '-D'), options);

    assert.equal(code, 2);
    assert.match(stderr, /Error: --watch and --detach exclude each other\./);
  });
});
