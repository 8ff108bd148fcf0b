import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { INTERNALS } from '../../../../src/app/app-internals.ts';
import { Celery } from '../../../../src/index.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';

describe('a class as configuration', () => {
  it('gives the fields of its instances, inherited ones too, and static members over them', async () => {
    class Base {
      enable_utc = true;
      timezone = 'UTC';
    }
    class Config extends Base {
      static task_default_queue = 'q';
      override timezone = 'Europe/London';
    }
    const app = new Celery('proj');

    await app.configFromObject(Config);

    const { enable_utc, timezone, task_default_queue } = app.conf;
    assert.deepEqual([enable_utc, timezone, task_default_queue], [true, 'Europe/London', 'q']);
  });

  it('needs no instance when its members are static', async () => {
    class Config {
      static task_default_queue = 'q';
      constructor() {
        throw new Error('not to be made');
      }
    }
    const app = new Celery('proj');

    await app.configFromObject(Config);

    assert.equal(app.conf.task_default_queue, 'q');
  });

  it('is an error when it has no members', async () => {
    class Config {}

    await assert.rejects(new Celery('proj').configFromObject(Config), {
      code: 'IMPROPERLY_CONFIGURED',
      message: /class Config has no members: write settings as static/,
    });
  });

  it('may be an export of a module, with : or with a dot, and so may an object', async t => {
    const cwd = temporaryProject(t, {
      'myproj/config.mjs': `
        export class CeleryConfig { static task_default_queue = 'of the class'; }
        export const celery = { task_default_queue: 'of the object' };`,
    });
    const app = new Celery('proj');
    const queueOf = async (source: string) => {
      await app.configFromObject(source, { cwd });
      return app.conf.task_default_queue;
    };

    assert.equal(await queueOf('myproj.config:CeleryConfig'), 'of the class');
    assert.equal(await queueOf('myproj.config.celery'), 'of the object');
    assert.equal(await queueOf('myproj.config.CeleryConfig'), 'of the class');
    await assert.rejects(queueOf('myproj.config.celer'), /no attribute 'celer'.*"celery"/);
  });
});

describe('a configuration that nobody waits for', () => {
  it('is there for the first call', async t => {
    const cwd = temporaryProject(t, { 'settings.mjs': "export const broker_url = 'memory://';" });
    const app = new Celery('proj');
    void app.configFromObject('./settings.mjs', { cwd });

    await app[INTERNALS].transport();
    await app.close();

    assert.equal(app.conf.broker_url, 'memory://');
  });

  it('that fails is the error of the first call, and of the next', async () => {
    const app = new Celery('proj');
    void app.configFromObject('celeryconfg');
    const task = app.task('t', () => 1);

    const failed = { code: 'IMPROPERLY_CONFIGURED', message: /celeryconfg was not found/ };
    await assert.rejects(task.delay(), failed);
    await assert.rejects(task.delay(), failed);
  });

  it('that somebody caught is nobody else’s error', async () => {
    const app = new Celery('proj', { broker: 'memory://' });
    await app.configFromObject('celeryconfg').catch(() => {});

    await app.load();
    assert.equal(app.conf.broker_url, 'memory://');
  });
});

it('a celeryconfig.py in the place of a config file is told', async t => {
  const cwd = temporaryProject(t, { 'celeryconfig.py': "broker_url = 'redis://'" });
  const warned = once(process, 'warning');
  await new Celery('proj').load({ cwd });
  const [{ message }] = (await warned) as [Error];

  assert.match(message, /^celeryconfig\.py is Python and is not read\./);
});
