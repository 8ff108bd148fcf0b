import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import {
  type AsyncResult,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
  WorkerLostError,
} from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  redisSurroundings,
  type Surroundings,
  type WorkerBench,
  withWorker,
} from '../support/worker.ts';

let surroundings: Surroundings;
before(async () => {
  surroundings = await redisSurroundings();
});
after(() => surroundings.stop());

interface Kind {
  readonly args: readonly string[];
  /** As `%(processName)s` shows it. */
  readonly processName: RegExp;
  readonly kills: boolean;
  readonly inProcess: boolean;
}

const KINDS: Record<string, Kind> = {
  'async -c 100': {
    args: ['-P', 'async', '-c', '100'],
    processName: /MainProcess/,
    kills: false,
    inProcess: true,
  },
  'threads -c 2': {
    args: ['-P', 'threads', '-c', '2'],
    processName: /ThreadPoolWorker-\d+/,
    kills: true,
    inProcess: true,
  },
  'prefork -c 1 --slots 10': {
    args: ['-P', 'prefork', '-c', '1', '--slots', '10'],
    processName: /ForkPoolWorker-\d+/,
    kills: true,
    inProcess: false,
  },
};

for (const [name, kind] of Object.entries(KINDS)) {
  describe(`a worker with -P ${name}`, () => {
    let bench: WorkerBench;
    let finish: () => void;
    let finished: Promise<void>;

    before(async () => {
      await new Promise<void>((ready, failed) => {
        finished = withWorker(surroundings, { args: kind.args }, async started => {
          bench = started;
          ready();
          await new Promise<void>(resolve => {
            finish = resolve;
          });
        });
        finished.catch(failed);
      });
    });
    after(async () => {
      finish();
      await finished;
    });

    const send = (
      task: string,
      args: unknown[] = [],
      options = {},
    ): Promise<AsyncResult<unknown>> => bench.app.sendTask(task, args, options);
    const get = async (task: string, args: unknown[] = [], options = {}) =>
      (await send(task, args, options)).get({ timeout: 20 });
    const logLine = (level: string, text: string) =>
      new RegExp(`${level}/${kind.processName.source}\\] ${text}`);

    it('returns the values of tasks', async () => {
      const results = await Promise.all([1, 2, 3, 4].map(n => get('w.add', [n, n])));

      assert.deepEqual(results, [2, 4, 6, 8]);
    });

    it('gives each of several running tasks its own context', async () => {
      const sent = await Promise.all(Array.from({ length: 20 }, () => send('w.whoAmI')));
      const seen = (await Promise.all(sent.map(r => r.get({ timeout: 20 })))) as {
        id: string;
        same: boolean;
        pid: number;
      }[];

      assert.deepEqual(
        seen.map(s => s.id),
        sent.map(r => r.id),
      );
      assert.ok(seen.every(s => s.same));
      assert.equal(seen[0]!.pid === bench.worker.child.pid, kind.inProcess);
    });

    it('fails a task with the error it threw', async () => {
      await assert.rejects(get('w.fail', ['so sorry']), { name: 'TypeError', message: 'so sorry' });
    });

    it('runs a task again after a retry', async () => {
      assert.equal(await get('w.retries', [2]), 2);
    });

    it('tells a task its soft time limit, and it may clean up', async () => {
      assert.equal(await get('w.careful'), 'cleaned up');
      await assert.rejects(get('w.patient'), SoftTimeLimitExceeded);
    });

    it('fails a task at its hard time limit, whatever the task does later', async () => {
      const file = bench.file();
      const result = await send('w.stubborn', [file]);

      await assert.rejects(result.get({ timeout: 20 }), TimeLimitExceeded);
      await bench.worker.sees(/Hard time limit \(0\.3s\) exceeded for w\.stubborn/);
      if (!kind.kills) await eventually(async () => (await bench.lines(file)).length === 1);
      assert.equal(await result.state(), 'FAILURE');
    });

    it('logs what tasks print, one record per line, and keeps its own output', async () => {
      await get('w.speaks', ['hello']);

      await bench.worker.sees(logLine('WARNING', 'hello on stdout\\n'));
      await bench.worker.sees(logLine('WARNING', 'hello again\\n'));
      await bench.worker.sees(logLine('WARNING', 'hello on stderr\\n'));
      assert.doesNotMatch(bench.worker.stdout, /hello/);
      assert.match(bench.worker.stdout, /\[queues\]/);
    });

    it('logs what tasks log with their name and id', async () => {
      const result = await send('w.speaks', ['hey']);
      await result.get({ timeout: 20 });

      const label = `w\\.speaks\\[${result.id}\\]: `;
      await bench.worker.sees(logLine('INFO', `${label}hey by self`));
      await bench.worker.sees(logLine('WARNING', `${label}hey by getTaskLogger`));
    });

    if (kind.kills) {
      it('kills a task that never yields at its hard time limit', async () => {
        await assert.rejects(get('w.spins'), TimeLimitExceeded);
      });

      it('fails a task with WorkerLostError when its code takes its child down', async () => {
        await assert.rejects(get('w.exits', [3]), WorkerLostError);
        assert.equal(await get('w.add', [1, 2]), 3);
      });
    }

    if (name.startsWith('async')) {
      it('names a task that blocks its event loop', async () => {
        const result = await send('w.blocks', [1.5]);

        await bench.worker.sees(
          new RegExp(
            `WARNING/MainProcess\\] The event loop of MainProcess was blocked for 1\\.\\ds, running: w\\.blocks\\[${result.id}\\]`,
          ),
        );
      });
    }

    it('ends what runs on TERM, says so on stdout and exits with 0', async () => {
      const notes = bench.file();
      const long = await send('w.work', [notes, 'long', 1]);
      await eventually(async () => (await bench.lines(notes)).length === 1);

      bench.worker.kill('SIGTERM');
      const { code, stdout } = await bench.worker.ended();

      assert.equal(code, 0);
      assert.match(stdout, /\nworker: Warm shutdown \(MainProcess\)\n/);
      assert.equal(await long.get({ timeout: 1 }), 'long');
    });
  });
}

describe('a worker with many places', () => {
  for (const name of ['async -c 100', 'prefork -c 1 --slots 10']) {
    it(`runs as many waiting tasks at once as it has places (${name})`, async () => {
      const args = KINDS[name]!.args;
      await withWorker(surroundings, { args }, async ({ app, file, lines }) => {
        const notes = file();
        const results = await Promise.all(
          Array.from({ length: 10 }, (_, i) => app.sendTask('w.work', [notes, `t${i}`, 1])),
        );

        await eventually(async () => (await lines(notes)).length === 10);

        const states = await Promise.all(results.map(result => result.state()));
        assert.deepEqual(new Set(states), new Set(['PENDING']));
        await Promise.all(results.map(result => result.get({ timeout: 20 })));
      });
    });
  }
});

describe('a worker whose children are limited', () => {
  it('replaces a child that uses too much memory when its tasks are done', async () => {
    const args = ['-c', '1', '--slots', '2', '--max-memory-per-child', '150000'];
    await withWorker(surroundings, { args }, async ({ app, worker, file, lines }) => {
      const notes = file();
      const neighbour = await app.sendTask('w.work', [notes, 'neighbour', 1]);
      await eventually(async () => (await lines(notes)).length === 1);
      const first = await (await app.sendTask('w.leaks', [200])).get({ timeout: 20 });

      await worker.sees(
        /WARNING\/MainProcess\] child process exiting after exceeding memory limit \(\d+KiB \/ 150000KiB\)/,
      );
      assert.equal(await neighbour.get({ timeout: 20 }), 'neighbour');
      const second = await (await app.sendTask('w.leaks', [1])).get({ timeout: 20 });
      assert.notEqual(second, first);
    });
  });

  it('replaces a child after its share of tasks', async () => {
    const args = ['-c', '1', '--max-tasks-per-child', '2'];
    await withWorker(surroundings, { args }, async ({ app, worker }) => {
      const pids = [];
      for (let i = 0; i < 4; i++) {
        pids.push(await (await app.sendTask('w.leaks', [0])).get({ timeout: 20 }));
      }

      assert.equal(new Set(pids).size, 2);
      assert.doesNotMatch(worker.stderr, /ERROR|exited/);
    });
  });
});

describe('output of tasks', () => {
  it('is not redirected when worker_redirect_stdouts is off', async () => {
    const settings = { worker_redirect_stdouts: false };
    await withWorker(surroundings, { settings }, async ({ app, worker }) => {
      await (await app.sendTask('w.speaks', ['plain'])).get({ timeout: 20 });

      await worker.sees(/\nplain on stdout\nplain again\n/);
      assert.match(worker.stdout, /plain on stdout/);
    });
  });

  it('has the level and the format that settings name', async () => {
    const settings = {
      worker_redirect_stdouts_level: 'error',
      worker_log_format: '%(levelname)s <%(name)s> %(message)s',
      worker_task_log_format: '%(levelname)s <%(name)s> {%(task_name)s} %(message)s',
    };
    await withWorker(surroundings, { settings }, async ({ app, worker }) => {
      await (await app.sendTask('w.speaks', ['own'])).get({ timeout: 20 });

      await worker.sees(/ERROR <celery\.redirected> own on stdout/);
      await worker.sees(/INFO <celery\.task> \{w\.speaks\} own by self/);
      await worker.sees(/WARNING <w\.log> \{w\.speaks\} own by getTaskLogger/);
    });
  });

  it('names task and run in a JSON log', async () => {
    await withWorker(surroundings, { args: ['--log-format', 'json'] }, async ({ app, worker }) => {
      const result = await app.sendTask('w.speaks', ['json']);
      await result.get({ timeout: 20 });

      const [line] = await worker.sees(/^.*json on stdout.*$/m);
      const { level, message, task_name, task_id } = JSON.parse(line) as Record<string, unknown>;
      assert.deepEqual(
        { level, message, task_name, task_id },
        {
          level: 'WARNING',
          message: 'json on stdout',
          task_name: 'w.speaks',
          task_id: result.id,
        },
      );
    });
  });
});

describe('processes of a worker', () => {
  it('have the titles of Celery', async () => {
    await withWorker(surroundings, { args: ['-c', '1'] }, async ({ worker, app }) => {
      const child = await (await app.sendTask('w.leaks', [0])).get({ timeout: 20 });
      const title = (pid: unknown) =>
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', '');

      await eventually(() =>
        assert.match(title(worker.child.pid), /^\[celeryd: w1@test:MainProcess\] -active- \(/),
      );
      assert.equal(title(child), '[celeryd: w1@test:ForkPoolWorker-1]');
    });
  });

  for (const args of [
    ['-P', 'async', '-c', '10'],
    ['-P', 'gevent', '-c', '10'],
    ['-P', 'solo'],
  ]) {
    it(`may share a broker in memory when there is only one (${args[1]})`, async () => {
      const settings = { broker_url: 'memory://', result_backend: 'cache+memory://' };
      await withWorker(surroundings, { settings, args }, async ({ worker }) => {
        assert.match(worker.stderr, /ready\./);
      });
    });
  }
});
