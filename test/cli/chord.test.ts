import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { INTERNALS } from '../../src/app/app-internals.ts';
import type { ResultBackend } from '../../src/backends/contract.ts';
import { openBackend } from '../../src/backends/open.ts';
import type { Celery } from '../../src/index.ts';
import { encodeException } from '../../src/wire/results/exception.ts';
import { DEFAULT_OPTIONS } from '../contract/backend.contract.ts';
import { runCli } from '../support/cli.ts';
import {
  redisSurroundings,
  type Surroundings,
  sqliteSurroundings,
  withWorker,
} from '../support/worker.ts';

const appFile = fileURLToPath(new URL('../fixtures/workflow-app.ts', import.meta.url));
const timeout = 20;

interface Bench {
  readonly app: Celery;
  readonly chords: NonNullable<ResultBackend['chords']>;
  /** The same, of somebody whose claim ends at once. */
  readonly hasty: NonNullable<ResultBackend['chords']>;
  readonly chord: (...args: string[]) => ReturnType<typeof runCli>;
  /** A chord of that many tasks: its id and theirs. */
  readonly sent: (size: number) => Promise<{ id: string; tasks: string[] }>;
  /** As a worker that dies before it counts. */
  readonly stored: (
    group: string,
    taskId: string,
    status: string,
    result: unknown,
  ) => Promise<void>;
  readonly body: (id: string, ...args: unknown[]) => string;
}

function withChords(surroundings: () => Surroundings, body: (bench: Bench) => Promise<void>) {
  return withWorker(surroundings(), { appFile }, async ({ app, queue }) => {
    const backend = await app[INTERNALS].backend();
    const chords = backend.chords!;
    const settings = { ...surroundings().settings, task_default_queue: queue };
    const env = { TEST_SETTINGS: JSON.stringify(settings) };
    const options = { ...DEFAULT_OPTIONS, chordLease: 0.001 };
    const other = await openBackend(String(surroundings().settings.result_backend), options);
    const hasty = other.chords!;
    const bench: Bench = {
      app,
      chords,
      hasty,
      chord: (...args) => runCli(['-A', `${appFile}:app`, 'chord', ...args], { env }),
      sent: async size => {
        const id = randomUUID();
        await chords.setSize(id, size);
        return { id, tasks: Array.from({ length: size }, () => randomUUID()) };
      },
      stored: (group_id, task_id, status, result) =>
        backend.store({
          ...{ task_id, group_id, status, result, traceback: null },
          ...{ children: [], date_done: new Date().toISOString() },
        }),
      body: (task_id, ...args) => JSON.stringify({ task: 'f.echo', args, options: { task_id } }),
    };
    await body(bench).finally(() => other.stop());
  });
}

const success = (taskId: string, index: number, result: unknown) => ({
  ...{ taskId, index, result },
  status: 'SUCCESS',
});

for (const surround of [redisSurroundings, sqliteSurroundings]) {
  const isRedis = surround === redisSurroundings;
  describe(`chord on ${isRedis ? 'Redis' : 'SQLite'}`, () => {
    let surroundings: Surroundings;
    before(async () => {
      surroundings = await surround();
    });
    after(() => surroundings.stop());
    const bench = (body: (bench: Bench) => Promise<void>) => withChords(() => surroundings, body);

    it('inspect shows what is counted and what is not, and repair lets the body run once', async () => {
      await bench(async ({ app, chords, chord, sent, stored, body }) => {
        const { id, tasks } = await sent(3);
        await chords.addPart(id, success(tasks[0]!, 0, 'a'));
        await chords.addPart(id, success(tasks[2]!, 2, 'c'));
        await stored(id, tasks[1]!, 'SUCCESS', 'b');
        // only Redis keeps the group of a result
        const names = isRedis ? [] : ['--task', tasks.join(',')];

        const seen = await chord('inspect', id, ...names);
        const json = await chord('inspect', id, '--json', ...names);
        const bodyless = await chord('repair', id, ...names);
        const result = randomUUID();
        const repaired = await chord('repair', id, ...names, '--body', body(result));
        const value = await app.AsyncResult(result).get({ timeout });
        const again = await chord('repair', id, ...names, '--body', body(randomUUID()));

        assert.deepEqual([seen.stderr, seen.code], ['', 0]);
        assert.equal(
          seen.stdout,
          [
            `Chord ${id}: 2 of 3 parts are counted.`,
            `     0  SUCCESS   ${tasks[0]}`,
            `     2  SUCCESS   ${tasks[2]}`,
            `     1  SUCCESS   ${tasks[1]}  not counted`,
            'Wrong: 1 task ended with a stored result that was never counted.',
            '',
          ].join('\n'),
        );
        assert.deepEqual(JSON.parse(json.stdout), {
          group_id: id,
          size: 3,
          counted: [
            { task_id: tasks[0], place: 0, status: 'SUCCESS' },
            { task_id: tasks[2], place: 2, status: 'SUCCESS' },
          ],
          uncounted: [{ task_id: tasks[1], place: 1, status: 'SUCCESS' }],
          unknown: 0,
          problems: ['uncounted'],
        });
        assert.deepEqual([bodyless.code, bodyless.stdout], [1, '']);
        assert.match(bodyless.stderr, /its body is not in the store.*Give it with --body\.\n$/);
        assert.deepEqual([repaired.stderr, repaired.code], ['', 0]);
        assert.equal(repaired.stdout, `Chord ${id}: counted 1 task, sent the body.\n`);
        assert.deepEqual(value, ['a', 'b', 'c']);
        assert.equal(again.code, 1);
        assert.match(
          again.stderr,
          /^Error: Nothing is known of a chord .*: its body was sent, or /,
        );
      });
    });

    it('repair gives the body up when a part failed that was not counted', async () => {
      await bench(async ({ app, chords, chord, sent, stored, body }) => {
        const { id, tasks } = await sent(2);
        await chords.addPart(id, success(tasks[0]!, 0, 1));
        await stored(id, tasks[1]!, 'FAILURE', encodeException(new RangeError('mine')));
        const result = randomUUID();

        const { code, stdout } = await chord(
          ...['repair', id, '--json', '--task', tasks.join(','), '--body', body(result)],
        );

        assert.equal(code, 0);
        const { reason, ...told } = JSON.parse(stdout) as Record<string, unknown>;
        assert.deepEqual(told, { group_id: id, counted: [tasks[1]], body: 'given up' });
        assert.match(String(reason), /f\.echo will not run: Dependency .* raised RangeError/);
        await assert.rejects(app.AsyncResult(result).get({ timeout }), /Dependency .*mine/);
      });
    });

    it('a body that was not sent is sent, unless its result is there', async () => {
      await bench(async ({ app, hasty, chord, sent, stored, body }) => {
        const [silent, spoken] = [await sent(1), await sent(1)];
        const [result, other] = [randomUUID(), randomUUID()];
        for (const { id, tasks } of [silent, spoken]) {
          assert.equal((await hasty.addPart(id, success(tasks[0]!, 0, 7)))?.length, 1);
        }
        await stored(spoken.id, other, 'SUCCESS', 'before');

        const seen = await chord('inspect', silent.id);
        const sentNow = await chord('repair', silent.id, '--body', body(result));
        const value = await app.AsyncResult(result).get({ timeout });
        const before = await chord('repair', spoken.id, '--body', body(other));

        assert.match(seen.stdout, /\nWrong: all parts have ended, but its body was not sent\.\n$/);
        assert.equal(sentNow.stdout, `Chord ${silent.id}: sent the body.\n`);
        assert.deepEqual(value, [7]);
        assert.equal(before.stdout, `Chord ${spoken.id}: closed it: the body had been sent.\n`);
        assert.equal(await app.AsyncResult(other).get({ timeout }), 'before');
      });
    });

    it('a body that somebody is sending is left to them', async () => {
      await bench(async ({ chords, chord, sent, body }) => {
        const { id, tasks } = await sent(1);
        await chords.addPart(id, success(tasks[0]!, 0, 7));

        const { code, stderr } = await chord('repair', id, '--body', body(randomUUID()));

        assert.equal(code, 1);
        assert.match(stderr, /is being sent by somebody else\. Look again in half a minute\.\n$/);
        assert.equal((await chords.progress(id))?.size, 1);
      });
    });

    it('nothing is counted when the body could not be sent for want of a broker', async () => {
      await bench(async ({ chords, sent, stored, body }) => {
        const { id, tasks } = await sent(1);
        await stored(id, tasks[0]!, 'SUCCESS', 7);
        const env = {
          TEST_SETTINGS: JSON.stringify({
            ...surroundings.settings,
            broker_url: 'redis://:pw@127.0.0.1:1',
          }),
        };
        const told = ['--task', tasks[0]!, '--body', body(randomUUID())];

        const { code, stdout, stderr } = await runCli(
          ['-A', `${appFile}:app`, 'chord', 'repair', id, ...told],
          { env },
        );

        assert.deepEqual([code, stdout], [1, '']);
        assert.match(stderr, /^Error: Error connecting to Redis: /);
        assert.deepEqual((await chords.progress(id))?.parts, []);
      });
    });

    it('a chord without size goes on with the size that repair is told', async () => {
      await bench(async ({ app, chords, chord, stored, body }) => {
        const [id, first, second, result] = Array.from({ length: 4 }, () => randomUUID());
        await chords.addPart(id!, success(first!, 0, 1));
        await stored(id!, second!, 'SUCCESS', 2);
        const told = ['--task', `${first},${second}`, '--body', body(result!)];

        const seen = await chord('inspect', id!);
        const refused = await chord('repair', id!, ...told);
        const repaired = await chord('repair', id!, ...told, '--size', '2');

        assert.match(seen.stdout, /: 1 of an unknown number of parts is counted\./);
        assert.match(seen.stdout, /\nWrong: how many parts it has was never stored/);
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /say with --size how many tasks its header has/);
        assert.equal(repaired.stdout, `Chord ${id}: counted 1 task, sent the body.\n`);
        assert.deepEqual(await app.AsyncResult(result!).get({ timeout }), [1, 2]);
      });
    });

    it('a chord that waits for a task is said to wait, and repair leaves it alone', async () => {
      await bench(async ({ chords, chord, sent, stored }) => {
        const { id, tasks } = await sent(2);
        await chords.addPart(id, success(tasks[0]!, 0, 7));
        await stored(id, tasks[1]!, 'STARTED', null);

        const seen = await chord('inspect', id, '--task', tasks.join(','));
        const repaired = await chord('repair', id, '--task', tasks.join(','));

        assert.match(seen.stdout, new RegExp(`\n     1  STARTED   ${tasks[1]}\n`));
        assert.match(seen.stdout, /\nNothing is wrong: it waits for its tasks\.\n$/);
        assert.equal(repaired.stdout, `Chord ${id}: nothing to do: it waits for its tasks.\n`);
        assert.equal((await chords.progress(id))?.parts.length, 1);
      });
    });

    it('tells which task is in the place of another, and which chord a task is of', async () => {
      await bench(async ({ chords, chord, sent, stored }) => {
        const { id, tasks } = await sent(2);
        await chords.addPart(id, success(tasks[0]!, 0, 7));
        await stored(id, tasks[1]!, 'SUCCESS', 8);

        const swapped = await chord('inspect', id, '--task', [...tasks].reverse().join(','));
        const several = await chord('inspect', tasks[1]!, id);

        assert.equal(swapped.code, 1);
        assert.match(swapped.stderr, new RegExp(`${tasks[1]} in place 0 of the chord ${id}`));
        assert.equal(several.code, 1);
        assert.match(
          several.stderr,
          new RegExp(`^Error: Nothing is known of a chord ${tasks[1]}:`),
        );
        if (isRedis) assert.ok(several.stderr.endsWith(` It is a task of the group ${id}.\n`));
        assert.match(several.stdout, new RegExp(`^Chord ${id}: 1 of 2 parts is counted`));
      });
    });
  });
}

describe('chord on Redis', () => {
  let surroundings: Surroundings;
  before(async () => {
    surroundings = await redisSurroundings();
  });
  after(() => surroundings.stop());

  it('asks for the order of the header when results alone do not tell it', async () => {
    await withChords(
      () => surroundings,
      async ({ app, chord, sent, stored, body }) => {
        const { id, tasks } = await sent(2);
        await stored(id, tasks[1]!, 'SUCCESS', 'second');
        await stored(id, tasks[0]!, 'SUCCESS', 'first');
        const result = randomUUID();

        const refused = await chord('repair', id, '--body', body(result));
        const told = ['--task', tasks.join(',')];
        const repaired = await chord('repair', id, ...told, '--body', body(result));

        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /Nobody knows the place of 2 tasks.* with --task\.\n$/);
        assert.equal(repaired.stdout, `Chord ${id}: counted 2 tasks, sent the body.\n`);
        assert.deepEqual(await app.AsyncResult(result).get({ timeout }), ['first', 'second']);
      },
    );
  });

  it('knows the order of a header that was saved', async () => {
    await withChords(
      () => surroundings,
      async ({ app, chord, sent, stored, body }) => {
        const { id, tasks } = await sent(2);
        await app
          .GroupResult(
            id,
            tasks.map(task => app.AsyncResult(task)),
          )
          .save();
        await stored(id, tasks[1]!, 'SUCCESS', 'second');
        await stored(id, tasks[0]!, 'SUCCESS', 'first');
        const result = randomUUID();

        await chord('repair', id, '--body', body(result));

        assert.deepEqual(await app.AsyncResult(result).get({ timeout }), ['first', 'second']);
      },
    );
  });
});

describe('chord', { concurrency: 2 }, () => {
  const wrong = [
    [['inspekt', 'x'], `No such command 'inspekt'. Did you mean "inspect"?`],
    [['inspect'], "Missing argument 'GROUP_ID'."],
    [['inspect', 'x', '--size', '2'], "'--size' goes with repair, not with inspect."],
    [['repair', 'x', 'y', '--body', '{"task":"t"}'], "'--body' is about one chord."],
    [['repair', 'x', '--body', '{"tusk":"t"}'], "Invalid value for '--body': Not a signature"],
  ] as const;
  for (const [words, message] of wrong) {
    it(`${words.join(' ')} is refused`, async () => {
      const { code, stderr } = await runCli(['chord', ...words]);

      assert.equal(code, 2);
      assert.ok(stderr.includes(`Error: ${message}`), stderr);
    });
  }

  it('says when the result backend does not count', async () => {
    const { code, stderr } = await runCli(['--result-backend', 'rpc://', 'chord', 'inspect', 'x']);

    assert.equal(code, 1);
    assert.match(stderr, /rpc:\/\/ does not count the parts of chords/);
  });
});
