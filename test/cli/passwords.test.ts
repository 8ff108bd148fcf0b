/** What commands and workers show of a password that is made of odd signs: nothing. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it, type TestContext } from 'node:test';
import { runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const PASSWORD = 'Sec1;@%/ #?&é"Sec2';
const SEEN = /Sec[12]/;

describe('a password of odd signs', { concurrency: 2 }, () => {
  let redis: RedisServer;
  before(async () => {
    redis = await startRedis({ password: PASSWORD });
  });
  after(() => redis.stop());

  /** It also stands in settings that have nothing to do with the server. */
  function project(t: TestContext) {
    const other = `amqp://u:${PASSWORD}@h//;amqp://:${encodeURIComponent(PASSWORD)}@g//`;
    const settings = {
      ...{ broker_read_url: redis.url, redis_password: PASSWORD, result_backend: redis.url },
      broker_transport_options: { deep: [{ urls: [other] }] },
      ...{ broker_connection_max_retries: 1, worker_concurrency: 1 },
    };
    const cwd = temporaryProject(t, { 'celeryconfig.json': JSON.stringify(settings) });
    return { cwd, settings };
  }

  it('is not in a report', async t => {
    const { cwd } = project(t);

    const { code, stdout, stderr } = await runCli(['-b', redis.url, 'report'], { cwd });

    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout + stderr, SEEN);
  });

  it('is neither in banner and log of a worker nor in its title', async t => {
    const { cwd } = project(t);
    const worker = startCli(['-b', redis.url, 'worker', '-l', 'DEBUG'], { cwd });
    t.after(() => worker.kill('SIGKILL'));

    await worker.sees(/ ready\./);

    const title = await eventually(() => {
      const words = readFileSync(`/proc/${worker.child.pid}/cmdline`, 'utf8');
      assert.match(words, /MainProcess\] -active- /);
      return words;
    });
    assert.doesNotMatch(title, SEEN);
    worker.kill('SIGTERM');
    const { stdout, stderr } = await worker.ended();
    assert.match(stdout, /transport: +redis:\/\/:\*\*@127/);
    assert.doesNotMatch(stdout + stderr, SEEN);
  });

  it('is in no word about connections that fail', async t => {
    const { cwd } = project(t);
    const env = { CELERY_BROKER_READ_URL: '' };
    const wrong = [
      `${redis.url.replace(/%22Sec2/, '%22Sec2Sec1')}`,
      `redis://:${PASSWORD}@127.0.0.1:1/0`,
    ];
    for (const url of [wrong[0]!, wrong[1]!, wrong.join(';')]) {
      const read = { ...env, CELERY_BROKER_READ_URL: url, CELERY_BROKER_URL: url };
      const { code, stdout, stderr } = await runCli(['worker', '-l', 'DEBUG'], { cwd, env: read });

      assert.notEqual(code, 0);
      assert.match(stderr, /WRONGPASS|ECONNREFUSED|percent-encoded/);
      assert.doesNotMatch(stdout + stderr, SEEN);
    }
  });
});
