import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { builtApp } from '../support/built-app.ts';
import { type CliResult, type RunningCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/servers.ts';
import {
  redisSurroundings,
  type Surroundings,
  sharedWorker,
  sqliteSurroundings,
  type WorkerBench,
  withWorker,
} from '../support/worker.ts';

const APP = builtApp(fileURLToPath(new URL('../fixtures/control-app.ts', import.meta.url)));

/** How long a command may take that does not wait for its timeout. */
const LONG = ['-t', '25'];
/** Each costs as much to start as its worker. */
const ONE_CHILD = ['-c', '1'];

function startWith(settings: object, args: readonly string[]): RunningCli {
  const all = ['-A', `${APP}:app`, ...args];
  return startCli(all, { env: { TEST_SETTINGS: JSON.stringify(settings) } });
}

function cli(settings: object, args: readonly string[]): Promise<CliResult> {
  return startWith(settings, args).ended();
}

let surroundings: Surroundings;
before(async () => {
  surroundings = await redisSurroundings();
});
after(() => surroundings.stop());

interface NodeBench extends WorkerBench {
  run(...args: readonly string[]): Promise<CliResult>;
  start(...args: readonly string[]): RunningCli;
}

/** One for all tests that only look at it. */
function sharedNode() {
  const own = { control_exchange: randomUUID() };
  const options = { appFile: APP, settings: own, args: ONE_CHILD };
  const bench = sharedWorker(() => surroundings, options);
  return (body: (bench: Pick<NodeBench, 'run'>) => Promise<void>) => {
    assert.equal(bench().worker.child.exitCode, null);
    return body({ run: (...args) => cli({ ...surroundings.settings, ...own }, args) });
  };
}

function withNode(body: (bench: NodeBench) => Promise<void>): Promise<void> {
  // nodes of other tests must not hear
  const own = { control_exchange: randomUUID() };
  const settings = { ...surroundings.settings, ...own };
  return withWorker(surroundings, { appFile: APP, settings: own, args: ONE_CHILD }, bench =>
    body({
      ...bench,
      run: (...args) => cli(settings, args),
      start: (...args) => startWith(settings, args),
    }),
  );
}

const one = (...lines: readonly string[]) => [...lines, '', '1 node online.', ''].join('\n');

describe('inspect, control and status', { concurrency: 2 }, () => {
  const withSharedNode = sharedNode();

  it('show what a node answers, and how many did', () =>
    withSharedNode(async ({ run }) => {
      assert.equal((await run('status')).stdout, one('->  w1@test: OK'));
      assert.equal((await run('inspect', 'ping')).stdout, one('->  w1@test: OK', '        pong'));
      assert.equal(
        (await run('inspect', 'registered')).stdout,
        one('->  w1@test: OK', '    * c.add [rate_limit=100/m]', '    * c.hold'),
      );
      assert.equal(
        (await run('inspect', 'reserved')).stdout,
        one('->  w1@test: OK', '    - empty -'),
      );
      const { stdout: stats } = await run('inspect', 'stats');
      assert.match(stats, /^-> {2}w1@test: OK\n {4}\{\n {8}"broker": \{\n {12}"alternates"/);
      const changed = await run('control', 'rate_limit', 'c.add', '10/m');
      assert.equal(changed.stdout, '->  w1@test: OK\n        new rate limit set successfully\n');
      const { stdout } = await run('inspect', 'registered', 'rate_limit');
      assert.match(stdout, /\* c\.add \[rate_limit=10\/m\]/);
    }));

  it('show tasks that run, with what they were called with', () =>
    withNode(async ({ app, run }) => {
      const { id } = await app.sendTask('c.hold', [60]);
      const { stdout } = await eventually(async () => {
        const shown = await run('inspect', 'active');
        assert.ok(shown.stdout.includes(id));
        return shown;
      });

      assert.match(
        stdout,
        new RegExp(`^    \\* \\{'id': '${id}', 'name': 'c\\.hold', 'args': \\[60\\]`, 'm'),
      );
      const { stdout: json } = await run('inspect', 'query_task', id, 'nobody', '--json');
      const found = (JSON.parse(json) as Record<string, Record<string, [string]>>)['w1@test']!;
      assert.deepEqual(Object.keys(found), [id]);
      assert.equal(found[id]![0], 'active');
    }));

  it('print an error of a node as such, which is no failure of theirs', () =>
    withSharedNode(async ({ run }) => {
      const refused = await run('control', 'rate_limit', 'c.nobody', '10/m');
      assert.equal(refused.stdout, '->  w1@test: ERROR\n        unknown task\n');
      assert.equal(refused.code, 0);
    }));

  it('say less when they are told to be quiet', () =>
    withSharedNode(async ({ run }) => {
      assert.equal((await run('-q', 'inspect', 'ping')).stdout, ' w1@test: OK\n        pong\n');
      assert.equal((await run('-q', 'status')).stdout, one(' w1@test: OK'));
    }));

  it('print JSON and nothing else', () =>
    withSharedNode(async ({ run }) => {
      const answer = { ok: 'pong' };
      const text = (...args: string[]) => run(...args, '--json').then(({ stdout }) => stdout);

      assert.equal(await text('inspect', 'ping'), '{"w1@test": {"ok": "pong"}}\n');
      assert.deepEqual(JSON.parse(await text('status')), { 'w1@test': answer });
      assert.equal(await text('control', 'pool_grow'), '[{"w1@test": {"ok": "pool will grow"}}]\n');
      assert.equal(typeof JSON.parse(await text('inspect', 'stats'))['w1@test'].pid, 'number');
    }));

  it('ask the nodes that are named, once', () =>
    withNode(async ({ another, run }) => {
      await another(ONE_CHILD);

      const both = await run('status', '-j', ...LONG);
      assert.deepEqual(Object.keys(JSON.parse(both.stdout)).sort(), ['w1@test', 'w2@test']);
      assert.match((await run('status')).stdout, /\n\n2 nodes online\.\n$/);
      const second = await run('status', '-d', 'w2@test,w2@test', ...LONG);
      assert.equal(second.stdout, one('->  w2@test: OK'));
      const nobody = await run('inspect', 'ping', '--destination=w9@test', '--timeout=0.2');
      assert.deepEqual([nobody.code, nobody.stdout], [69, '']);
      assert.equal(nobody.stderr, 'Error: No nodes replied within time constraint\n');
    }));

  it('do not wait for the timeout when all who heard them have answered', () =>
    withNode(async ({ another, run }) => {
      await Promise.all([another(ONE_CHILD), another(ONE_CHILD)]);
      const start = performance.now();

      const { stdout } = await run('status', ...LONG);

      assert.match(stdout, /3 nodes online/);
      assert.ok(performance.now() - start < 15_000);
    }));

  it('warn of nodes that have one name', () =>
    withNode(async ({ another, run }) => {
      await another(['-n', 'w1@test', ...ONE_CHILD]);

      const { stdout, stderr } = await run('inspect', 'ping');

      assert.equal(stdout.match(/w1@test: OK/g)?.length, 2);
      assert.match(stdout, /\n1 node online/);
      assert.match(
        stderr,
        /^DuplicateNodenameWarning: Received multiple replies from node name: w1@test\./,
      );
    }));

  it("know the app's own commands, with their words", () =>
    withSharedNode(async ({ run }) => {
      assert.equal(
        (await run('inspect', 'greet', 'bob', '3')).stdout,
        one('->  w1@test: OK', '    * \\x1b[31mhello bob from w1@test', '    * 3'),
      );
      assert.equal(
        (await run('control', 'grumble', 'soup', 'tea')).stdout,
        "->  w1@test: ERROR\n        RangeError('no soup and tea')\n",
      );
      const { stdout, code } = await run('inspect', '--list');
      assert.match(
        stdout,
        /^Inspect Commands:\n {2}ping .*\n(.*\n)+ {2}greet \[name\] \[times\] +Say hello\.\n$/,
      );
      assert.equal(code, 0);
      assert.match((await run('control', '--list')).stdout, /^ {2}grumble \[words\.\.\.\]$/m);
    }));

  it('stop a node that does not say goodbye', () =>
    withNode(async ({ worker, run }) => {
      const { code, stdout } = await run('control', 'shutdown', '-d', 'w1@test');

      assert.deepEqual([code, stdout], [0, 'Sent shutdown; nodes do not answer it.\n']);
      assert.equal((await worker.ended()).code, 0);
    }));

  it('print each reply when it comes, not when all are there', () =>
    withNode(async ({ another, run, start, worker }) => {
      const late = await another(ONE_CHILD);
      late.kill('SIGSTOP');
      const asked = start('inspect', 'ping', ...LONG);

      await asked.sees(/w1@test: OK\n {8}pong\n/);
      assert.doesNotMatch(asked.stdout, /w2@test|online/);
      late.kill('SIGCONT');

      const { stdout } = await asked.ended();
      assert.match(stdout, /w2@test: OK\n {8}pong\n\n2 nodes online\.\n$/);
      assert.equal((await run('status', '-d', 'w1@test')).code, 0);
      assert.equal(worker.child.exitCode, null);
    }));
});

describe('inspect, control and status without nodes', () => {
  it('say so when nobody answers, with an exit code of its own', async () => {
    for (const args of [['status'], ['inspect', 'ping'], ['control', 'pool_grow', '-j']]) {
      const { code, stdout, stderr } = await cli(surroundings.settings, args);

      assert.deepEqual([code, stdout], [69, '']);
      assert.equal(stderr, 'Error: No nodes replied within time constraint\n');
    }
  });

  it('say so when the broker is not there', async () => {
    const settings = { broker_url: `redis://127.0.0.1:${await freePort()}/0` };
    const { code, stdout, stderr } = await cli(settings, ['inspect', 'ping']);

    assert.deepEqual([code, stdout], [69, '']);
    assert.match(
      stderr,
      /^Error: Could not connect to the message broker\. .* Reason: .*ECONNREFUSED/,
    );
  });

  it('refuse what they do not know before they ask anybody', async () => {
    const settings = { broker_url: `redis://127.0.0.1:${await freePort()}/0` };
    const wrong = [
      [
        ['inspect', 'pign'],
        /Command pign not recognized\. Available inspect commands: active, .*\nDid you mean "ping"\?/,
      ],
      [['inspect', 'revoke', 'x'], /It belongs to control: tscelery control revoke/],
      [['control', 'pool_grow', '1', '2'], /Command 'pool_grow' takes arguments: \[N=1\]/],
      [
        ['control', 'pool_grow', 'many'],
        /Invalid value for 'N' of pool_grow: 'many' is not a whole/,
      ],
      [['control', 'revoke'], /takes arguments: <id1> .*\n(.*\n)?Missing argument 'id1'\./],
      [['control', 'terminate', 'KILL'], /takes arguments: <signal> <id1> .*\n.*argument 'id1'\./],
      [['control', 'revoke_by_stamped_headers'], /Missing argument 'key1=value1'\./],
      [['control', 'revoke_by_stamped_headers', 'foo'], /'foo' is not KEY=VALUE\./],
      [['inspect', 'query_task'], /Missing argument 'id1'\./],
      [['inspect'], /Missing argument 'COMMAND'\./],
      [['status', 'x'], /Got unexpected extra argument \(x\)/],
      [
        ['status', '-t', 'soon'],
        /Invalid value for '-t' \/ '--timeout': 'soon' is not a valid float/,
      ],
    ] as const;
    for (const [args, message] of wrong) {
      const { code, stdout, stderr } = await cli(settings, args);

      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, message);
    }
  });
});

it('status of workers on an SQLite file waits for nobody who is not there', async () => {
  const sqlite = await sqliteSurroundings();
  try {
    await withWorker(sqlite, { appFile: APP, args: ONE_CHILD }, async ({ another }) => {
      await another(ONE_CHILD);
      const start = performance.now();

      const { stdout } = await cli(sqlite.settings, ['status', ...LONG]);

      assert.match(stdout, /2 nodes online/);
      assert.ok(performance.now() - start < 15_000);
    });
  } finally {
    await sqlite.stop();
  }
});
