import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/eventually.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Quickstart {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  /** Where it may write. */
  readonly folder: string;
  ended(): Promise<number | null>;
}

function start(t: TestContext, root: string): Quickstart {
  const folder = temporaryProject(t, {});
  const child = spawn(join(root, 'scripts/quickstart'), {
    cwd: tmpdir(),
    // settings of others must not matter
    env: { ...process.env, TMPDIR: folder, CELERY_BROKER_URL: 'redis://127.0.0.1:1', APP: 'x' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // as in a terminal, where Ctrl+C goes to all processes of the command
    detached: true,
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', text => {
      output[name] += text;
    });
  }
  const closed = once(child, 'close');
  t.after(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL');
  });
  return { child, output, folder, ended: async () => (await closed)[0] };
}

/** Nothing it made is there any more: no files, no processes in its folder. */
function assertNothingLeft(folder: string): void {
  assert.deepEqual(
    readdirSync(folder).filter(name => name.startsWith('tscelery-quickstart')),
    [],
  );
  assert.deepEqual(processesIn(folder), []);
}

function processesIn(folder: string): string[] {
  if (!existsSync('/proc/self/cwd')) return [];
  return readdirSync('/proc').filter(pid => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
    } catch {
      return false; // not ours, or gone meanwhile
    }
  });
}

/** A checkout that shares everything with this one but its example. */
function checkoutWith(t: TestContext, app: string): string {
  const root = temporaryProject(t, {});
  for (const name of ['bin', 'dist', 'node_modules'])
    symlinkSync(join(ROOT, name), join(root, name));
  for (const name of ['package.json', 'scripts/quickstart', 'examples/quickstart']) {
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  }
  writeFileSync(join(root, 'examples/quickstart/app.ts'), app);
  return root;
}

describe('scripts/quickstart', () => {
  it('runs tasks of several kinds from any folder and leaves nothing behind', async t => {
    const { output, folder, ended } = start(t, ROOT);

    assert.equal(await ended(), 0, output.stderr + output.stdout);

    const shown = [
      /add\(2, 3\) +sent\n.*SUCCESS +5\n/,
      /greet\("Ada"\) +sent\n.*SUCCESS +'Hello, Ada!'\n/,
      /divide\(1, 0\) +sent\n.*FAILURE +RangeError: division by zero\n/,
      /flaky\("The printer"\) +sent\n.*RETRY +The printer is not ready\n/,
      /SUCCESS +'The printer after 2 retries'\n/,
      /PROGRESS +\{ page: \d, pages: 4 \}\n/,
      /countdown 1 +sent\n.*SUCCESS +42\n/,
      /INFO\/ForkPoolWorker-\d\] Task quickstart\.add\[[\w-]+\] succeeded in [\d.e-]+s: 5\n/,
      /Stopped: .*exit code 0\./,
    ];
    for (const pattern of shown) assert.match(output.stdout, pattern);
    assert.ok(!output.stdout.includes('\x1b'), 'colours without a terminal');
    assertNothingLeft(folder);
  });

  it('ends with its worker on Ctrl+C', async t => {
    const { child, output, folder, ended } = start(t, ROOT);
    await eventually(() => assert.match(output.stdout, /greet.*sent/), { seconds: 60 });

    process.kill(-child.pid!, 'SIGINT');

    assert.equal(await ended(), 130);
    await eventually(() => assertNothingLeft(folder));
  });

  it('shows what a worker wrote that does not start, and fails', async t => {
    const { output, folder, ended } = start(t, checkoutWith(t, 'throw new Error("boom");\n'));

    assert.equal(await ended(), 1);

    assert.match(output.stderr, /Error: boom\n/);
    assert.match(output.stderr, /scripts\/quickstart: The worker ended before it was ready\.\n$/);
    assertNothingLeft(folder);
  });

  it('fails when a result is not what it should be', async t => {
    const app = `
      import { Celery } from 'tscelery';
      export const app = new Celery();
      export const add = app.task('wrong.add', (...args) => 7);
      export const [greet, divide, flaky, crawl] = [add, add, add, add];`;
    const { output, folder, ended } = start(t, checkoutWith(t, app));

    assert.equal(await ended(), 1);

    assert.match(output.stdout, /Not as expected: add\(2, 3\) should have given 5\n/);
    assert.match(output.stderr, /Task wrong\.add\[[\w-]+\] succeeded/);
    assertNothingLeft(folder);
  });
});
