import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { printable } from '../../../../src/base/text/printable.ts';
import {
  askServer,
  lookAtHealthFile,
  lookAtPidfile,
} from '../../../../src/process/health/probe.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/servers.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

const host = '127.0.0.1';

async function somebody(t: TestContext, answer: (socket: Socket) => void) {
  const server = createServer(socket => {
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    answer(socket);
  });
  const port = await freePort();
  server.listen(port, host);
  await once(server, 'listening');
  t.after(() => server.close());
  return { port, host };
}

describe('who asks a process for its health', () => {
  test('gets an answer in time from somebody who is silent, or talks without end', async t => {
    const silent = await somebody(t, () => {});
    const halting = await somebody(t, socket => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    const chatty = await somebody(t, socket => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const timer = setInterval(() => socket.write('x'.repeat(1000)), 5);
      t.after(() => clearInterval(timer));
    });

    for (const address of [silent, halting]) {
      assert.deepEqual(await askServer(address, '/live', 0.2), {
        isWell: false,
        reason: `no answer from ${host}:${address.port} within 0.2 s: the event loop is blocked, or the process is stopped`,
      });
    }
    const { reason } = await askServer(chatty, '/live', 5);
    assert.equal(reason.length, 500);
  });

  test('is told in one line of what is no worker', async t => {
    const reasons: string[] = [];
    const answers = [
      'HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n',
      'HTTP/1.1 503 No\r\n\r\nnot ready: \x1b[31mred\x07\nsecond line',
      'SSH-2.0-OpenSSH_9.2\r\n',
      '',
    ];
    for (const answer of answers) {
      const address = await somebody(t, socket => socket.end(answer));
      const { isWell, reason } = await askServer(address, '/ready', 5);
      assert.equal(isWell, false, answer);
      reasons.push(reason.replace(`${host}:${address.port}`, 'it'));
    }

    assert.equal(reasons[0], 'it answered with status 404');
    assert.match(reasons[1]!, /^not ready: .*red/);
    for (const reason of reasons) assert.equal(reason, printable(reason));
  });

  test('hears that nobody is there', async t => {
    const port = await freePort();
    const socket = join(temporaryProject(t, {}), 'none.sock');

    assert.equal(
      (await askServer({ port, host }, '/live', 5)).reason,
      `nothing listens on ${host}:${port}`,
    );
    assert.equal((await askServer({ socket }, '/live', 5)).reason, `nothing listens on ${socket}`);
  });
});

describe('who looks at a pidfile', () => {
  test('sees whether its process runs, is stopped, or is gone', async t => {
    const file = join(temporaryProject(t, {}), 'pid');
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    t.after(() => child.kill('SIGKILL'));
    writeFileSync(file, `${child.pid}\n`);
    assert.deepEqual(lookAtPidfile(file), { isWell: true, reason: `process ${child.pid} runs` });

    child.kill('SIGSTOP');
    await eventually(() => lookAtPidfile(file).reason === `process ${child.pid} is stopped`);
    child.kill('SIGKILL');
    await once(child, 'exit');

    assert.equal(lookAtPidfile(file).reason, `process ${child.pid} of ${file} does not run`);
  });

  test('takes a process of somebody else for one', t => {
    const file = join(temporaryProject(t, { pid: '1\n' }), 'pid');

    assert.ok(lookAtPidfile(file).isWell);
  });

  test('is told when there is none, or something else in it', t => {
    const folder = temporaryProject(t, { word: 'celery\n', zero: '0\n', empty: '', minus: '-1\n' });

    assert.match(lookAtPidfile(join(folder, 'none')).reason, /^no pidfile: ENOENT/);
    for (const name of ['word', 'zero', 'empty', 'minus']) {
      const path = join(folder, name);
      assert.deepEqual(lookAtPidfile(path), {
        isWell: false,
        reason: `there is no process id in ${path}`,
      });
    }
  });
});

test('a health file is young for ten seconds', t => {
  const path = join(temporaryProject(t, { health: '1\n' }), 'health');
  const after = (seconds: number) => lookAtHealthFile(path, Date.now() + seconds * 1000);

  assert.equal(after(0).reason, `${path} was touched 0 s ago`);
  assert.ok(after(9).isWell);
  assert.deepEqual(after(60), {
    isWell: false,
    reason: `${path} was touched 60 s ago, which is more than 10`,
  });
  assert.ok(after(-3600).isWell, 'a clock that was set back');
  assert.equal(lookAtHealthFile(`${path}.no`).reason, `${path}.no does not exist`);
});
