import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Celery, type CeleryConfig } from '../../../../src/index.ts';

const MISSPELT: readonly (readonly [CeleryConfig, RegExp])[] = [
  [{ accept_content: ['josn'] }, /Setting accept_content: .*"josn".*Did you mean "json"\?/],
  [{ accept_content: ['application/jsn'] }, /accept_content: .*mean "application\/json"\?/],
  [{ result_accept_content: ['msgpak'] }, /result_accept_content: .*mean "msgpack"\?/],
  [{ task_serializer: 'ymal' }, /task_serializer: .*mean "yaml"\?/],
  [{ result_serializer: 'josn' }, /Setting result_serializer: .*Did you mean "json"\?/],
  [{ event_serializer: 'jsno' }, /event_serializer: .*mean "json"\?/],
  [{ task_compression: 'gzp' }, /task_compression: .*mean "gzip"\?/],
  [{ result_compression: 'bzp2' }, /result_compression: .*mean "bzip2"\?/],
];

describe('a misspelt serializer or compression in the settings', () => {
  it('is an error of the first call, whatever that call needs of it', async () => {
    for (const [settings, message] of MISSPELT) {
      const app = new Celery('proj', { broker: 'memory://', ...settings });
      const add = app.task('proj.add', (x: number) => x);
      const refused = { name: 'ImproperlyConfigured', message };

      await assert.rejects(add.delay(1), refused);
      await assert.rejects(app.sendTask('proj.elsewhere'), refused);
      await assert.rejects(add.apply([1]), refused);
      await assert.rejects(app.checkNames(), refused);
    }
  });

  it('is no error any more once it is put right', async () => {
    const app = new Celery('proj', { broker: 'memory://', result_serializer: 'josn' });
    const add = app.task('proj.add', (x: number) => x);
    await assert.rejects(add.delay(1), /Did you mean "json"/);

    app.conf.result_serializer = 'json';

    await add.delay(1);
    await app.close();
  });
});

describe('an annotation that cannot be', () => {
  const annotations: readonly (readonly [object, RegExp])[] = [
    [
      { 'proj.add': { rate_limit: '10/x' } },
      /"proj.add": rate_limit must be a rate such as "10\/s".*got '10\/x'/,
    ],
    [{ '*': { time_limit: '5' } }, /time_limit must be a number of seconds, got '5'/],
    [[{ 'proj.elsewhere': { max_retrys: 5 } }], /no attribute "max_retrys".*"max_retries"\?/],
    [{ 'proj.add': { on_failure: 5 } }, /on_failure must be a function, got 5/],
    [{ 'proj.add': { '@on_failure': null } }, /@on_failure must be a function that wraps/],
    [{ 'proj.add': { retry_kwargs: { max_retrie: 5 } } }, /retry_kwargs .*There is no "maxRetrie"/],
  ];

  it('is an error of the first call and of a worker that starts', async () => {
    for (const [task_annotations, message] of annotations) {
      const app = new Celery('proj', { broker: 'memory://', task_annotations } as CeleryConfig);
      const refused = { name: 'ImproperlyConfigured', message };

      await assert.rejects(app.sendTask('proj.other'), refused);
      await assert.rejects(app.checkNames(), refused);
    }
  });
});

describe('a misspelt serializer or compression of a task', () => {
  it('is found when everything that is named is looked up, as a worker does at start', async () => {
    for (const [options, message] of [
      [{ serializer: 'jsno' }, /Task proj\.t: .*mean "json"\?/],
      [{ compression: 'gizp' }, /Task proj\.t: .*mean "gzip"\?/],
    ] as const) {
      const app = new Celery('proj', { broker: 'memory://' });
      app.task('proj.t', options, () => 1);

      await assert.rejects(app.checkNames(), { name: 'ImproperlyConfigured', message });
    }
  });
});

describe('a setting with a few possible values', () => {
  it('says which was probably meant', () => {
    const cases: readonly (readonly [CeleryConfig, RegExp])[] = [
      [{ task_default_queue_type: 'quorm' }, /mean "quorum"\?/],
      [{ task_create_missing_queue_type: 'clasic' }, /mean "classic"\?/],
      [{ task_default_exchange_type: 'topc' }, /mean "topic"\?/],
      [{ broker_failover_strategy: 'suffle' }, /mean "shuffle"\?/],
      [{ broker_login_method: 'plian' }, /mean "PLAIN"\?/],
      [{ task_publish_retry_policy: { max_retrys: 1 } }, /no "max_retrys".*"max_retries"\?/],
      [{ task_publish_retry_policy: { max_retries: '1' } }, /Its max_retries must be a whole/],
      [{ database_table_names: { tsak: 'x' } }, /no "tsak".*mean "task"\?/],
      [{ result_expires: { hour: 1 } as never }, /mean "hours"\?/],
    ];
    for (const [settings, message] of cases) {
      assert.throws(() => new Celery('proj', settings), { name: 'ImproperlyConfigured', message });
    }
  });

  it('takes camelCase parts and keeps them under their own names', () => {
    const policy = { maxRetries: 5, intervalStart: { seconds: 2 } };
    const app = new Celery('proj', { task_publish_retry_policy: policy });

    const kept = { max_retries: 5, interval_start: 2 };
    assert.deepEqual(app.conf.task_publish_retry_policy, kept);
  });
});
