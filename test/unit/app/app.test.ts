import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Celery, type TaskFunction } from '../../../src/index.ts';
import { temporaryProject } from '../../support/temporary-project.ts';

/** Sets environment variables for the time of a test. */
function environment(t: TestContext, values: Readonly<Record<string, string>>) {
  const before = { ...process.env };
  Object.assign(process.env, values);
  t.after(() => {
    for (const name of Object.keys(values)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });
}

describe('an app', () => {
  it('is made from settings and the short words for broker and backend', () => {
    const app = new Celery('proj', {
      broker: 'redis://broker',
      backend: 'redis://results',
      task_default_queue: 'q',
    });

    assert.deepEqual(
      [app.main, app.conf.broker_url, app.conf.result_backend, app.conf.task_default_queue],
      ['proj', 'redis://broker', 'redis://results', 'q'],
    );
  });

  it('shares nothing with another app', () => {
    const [one, two] = [new Celery('one'), new Celery('two')];
    one.task('t', () => 1);
    one.conf.update({ task_default_queue: 'q' });

    assert.deepEqual([[...two.tasks.keys()], two.conf.task_default_queue], [[], 'celery']);
  });

  it('keeps each task under its name', () => {
    const app = new Celery('proj');
    const add = app.task('proj.add', (x: number, y: number) => x + y);

    assert.equal(app.tasks.get('proj.add'), add);
    assert.throws(() => app.unregisterTask('proj.ad'), { code: 'NOT_REGISTERED' });
    app.unregisterTask('proj.add');
    assert.equal(app.tasks.size, 0);
  });

  it('refuses two tasks of one name, and a task without function', () => {
    const app = new Celery('proj');
    app.task('t', () => 1);

    assert.throws(() => app.task('t', () => 2), { code: 'ALREADY_REGISTERED' });
    assert.throws(() => app.task('', () => 2), /A task needs a name, got ""/);
    assert.throws(
      () => (app.task as (...args: unknown[]) => unknown)('u', {}),
      /app\.task needs the function of the task "u", got None/,
    );
  });
});

describe('the name of a task that has none', () => {
  it('is made from the names of app and function', () => {
    const app = new Celery('proj');

    const task = app.task(function add(x: number) {
      return x;
    });

    assert.equal(task.name, 'proj.add');
  });

  it('may be made otherwise', () => {
    class Modules extends Celery {
      override genTaskName(run: TaskFunction): string {
        return `modules.${run.name.toLowerCase()}`;
      }
    }

    const task = new Modules().task(function Add(x: number) {
      return x;
    });

    assert.equal(task.name, 'modules.add');
  });

  it('cannot be made without them', () => {
    assert.throws(
      () =>
        new Celery('proj').task(
          (
            () => () =>
              1
          )(),
        ),
      /made from a function without a name needs one/,
    );
    assert.throws(
      () => new Celery().task(function add() {}),
      /new Celery\("proj"\), or app\.task\("proj\.add", add\)/,
    );
  });
});

describe('a task called like a function', () => {
  it('runs here, with a request of its own', async () => {
    const app = new Celery('proj');
    const who = app.task('proj.who', { bind: true }, (self, x: number) => [self.request, x]);

    const [request, x] = (await who(5)) as [Record<string, unknown>, number];

    assert.equal(x, 5);
    assert.deepEqual(
      [request.task, request.args, request.calledDirectly, request.retries, request.hostname],
      ['proj.who', [5], true, 0, null],
    );
  });

  it('has one that is called from it as its child', async () => {
    const app = new Celery('proj');
    const inner = app.task('inner', { bind: true }, self => self.request);
    const outer = app.task('outer', { bind: true }, async self => [self.request, await inner()]);

    const [parent, child] = await outer();

    assert.deepEqual([child?.parentId, child?.rootId], [parent?.id, parent?.id]);
  });

  it('stores no state', async () => {
    const app = new Celery('proj', { backend: 'redis://nobody.invalid' });
    const task = app.task('t', { bind: true }, self => self.updateState({ state: 'PROGRESS' }));

    await task();
  });
});

describe('configFromObject', () => {
  it('takes an object', async () => {
    const app = new Celery('proj');

    await app.configFromObject({ task_default_queue: 'q', enable_utc: false });

    assert.deepEqual([app.conf.task_default_queue, app.conf.enable_utc], ['q', false]);
  });

  it('takes a module, or an export of it', async t => {
    const cwd = temporaryProject(t, {
      'settings.mjs': `
        export const task_default_queue = 'of the module';
        export const test = { task_default_queue: 'of the export' };`,
      'plain.mjs': `export default { task_default_queue: 'of the default export' };`,
    });
    const app = new Celery('proj');
    const queueOf = async (source: string) => {
      await app.configFromObject(source, { cwd });
      return app.conf.task_default_queue;
    };

    assert.equal(await queueOf('./plain.mjs'), 'of the default export');
    assert.equal(await queueOf('./settings.mjs:test'), 'of the export');
  });

  it('puts the new settings in the place of those it took before, under the changes', async () => {
    const app = new Celery('proj', { task_default_queue: 'changed' });

    await app.configFromObject({ task_default_queue: 'one', task_default_priority: 1 });
    await app.configFromObject({ task_default_queue: 'two', result_expires: 60 });

    assert.deepEqual(
      [app.conf.task_default_queue, app.conf.task_default_priority, app.conf.result_expires],
      ['changed', null, 60],
    );
  });

  it('takes names with a prefix and leaves the others alone', async () => {
    const app = new Celery('proj');

    await app.configFromObject(
      { CELERY_TASK_DEFAULT_QUEUE: 'q', SECRET_KEY: 'x', CELERY_RESULT_EXPIRES: 60 },
      { namespace: 'CELERY' },
    );

    assert.deepEqual([app.conf.task_default_queue, app.conf.result_expires], ['q', 60]);
  });

  it('refuses a name that it does not know, and one under the prefix', async () => {
    const app = new Celery('proj');

    await assert.rejects(
      app.configFromObject({ task_default_queu: 'q' }),
      /task_default_queu.*task_default_queue/s,
    );
    await assert.rejects(
      app.configFromObject({ CELERY_TASK_DEFAULT_QUEU: 'q' }, { namespace: 'CELERY' }),
      /CELERY_TASK_DEFAULT_QUEU/,
    );
  });

  it('takes the old upper-case names, unless new ones are mixed in', async () => {
    const app = new Celery('proj');

    await app.configFromObject({ CELERY_DEFAULT_QUEUE: 'q', CELERY_TASK_RESULT_EXPIRES: 60 });

    assert.deepEqual([app.conf.task_default_queue, app.conf.result_expires], ['q', 60]);
    await assert.rejects(app.configFromObject({ CELERY_DEFAULT_QUEUE: 'q', result_expires: 60 }), {
      code: 'IMPROPERLY_CONFIGURED',
    });
  });

  it('is used instead of a config file', async t => {
    const cwd = temporaryProject(t, {
      'celeryconfig.mjs': `export default { task_default_queue: 'of the file' };`,
    });
    const [configured, plain] = [new Celery('proj'), new Celery('proj')];
    await configured.configFromObject({});

    await configured.load({ cwd });
    await plain.load({ cwd });

    assert.equal(configured.conf.task_default_queue, 'celery');
    assert.equal(plain.conf.task_default_queue, 'of the file');
  });
});

describe('configFromEnvvar', () => {
  it('takes the module that a variable names', async t => {
    const cwd = temporaryProject(t, {
      'settings.mjs': `export default { task_default_queue: 'of the module' };`,
    });
    environment(t, { TEST_CONFIG: `${cwd}/settings.mjs` });
    const app = new Celery('proj');

    assert.equal(await app.configFromEnvvar('TEST_CONFIG'), true);

    assert.equal(app.conf.task_default_queue, 'of the module');
  });

  it('fails without the variable, unless it may be missing', async () => {
    const app = new Celery('proj');

    assert.equal(await app.configFromEnvvar('TEST_NO_CONFIG', { silent: true }), false);
    await assert.rejects(app.configFromEnvvar('TEST_NO_CONFIG'), {
      code: 'IMPROPERLY_CONFIGURED',
      message: /TEST_NO_CONFIG/,
    });
  });
});

describe('configFromCmdline', () => {
  it('takes words of a command line', () => {
    const app = new Celery('proj');

    app.configFromCmdline([
      'worker.prefetch_multiplier=7',
      'task_default_queue=q',
      'task_time_limit=(int)5',
      'result_expires=(json)null',
    ]);

    assert.deepEqual(
      [
        app.conf.worker_prefetch_multiplier,
        app.conf.task_default_queue,
        app.conf.task_time_limit,
        app.conf.result_expires,
      ],
      [7, 'q', 5, null],
    );
  });

  it('puts names that begin with a dot into a namespace', () => {
    const app = new Celery('proj');

    app.configFromCmdline(['.prefetch_multiplier=9'], 'worker');

    assert.equal(app.conf.worker_prefetch_multiplier, 9);
  });

  it('refuses what is no setting', () => {
    const app = new Celery('proj');

    assert.throws(() => app.configFromCmdline(['worker.prefetch_multiplyer=7']), {
      code: 'IMPROPERLY_CONFIGURED',
    });
    assert.throws(() => app.configFromCmdline(['nothing']), { code: 'IMPROPERLY_CONFIGURED' });
  });
});

describe('addDefaults', () => {
  it('counts where nothing else does, later ones before earlier ones', async () => {
    const app = new Celery('proj', { task_default_priority: 1 });

    app.addDefaults({ task_default_queue: 'first', task_default_priority: 5 });
    app.addDefaults(() => ({ task_default_queue: 'second' }));

    assert.deepEqual([app.conf.task_default_queue, app.conf.task_default_priority], ['second', 1]);
  });
});

describe('an override of settings', () => {
  it('wins over everything until it is taken back', t => {
    environment(t, { CELERY_BROKER_URL: 'redis://environment' });
    const app = new Celery('proj', { broker: 'redis://change', task_default_queue: 'change' });

    const undoOuter = app.conf.override({ broker_url: 'memory://', task_default_queue: 'outer' });
    const undoInner = app.conf.override({ task_default_queue: 'inner' });
    const inside = [app.conf.broker_url, app.conf.task_default_queue];
    undoInner();
    const outside = app.conf.task_default_queue;
    undoOuter();
    undoOuter();

    assert.deepEqual([...inside, outside], ['memory://', 'inner', 'outer']);
    assert.deepEqual(
      [app.conf.broker_url, app.conf.task_default_queue],
      ['redis://environment', 'change'],
    );
  });
});
