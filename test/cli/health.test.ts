/** `tscelery health` as scripts and probes run it; what it finds of real workers is in test/worker/health.test.ts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { HealthServer, textPage } from '../../src/process/health/server.ts';
import { runCli } from '../support/cli.ts';
import { freePort } from '../support/servers.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const host = '127.0.0.1';
const pages = (live: number, ready: number) =>
  new Map([
    ['/live', () => textPage(live, live === 200 ? 'live' : 'not live: why not')],
    ['/ready', () => textPage(ready, ready === 200 ? 'ready' : 'not ready: why not')],
  ]);

describe('tscelery health', () => {
  it('says in one line whether a worker is ready, or with --live whether it lives', async t => {
    const port = await freePort();
    const server = new HealthServer({ port, host }, 'worker_health_port', pages(200, 503));
    t.after(() => server.stop());
    await server.start();
    const words = ['health', '--health-port', String(port)];

    const [ready, live] = [await runCli(words), await runCli([...words, '--live'])];

    assert.deepEqual(
      [ready.code, ready.stdout, ready.stderr],
      [1, '', 'not well: not ready: why not\n'],
    );
    assert.deepEqual([live.code, live.stdout, live.stderr], [0, 'live\n', '']);
  });

  it('finds the worker by the variables that the worker has its address from', async t => {
    const port = await freePort();
    const server = new HealthServer({ port, host: '::1' }, 'worker_health_port', pages(200, 200));
    t.after(() => server.stop());
    await server.start();

    const found = await runCli(['health'], {
      env: { TSCELERY_WORKER_HEALTH_PORT: String(port), TSCELERY_WORKER_HEALTH_HOST: '::' },
    });

    assert.deepEqual([found.code, found.stdout], [0, 'ready\n']);
  });

  it('wants all that it is given to be well', async t => {
    const folder = temporaryProject(t, { pid: `${process.pid}\n`, 'w1.health': '' });
    const path = (name: string) => join(folder, name);
    const both = ['--pidfile', path('pid'), '--health-file', path('%n.health'), '-n', 'w1@h'];

    const well = await runCli(['health', ...both]);
    const not = await runCli(['health', ...both, '--health-socket', path('no.sock')]);

    assert.equal(well.code, 0);
    assert.equal(
      well.stdout.replace(/\d+ s/, '0 s'),
      `process ${process.pid} runs, ${path('w1.health')} was touched 0 s ago\n`,
    );
    assert.deepEqual([not.code, not.stdout], [1, '']);
    assert.equal(not.stderr, `not well: nothing listens on ${path('no.sock')}\n`);
  });

  it('loads no app, also when one is named', async t => {
    const folder = temporaryProject(t, {
      'app.js': 'throw new Error("loaded");',
      pid: `${process.pid}`,
    });

    const { code } = await runCli(['-A', 'app.js', 'health', '--pidfile', 'pid'], { cwd: folder });

    assert.equal(code, 0);
  });

  it('waits no longer than it was told for somebody who does not answer', async t => {
    const silent = createServer(() => {});
    t.after(() => silent.close());
    const port = await freePort();
    silent.listen(port, host);
    await once(silent, 'listening');

    const { code, stderr } = await runCli(['health', '--health-port', String(port), '-t', '0.2']);

    assert.equal(code, 1);
    assert.match(
      stderr,
      /^not well: no answer from 127\.0\.0\.1:\d+ within 0\.2 s: the event loop/,
    );
  });

  it('is told where the worker is, and refuses what is none of it', async () => {
    const errors: Record<string, RegExp> = {
      '': /Error: Say where the worker is: --health-port, --health-socket, --health-file or --pidfile\./,
      '--live --health-file x': /Error: A health file says no more than/,
      '--health-port 0': /Invalid value for '--health-port': 0 is not in the range/,
      '--health-port 65536': /65536 is not in the range 1<=x<=65535/,
      '--health-port x': /'x' is not a valid integer/,
      '--helth-port 1': /--health-port/,
      '--pidfile %x': /Unknown format %x/,
    };
    for (const [words, error] of Object.entries(errors)) {
      const { code, stderr } = await runCli(['health', ...words.split(' ').filter(Boolean)]);
      assert.match(stderr, error, words);
      assert.equal(code, words === '--pidfile %x' ? 1 : 2, words);
    }
  });
});
