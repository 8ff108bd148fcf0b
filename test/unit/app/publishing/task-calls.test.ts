/** What a message says once options, declaration and settings are taken together. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TaskCalls, type TaskCallsHost } from '../../../../src/app/publishing/task-calls.ts';
import { LocalTime } from '../../../../src/app/settings/local-time.ts';
import {
  type ApplyOptions,
  Celery,
  type CeleryConfig,
  type TaskOptions,
} from '../../../../src/index.ts';
import type { TaskCall } from '../../../../src/wire/messages/task-message.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z') / 1000;
const REPLIES = 'replies-of-this-process';

/** The calls of an app with these settings, and one task that declares `options`. */
function setup(settings: CeleryConfig = {}, options: TaskOptions & { bind?: false } = {}) {
  const app = new Celery('proj', settings);
  const task = app.task('proj.t', options, (_x: number) => 0);
  const warnings: string[] = [];
  const host: TaskCallsHost = {
    conf: app.conf,
    localTime: new LocalTime(app.conf),
    clock: () => ({ ...app.clock, now: () => NOW }),
    warn: message => warnings.push(message),
  };
  const { definition } = task;
  const calls = new TaskCalls(host, REPLIES);
  const ofOptions = (given: ApplyOptions) =>
    calls.ofOptions(
      { task: 'proj.t', args: [1], options: given, definition, argsAsTuple: true },
      given,
    );
  return { app, calls, definition, ofOptions, warnings };
}

/** A retry or the next step of a chain, as it stands. */
const standing = (more: Partial<TaskCall> = {}): TaskCall => ({
  task: 'proj.t',
  id: 'i',
  args: [1],
  kwargs: {},
  ...more,
});

describe('the call that options make', () => {
  it('takes what they leave open from the declaration, then from the settings', () => {
    const { ofOptions } = setup(
      { task_compression: 'gzip', task_default_delivery_mode: 'transient', task_protocol: 1 },
      { serializer: 'yaml', priority: 3, ignoreResult: true },
    );

    const { serializer, priority, ignoreResult, compression, deliveryMode, protocol } = ofOptions(
      {},
    );
    assert.deepEqual(
      { serializer, priority, ignoreResult, compression, deliveryMode, protocol },
      {
        serializer: 'yaml',
        priority: 3,
        ignoreResult: true,
        compression: 'gzip',
        deliveryMode: 1,
        protocol: 1,
      },
    );
    const given = ofOptions({
      serializer: 'json',
      priority: 0,
      ignoreResult: false,
      deliveryMode: 2,
    });
    assert.equal(given.serializer, 'json');
    assert.equal(given.priority, 0);
    assert.equal(given.ignoreResult, false);
    assert.equal(given.deliveryMode, 2);
  });

  it('follows a setting that changes', () => {
    const { app, ofOptions } = setup();

    assert.equal(ofOptions({}).serializer, 'json');
    app.conf.task_serializer = 'yaml';
    assert.equal(ofOptions({}).serializer, 'yaml');
  });

  it('is answered to this process, unless it names another queue', () => {
    const { ofOptions } = setup();

    assert.equal(ofOptions({}).replyTo, REPLIES);
    assert.equal(ofOptions({ replyTo: 'elsewhere' }).replyTo, 'elsewhere');
  });

  it('counts a countdown and a time to live from now', () => {
    const { ofOptions } = setup();

    const { eta, expires } = ofOptions({ countdown: 10, expires: 60 });
    assert.equal(eta, NOW + 10);
    assert.equal(expires, NOW + 60);
    assert.equal(ofOptions({ countdown: 0 }).eta, undefined);
  });

  it('writes moments as clocks of the app’s time zone show them', () => {
    const { ofOptions } = setup({ enable_utc: false, timezone: 'Europe/Berlin' });

    assert.equal(ofOptions({ countdown: 10 }).eta, '2026-03-01T13:00:10+01:00');
  });

  it('says so when it has expired already', () => {
    const { ofOptions, warnings } = setup();

    ofOptions({ expires: new Date((NOW - 1) * 1000) });
    assert.deepEqual(warnings, ['The expiration of a message lies in the past.']);
  });

  it('is shown under the name that the task gives it', () => {
    const { ofOptions } = setup({}, { shadowName: args => `t of ${args[0]}` });

    assert.equal(ofOptions({}).shadow, 't of 1');
    assert.equal(ofOptions({ shadow: 'mine' }).shadow, 'mine');
  });

  it('refuses a soft limit above the hard one, whichever of them is declared', () => {
    const { ofOptions } = setup();

    assert.throws(() => ofOptions({ timeLimit: 1, softTimeLimit: 2 }), RangeError);
  });
});

describe('a call that stands already', () => {
  const ROUTE: ApplyOptions = {
    serializer: 'yaml',
    compression: 'gzip',
    priority: 7,
    deliveryMode: 'transient',
    timeLimit: 20,
    softTimeLimit: 10,
    expires: 60,
  };

  it('takes what it leaves open from declaration and route', () => {
    const { calls, definition } = setup({}, { ignoreResult: true });

    const call = calls.complete(standing(), ROUTE, definition);
    assert.deepEqual(
      {
        serializer: call.serializer,
        compression: call.compression,
        priority: call.priority,
        deliveryMode: call.deliveryMode,
        timeLimit: call.timeLimit,
        softTimeLimit: call.softTimeLimit,
        expires: call.expires,
        ignoreResult: call.ignoreResult,
        replyTo: call.replyTo,
      },
      {
        serializer: 'yaml',
        compression: 'gzip',
        priority: 7,
        deliveryMode: 1,
        timeLimit: 20,
        softTimeLimit: 10,
        expires: NOW + 60,
        ignoreResult: true,
        replyTo: REPLIES,
      },
    );
  });

  it('keeps what it says', () => {
    const { calls, definition } = setup({}, { ignoreResult: true });
    const said = {
      serializer: 'msgpack',
      compression: 'bzip2',
      priority: 0,
      deliveryMode: 2,
      timeLimit: 5,
      softTimeLimit: 4,
      expires: NOW + 1,
      ignoreResult: false,
      replyTo: 'its-own',
    };

    const call = calls.complete(standing(said), ROUTE, definition);
    assert.deepEqual({ ...call, ...said }, call);
  });

  it('expires no more once it is tried again', () => {
    const { calls } = setup();

    assert.equal(calls.complete(standing({ retries: 1 }), ROUTE).expires, null);
    assert.equal(
      calls.complete(standing({ retries: 1, expires: NOW + 5 }), ROUTE).expires,
      NOW + 5,
    );
  });

  it('is completed from the settings when nobody here knows the task', () => {
    const { calls } = setup({ task_serializer: 'yaml' });

    assert.equal(calls.complete(standing({ task: 'far.away' }), {}).serializer, 'yaml');
  });
});
