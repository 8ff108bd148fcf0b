import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Pidfile, PidfileError, PidfileInUse } from '../../../src/process/pidfile.ts';
import { mayBeCelery } from '../../../src/process/running.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryProject } from '../../support/temporary-project.ts';

function setup(t: TestContext) {
  const path = join(temporaryProject(t, {}), 'worker.pid');
  const pidfile = new Pidfile(path);
  t.after(pidfile.release);
  const warnings: string[] = [];
  const acquire = () => pidfile.acquire(line => warnings.push(line));
  return { path, pidfile, warnings, acquire };
}

/** The pid of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid!;
}

describe('pidfile', () => {
  it('holds the process id in decimal, with a line end, readable for all', t => {
    const { path, acquire } = setup(t);

    acquire();

    assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
    assert.equal(statSync(path).mode & 0o777 & ~0o644, 0);
  });

  it('with a 0 in it is stale', t => {
    const { path, acquire, warnings } = setup(t);
    writeFileSync(path, '0\n');

    acquire();

    assert.match(warnings.join(), /Stale pidfile/);
    assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
  });

  it('is gone when it is released; releasing twice does nothing', t => {
    const { path, pidfile, acquire } = setup(t);
    acquire();

    pidfile.release();
    assert.equal(existsSync(path), false);
    writeFileSync(path, '1\n');
    pidfile.release();

    assert.equal(existsSync(path), true);
  });

  it('of a process that is alive is left alone and named', t => {
    const { path, pidfile, acquire } = setup(t);
    writeFileSync(path, `${process.ppid}\n`);

    assert.throws(acquire, error => {
      assert.ok(error instanceof PidfileInUse);
      assert.equal(
        error.message,
        `Pidfile (${path}) already exists.\nSeems we're already running? (pid: ${process.ppid})`,
      );
      return true;
    });
    pidfile.release();

    assert.equal(readFileSync(path, 'utf8'), `${process.ppid}\n`);
  });

  it('of a process that is gone is replaced, and that is said', async t => {
    const { path, warnings, acquire } = setup(t);
    writeFileSync(path, `${await deadPid()}\n`);

    acquire();

    assert.deepEqual(warnings, ['Stale pidfile exists - Removing it.']);
    assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
  });

  for (const [what, text] of [
    ['empty', ''],
    ['no number', 'hello\n'],
    ['cut off before its line end', '12'],
  ] as const) {
    it(`that is ${what} is broken and replaced, and that is said`, t => {
      const { path, warnings, acquire } = setup(t);
      writeFileSync(path, text);

      acquire();

      assert.deepEqual(warnings, ['Broken pidfile found - Removing it.']);
      assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
    });
  }

  it('that is a pipe is refused, and not waited for', t => {
    const { path, acquire } = setup(t);
    execFileSync('mkfifo', [path]);

    assert.throws(acquire, /PidfileError: .*it is no regular file/);
  });

  it('with our own id, left by a container of the same, is replaced without a word', t => {
    const { path, warnings, acquire } = setup(t);
    writeFileSync(path, `${process.pid}\n`);

    acquire();

    assert.deepEqual(warnings, []);
    assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
  });

  it('of another program, whose process has got the id of one that is gone, is replaced', async t => {
    const { path, warnings, acquire } = setup(t);
    const other = spawn('sleep', ['60']);
    t.after(() => other.kill('SIGKILL'));
    await once(other, 'spawn');
    await eventually(() => assert.equal(mayBeCelery(other.pid!), false));
    writeFileSync(path, `${other.pid}\n`);

    acquire();

    assert.deepEqual(warnings, ['Stale pidfile exists - Removing it.']);
  });

  it('that another process has written since is not removed', t => {
    const { path, pidfile, acquire } = setup(t);
    acquire();
    writeFileSync(path, `${process.ppid}\n`);

    pidfile.release();

    assert.equal(readFileSync(path, 'utf8'), `${process.ppid}\n`);
  });

  it('that was left behind is taken by one of many that want it at once', async t => {
    const { path } = setup(t);
    writeFileSync(path, `${await deadPid()}\n`);
    const module = new URL('../../../src/process/pidfile.ts', import.meta.url).href;
    const code = `
      const { Pidfile } = await import(${JSON.stringify(module)});
      process.stdin.once('data', () => {
        try { new Pidfile(${JSON.stringify(path)}).acquire(() => {}); console.log('has it'); }
        catch (error) { console.log(error.code, error.pid); }
        process.stdin.once('end', () => process.exit());
      });
      console.log('is here');`;
    const loader = new URL('../../support/typescript-loader.mjs', import.meta.url).href;
    const rivals = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--import', loader, '--input-type=module', '-e', code]),
    );
    t.after(() => rivals.forEach(rival => void rival.kill('SIGKILL')));
    const said = rivals.map(rival => {
      const lines: string[] = [];
      rival.stdout.setEncoding('utf8').on('data', text => lines.push(...text.trim().split('\n')));
      return lines;
    });
    await eventually(() => said.every(lines => lines.length === 1));

    for (const rival of rivals) rival.stdin.write('now');
    await eventually(() => said.every(lines => lines.length === 2));

    const winner = rivals[said.findIndex(lines => lines[1] === 'has it')]!;
    const ends = said.map(lines => lines[1]).sort();
    const lost = `PIDFILE_IN_USE ${winner.pid}`;
    assert.deepEqual(ends, [lost, lost, lost, 'has it']);
    assert.equal(readFileSync(path, 'utf8'), `${winner.pid}\n`);
  });

  it('in a folder that does not exist cannot be used', t => {
    const { path } = setup(t);

    assert.throws(() => new Pidfile(join(path, 'x')).acquire(() => {}), PidfileError);
  });
});
