/** The lines with which the program is used, as they are typed, in the folder of a project. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { shellQuoted } from '../../src/base/text/shell-words.ts';
import { cleanEnvironment } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { processesIn, type SeenProcess } from '../support/processes.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const PROJECT = {
  'proj/celery.ts': `
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj', {
  include: ['proj.tasks'],
  beat_schedule: {
    often: { task: 'tasks.refresh', schedule: 0.5, args: ['a.xml'], options: { queue: 'feeds' } },
  },
});
`,
  'proj/tasks.ts': `
import { app } from './celery.ts';
export const add = app.task('tasks.add', (x: number, y: number) => x + y);
export const refresh = app.task('tasks.refresh', (feed: string) => \`fresh \${feed}\`);
`,
};

/** A line that runs. */
interface Seen {
  readonly child: ChildProcess;
  output: string;
}

/** A shell in the folder of the project, for which `tscelery` is a command. */
function shell(t: TestContext) {
  // before the folder goes
  t.after(async () => {
    for (const { pid } of processesIn(cwd)) process.kill(pid, 'SIGKILL');
    await eventually(() => assert.deepEqual(processesIn(cwd), []));
  });
  const cwd = temporaryProject(t, { ...PROJECT, 'bin/.keep': '' });
  const command = join(cwd, 'bin/tscelery');
  const words = [process.execPath, ...program.nodeArgs, program.entry].map(shellQuoted);
  writeFileSync(command, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(command, 0o755);
  const path = `${join(cwd, 'bin')}:${process.env.PATH}`;
  const env = { ...cleanEnvironment(), ...program.env, PATH: path };
  const start = (line: string) => {
    const child = spawn('/bin/sh', ['-c', line], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const seen: Seen = { child, output: '' };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        seen.output += text;
      });
    }
    return seen;
  };
  const run = async (line: string) => {
    const seen = start(line);
    const [code] = await once(seen.child, 'close');
    return `${seen.output}exit code ${code}\n`;
  };
  return { cwd, start, run };
}

/** Not the shell that started it, whose exit code is that of its command. */
function processNamed(cwd: string, title: RegExp): number {
  const [found] = processesIn(cwd).filter(({ words }) => title.test(words)) as [SeenProcess];
  return found.pid;
}

async function terminated(seen: Seen, pid: number): Promise<void> {
  const ended = once(seen.child, 'close');
  process.kill(pid, 'SIGTERM');
  assert.deepEqual(await ended, [0, null], seen.output);
}

describe('a project is used with', { timeout: 120_000 }, () => {
  it('a worker of some queues, beat, nodes in the background, and remote control', async t => {
    const { cwd, start, run } = shell(t);

    const worker = start('tscelery -A proj worker -l INFO -Q feeds');
    await eventually(() => assert.match(worker.output, /celery@\S+ ready\./));
    assert.match(worker.output, /\[tasks\]\n {2}\. tasks\.add\n {2}\. tasks\.refresh\n/);
    assert.match(worker.output, /\[queues\]\n +\.> feeds /);
    const sent = await run(`tscelery -A proj call tasks.add --args '[2, 3]' --queue feeds`);
    const [id] = sent.split('\n');
    assert.equal(await run(`tscelery -A proj result ${id}`), '5\nexit code 0\n');

    const beat = start('tscelery -A proj beat');
    const isFresh = /Task tasks\.refresh\[\S+\] succeeded in \S+s: 'fresh a\.xml'/;
    await eventually(() => assert.match(worker.output, isFresh, beat.output));
    await terminated(beat, processNamed(cwd, /^celery beat/));

    const files = `--pidfile=${cwd}/%n.pid --logfile=${cwd}/%n%I.log`;
    const started = await run(`tscelery -A proj multi start w1 ${files}`);
    assert.match(started, /^> Starting nodes\.\.\.\n\t> w1@\S+: OK\nexit code 0$/m);
    const pid = Number(readFileSync(join(cwd, 'w1.pid'), 'utf8'));
    assert.ok(processesIn(cwd).some(process_ => process_.pid === pid));

    const limited = await run('tscelery control rate_limit tasks.add 10/m');
    assert.match(limited, /^-> {2}celery@\S+: OK\n {8}new rate limit set successfully$/m);
    assert.match(limited, /^-> {2}w1@\S+: OK\n {8}new rate limit set successfully$/m);
    assert.match(limited, /exit code 0\n$/);

    assert.match(await run(`tscelery multi stopwait w1 ${files}`), /w1@\S+: OK\n/);
    await terminated(worker, processNamed(cwd, /celeryd: celery@\S+:Main/));
  });
});
