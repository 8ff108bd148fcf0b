import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { mayBeCelery, startTimeOf, statusOf } from '../../../src/process/running.ts';
import { eventually } from '../../support/eventually.ts';

const PROC = process.platform !== 'linux' && 'only Linux has /proc';

async function started(t: TestContext, program: string, args: string[]) {
  const child = spawn(program, args);
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  return child;
}

/** A Node that shows this title. */
async function titled(t: TestContext, title: string) {
  const code = `process.title = ${JSON.stringify(title)}; console.log(); setInterval(() => {}, 1e6)`;
  const child = await started(t, process.execPath, ['-e', code, 'x'.repeat(title.length)]);
  await once(child.stdout, 'data');
  return child.pid!;
}

describe('a process that a pidfile names', () => {
  it('is alive, and gone when it has ended', async t => {
    const child = await started(t, 'sleep', ['60']);
    assert.equal(statusOf(child.pid!), 'alive');

    child.kill('SIGKILL');
    await once(child, 'exit');

    assert.equal(statusOf(child.pid!), 'gone');
    assert.equal(statusOf(0), 'gone');
  });

  it('is gone when nobody has waited for its end', { skip: PROC }, async t => {
    // a shell that becomes a program which never waits for the child it inherits
    const shell = await started(t, 'sh', ['-c', 'sleep 0 & echo $!; exec sleep 60']);
    const [line] = (await once(shell.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());

    await eventually(() => assert.match(readFileSync(`/proc/${pid}/stat`, 'utf8'), /\) Z /));

    assert.equal(statusOf(pid), 'gone');
  });

  it('is told from a later one by its start', { skip: PROC }, async t => {
    const { pid } = await started(t, 'sleep', ['60']);

    assert.match(startTimeOf(pid!) ?? '', /^\d+$/);
    assert.equal(startTimeOf(pid!), startTimeOf(pid!));
    assert.notEqual(startTimeOf(pid!), startTimeOf(process.pid));
  });

  it('may be a worker when it is a Node or has the name of one', { skip: PROC }, async t => {
    const { pid } = await started(t, 'sleep', ['60']);
    await eventually(() => assert.equal(mayBeCelery(pid!), false));
    assert.equal(mayBeCelery(process.pid), true);

    const worker = await titled(t, '[celeryd: w1@host:MainProcess] -active- (worker)');
    assert.equal(mayBeCelery(worker), true);
    assert.equal(mayBeCelery(worker, 'w1@host'), true);
    assert.equal(mayBeCelery(worker, 'w2@host'), false, 'the id of w2 was used again by w1');
  });
});
