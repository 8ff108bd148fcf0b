import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { INTERNALS } from '../../../src/app/app-internals.ts';
import {
  type ApplyOptions,
  Celery,
  type CeleryConfig,
  exchange,
  OperationalError,
  queue,
  type SignatureData,
  type TaskOptions,
  Unroutable,
} from '../../../src/index.ts';
import { createTestApp, FakeClock, type SentTask } from '../../../src/testing/index.ts';
import { temporaryProject } from '../../support/temporary-project.ts';

const NOON = '2026-01-01T12:00:00Z';

interface Surroundings {
  readonly settings?: CeleryConfig;
  readonly declared?: TaskOptions & { bind?: false };
}

async function setup(t: TestContext, { settings = {}, declared = {} }: Surroundings = {}) {
  const app = new Celery('calls');
  const add = app.task('calls.add', declared, (x: number, y: number) => x + y);
  const testApp = await createTestApp(app, { settings, clock: new FakeClock(NOON) });
  t.after(() => testApp.stop());
  return { app, add, testApp };
}

/** The message that a call with these options becomes. */
async function sent(
  t: TestContext,
  options: ApplyOptions,
  surroundings: Surroundings = {},
): Promise<SentTask> {
  const { add, testApp } = await setup(t, surroundings);
  await add.applyAsync([1, 2], options);
  return testApp.sent[0]!;
}

function sig(task: string, args: unknown[] = []): SignatureData {
  return { task, args, kwargs: {}, options: {}, subtask_type: null, immutable: false };
}

/** What of a message shows the effect of an option. */
type View = (message: SentTask) => unknown;
const header =
  (name: string): View =>
  ({ headers }) =>
    headers[name];
const property =
  (name: string): View =>
  ({ properties }) =>
    properties[name];
const embed =
  (name: string): View =>
  ({ message }) =>
    JSON.parse(String(message.body))[2][name];

/** Option, value, where it shows, and what is there. */
const OPTIONS: [name: keyof ApplyOptions, value: unknown, view: View, expected: unknown][] = [
  ['serializer', 'yaml', ({ message }) => message.contentType, 'application/x-yaml'],
  ['serializer', 'msgpack', ({ args }) => args, [1, 2]],
  ['countdown', 90, header('eta'), '2026-01-01T12:01:30+00:00'],
  ['countdown', 0, header('eta'), null],
  ['countdown', -5, header('eta'), null],
  ['eta', new Date('2026-02-01T00:00:00Z'), header('eta'), '2026-02-01T00:00:00+00:00'],
  ['eta', '2026-02-01T00:00:00+02:00', ({ eta }) => eta, new Date('2026-01-31T22:00:00Z')],
  ['eta', 1_800_000_000, ({ eta }) => eta, new Date(1_800_000_000_000)],
  ['expires', 60, header('expires'), '2026-01-01T12:01:00+00:00'],
  ['expires', 60, property('expiration'), '60000'],
  ['expires', new Date('2026-01-01T12:00:30Z'), header('expires'), '2026-01-01T12:00:30+00:00'],
  ['expires', '2026-01-01T12:00:30Z', property('expiration'), '30000'],
  ['queue', 'slow', ({ queue: name, routingKey }) => [name, routingKey], ['slow', 'slow']],
  ['queue', queue('slow'), ({ queue: name, exchange: to }) => [name, to], ['slow', '']],
  ['priority', 7, property('priority'), 7],
  ['priority', 0, property('priority'), 0],
  ['deliveryMode', 1, property('delivery_mode'), 1],
  ['deliveryMode', 'transient', property('delivery_mode'), 1],
  ['priority', 'low', property('priority'), 9],
  ['compression', 'gzip', header('compression'), 'application/x-gzip'],
  [
    'taskId',
    'mine',
    ({ id, headers, properties }) => [id, headers.id, properties.correlation_id],
    ['mine', 'mine', 'mine'],
  ],
  ['headers', { tenant: 'a' }, header('tenant'), 'a'],
  ['ignoreResult', true, header('ignore_result'), true],
  ['timeLimit', 9, header('timelimit'), [9, null]],
  ['softTimeLimit', 8, header('timelimit'), [null, 8]],
  ['shadow', 'shown', header('shadow'), 'shown'],
  ['replyTo', 'me', property('reply_to'), 'me'],
  ['link', sig('after'), embed('callbacks'), [sig('after')]],
  ['link', { task: 'after', args: [1] }, embed('callbacks'), [sig('after', [1])]],
  ['link', [sig('one'), sig('two')], embed('callbacks'), [sig('one'), sig('two')]],
  ['linkError', sig('failed'), embed('errbacks'), [sig('failed')]],
  ['argsrepr', '(hidden)', header('argsrepr'), '(hidden)'],
  ['kwargsrepr', '{hidden}', header('kwargsrepr'), '{hidden}'],
  ['rootId', 'root', header('root_id'), 'root'],
  ['parentId', 'parent', header('parent_id'), 'parent'],
  ['properties', { app_id: 'shop' }, property('app_id'), 'shop'],
];

describe('an option of applyAsync', () => {
  for (const [name, value, view, expected] of OPTIONS) {
    it(`${name}: ${JSON.stringify(value)} reaches the message`, async t => {
      const message = await sent(t, { [name]: value });

      assert.deepEqual(view(message), expected);
    });
  }

  it('leaves the rest of the message as it is without options', async t => {
    const { id, headers, properties } = await sent(t, {});

    const { origin, lang, ...others } = headers;
    assert.deepEqual(others, {
      task: 'calls.add',
      id,
      shadow: null,
      eta: null,
      expires: null,
      group: null,
      group_index: null,
      retries: 0,
      timelimit: [null, null],
      root_id: id,
      parent_id: null,
      argsrepr: '[1, 2]',
      kwargsrepr: '{}',
      ignore_result: false,
      replaced_task_nesting: 0,
      stamped_headers: null,
      stamps: {},
    });
    assert.match(String(origin), /^gen\d+@/);
    assert.equal(typeof lang, 'string');
    const { reply_to, ...rest } = properties;
    assert.deepEqual(rest, { correlation_id: id, delivery_mode: 2 });
    assert.match(String(reply_to), /^[0-9a-f-]{36}$/);
  });

  it('kwargs reaches the message beside the positional arguments', async t => {
    const { add, testApp } = await setup(t);

    await add.applyAsync([1], { kwargs: { y: 2 } });
    await add.applyAsync(undefined, { kwargs: { x: 1, y: 2 } });

    assert.deepEqual(
      testApp.sent.map(({ args, kwargs }) => [args, kwargs]),
      [
        [[1], { y: 2 }],
        [[], { x: 1, y: 2 }],
      ],
    );
  });

  it('shows positional arguments of delay as a tuple', async t => {
    const { add, testApp } = await setup(t);

    await add.delay(1, 2);

    assert.equal(testApp.sent[0]?.headers.argsrepr, '(1, 2)');
  });
});

describe('an option that cannot be', () => {
  const cases: [options: object, error: RegExp | { name: string }][] = [
    [{ countdown: 'soon' }, /countdown must be a number of seconds, got 'soon'/],
    [{ countdown: Number.NaN }, /countdown must be a number of seconds, got nan/],
    [
      { eta: new Date('never') },
      /eta must be a Date, ISO 8601 text or seconds since 1970, got an invalid Date/,
    ],
    [{ eta: 'never' }, /eta: Not an ISO 8601 date: "never"/],
    [
      { eta: 1795173964633 },
      /eta is out of range: 1795173964633 is after the year 9999\. .* this looks like milliseconds: 1795173964\.633\?/,
    ],
    [{ eta: new Date(8e15) }, /eta is out of range: \+255479-/],
    [{ eta: -1e12 }, /eta is out of range: -1000000000000(\.0)? is before the year 1/],
    [{ eta: Number.POSITIVE_INFINITY }, /eta is out of range: inf/],
    [{ eta: {} }, /eta must be a Date, ISO 8601 text or seconds since 1970, got \{\}/],
    [
      { countdown: 1795173964633 },
      /countdown must be a number of seconds, got 1795173964633\. .*milliseconds/,
    ],
    [{ countdown: 3e11 }, /countdown/],
    [{ expires: 1795173964633 }, /expires is out of range: .*looks like milliseconds/],
    [{ expires: 'soon' }, /expires: Not an ISO 8601 date: "soon"/],
    [
      { expires: true },
      /expires must be a number of seconds from now, a Date or ISO 8601 text, got True/,
    ],
    [{ timeLimit: 1795173964633 }, /timeLimit must be a number of seconds, .*milliseconds/],
    [
      { softTimeLimit: Number.POSITIVE_INFINITY },
      /softTimeLimit must be a number of seconds, got inf/,
    ],
    [{ expires: new Date('never') }, /expires must be a Date.*got an invalid Date/],
    [{ serializer: 'jsn' }, /No serializer named "jsn".*"json"/],
    [{ compression: 'gzp' }, /"gzp".*"gzip"/],
    [
      { timeLimit: 5, softTimeLimit: 6 },
      /soft_time_limit must be less than or equal to time_limit, got 6 and 5/,
    ],
    [{ kwargs: { z: 1 } }, /add\(\) got an unexpected keyword argument 'z'/],
    [{ kwargs: { x: 1 } }, /multiple values for argument 'x'/],
    [{ kwargs: [1] }, { name: 'TypeError' }],
    [{ taskId: '' }, /id must be a non-empty string/],
  ];
  for (const [options, error] of cases) {
    it(`is refused and nothing is sent: ${JSON.stringify(options)}`, async t => {
      const { add, testApp } = await setup(t);

      await assert.rejects(add.applyAsync([1, 2], options as ApplyOptions), error);

      assert.equal(testApp.queued(), 0);
    });
  }

  it('is refused by name where queues may not be made up', async t => {
    const { add } = await setup(t, {
      settings: { task_create_missing_queues: false, task_queues: { celery: {} } },
    });

    await assert.rejects(add.applyAsync([1, 2], { queue: 'celry' }), {
      code: 'QUEUE_NOT_FOUND',
      message: /celry.*celery/,
    });
  });

  it('as an expiry in the past is warned of and sent', async t => {
    const { add, testApp } = await setup(t);
    const warned = new Promise<Error>(resolve => process.once('warning', resolve));

    await add.applyAsync([1, 2], { expires: new Date('2025-01-01T00:00:00Z') });

    assert.match((await warned).message, /lies in the past/);
    assert.equal(testApp.sent.length, 1);
  });
});

describe('an option of the declaration', () => {
  const cases: [options: TaskOptions & { bind?: false }, view: View, expected: unknown][] = [
    [{ queue: 'slow' }, message => message.queue, 'slow'],
    [{ priority: 3 }, property('priority'), 3],
    [{ compression: 'gzip' }, header('compression'), 'application/x-gzip'],
    [{ deliveryMode: 1 }, property('delivery_mode'), 1],
    [{ priority: 'low' }, property('priority'), 9],
    [{ expires: 60 }, header('expires'), '2026-01-01T12:01:00+00:00'],
    [{ timeLimit: 9, softTimeLimit: 8 }, header('timelimit'), [9, 8]],
    [{ ignoreResult: true }, header('ignore_result'), true],
    [
      { shadowName: (args, kwargs) => `add ${JSON.stringify([args, kwargs])}` },
      header('shadow'),
      'add [[1,2],{}]',
    ],
  ];
  for (const [declared, view, expected] of cases) {
    it(`is a default of its calls: ${Object.keys(declared)}`, async t => {
      assert.deepEqual(view(await sent(t, {}, { declared })), expected);
    });
  }

  it('gives way to the options of the call', async t => {
    const declared = { queue: 'slow', priority: 3, timeLimit: 9, shadowName: () => 'declared' };
    const options = { queue: 'fast', priority: 0, timeLimit: 1, shadow: 'called' };

    const message = await sent(t, options, { declared });

    assert.deepEqual(
      [
        message.queue,
        message.properties.priority,
        message.headers.timelimit,
        message.headers.shadow,
      ],
      ['fast', 0, [1, null], 'called'],
    );
  });

  it('counts for a call by name too', async t => {
    const { app, testApp } = await setup(t, { declared: { priority: 3, queue: 'slow' } });

    await app.sendTask('calls.add', [1, 2]);

    assert.equal(testApp.sent[0]?.properties.priority, 3);
    assert.equal(testApp.sent[0]?.queue, 'slow');
  });
});

describe('a setting', () => {
  const cases: [settings: CeleryConfig, view: View, expected: unknown][] = [
    [{ task_default_queue: 'shop' }, message => message.queue, 'shop'],
    [{ task_default_priority: 4 }, property('priority'), 4],
    [{ task_compression: 'gzip' }, header('compression'), 'application/x-gzip'],
    [{ task_default_delivery_mode: 'transient' }, property('delivery_mode'), 1],
    [{ task_default_priority: 'normal' }, property('priority'), 5],
    [{ task_ignore_result: true }, header('ignore_result'), true],
    [{ task_routes: { 'calls.*': 'routed' } }, message => message.queue, 'routed'],
    [
      { task_routes: { 'calls.add': { queue: 'routed', priority: 6 } } },
      message => [message.queue, message.properties.priority],
      ['routed', 6],
    ],
    [
      { task_routes: (name, args) => (name === 'calls.add' ? `q${args[0]}` : null) },
      message => message.queue,
      'q1',
    ],
    [{ task_protocol: 1 }, message => Object.keys(message.headers), []],
  ];
  for (const [settings, view, expected] of cases) {
    it(`is the default of all calls: ${Object.keys(settings)}`, async t => {
      assert.deepEqual(view(await sent(t, {}, { settings })), expected);
    });
  }
});

describe('a route of a call', () => {
  it('may name an exchange and a routing key', async t => {
    const { add, testApp } = await setup(t, {
      settings: {
        task_queues: {
          celery: {},
          news: { exchange: 'media', exchange_type: 'topic', routing_key: 'news.#' },
        },
      },
    });

    await add.applyAsync([1, 2], {
      exchange: exchange('media', 'topic'),
      routingKey: 'news.weather',
    });

    const { exchange: to, routingKey, queue: name } = testApp.sent[0]!;
    assert.deepEqual([to, routingKey, name], ['media', 'news.weather', undefined]);
  });

  it('comes before the route of the settings', async t => {
    const settings = { task_routes: { 'calls.*': 'routed' } };

    assert.equal((await sent(t, { queue: 'called' }, { settings })).queue, 'called');
  });

  it('comes after the declaration of the task and before the defaults of the settings', async t => {
    const settings: CeleryConfig = {
      task_routes: { 'calls.*': { queue: 'routed', priority: 'low', compression: 'gzip' } },
      task_default_priority: 3,
    };

    const declared = await sent(t, {}, { settings, declared: { queue: 'declared', priority: 1 } });
    const routed = await sent(t, {}, { settings });

    assert.deepEqual([declared.queue, declared.properties.priority], ['declared', 1]);
    assert.deepEqual([routed.queue, routed.properties.priority], ['routed', 9]);
    assert.equal(routed.headers.compression, 'application/x-gzip');
  });

  it('may be a router that a module exports', async t => {
    const folder = temporaryProject(t, {
      'routers.mjs': `export const route = name => ({ queue: 'for.' + name });`,
    });
    const settings = { task_routes: [`${folder}/routers.mjs:route`] };

    assert.equal((await sent(t, {}, { settings })).queue, 'for.calls.add');
  });

  it('to nobody is an error when the call is mandatory, and a wrong priority always', async t => {
    const { add } = await setup(t);
    const to = { exchange: exchange('nobody'), routingKey: 'x' };

    await add.applyAsync([1, 2], to);
    await assert.rejects(add.applyAsync([1, 2], { ...to, mandatory: true }), Unroutable);
    await assert.rejects(add.applyAsync([1, 2], { priority: 'hgh' as never }), /"hgh".*"high"/);
  });
});

describe('a call made by a task', () => {
  it('names its parent and its root, and may inherit the priority', async t => {
    const { app, add, testApp } = await setup(t, {
      settings: { task_inherit_parent_priority: true },
    });
    const outer = app.task('outer', async () => void (await add.delay(1, 2)));
    const worker = await testApp.startWorker();

    const { id } = await outer.applyAsync([], { priority: 6 });
    await worker.drain();

    const inner = testApp.sent[1]!;
    assert.deepEqual([inner.headers.root_id, inner.headers.parent_id], [id, id]);
    assert.equal(inner.properties.priority, 6);
  });

  it('hands the root on over several generations', async t => {
    const { app, add, testApp } = await setup(t);
    const middle = app.task('middle', async () => void (await add.delay(1, 2)));
    const outer = app.task('outer', async () => void (await middle.delay()));
    const worker = await testApp.startWorker();

    await outer.delay();
    await worker.drain();

    const [first, second, third] = testApp.sent;
    assert.deepEqual(
      [second, third].map(each => [each?.headers.root_id, each?.headers.parent_id]),
      [
        [first?.id, first?.id],
        [first?.id, second?.id],
      ],
    );
  });
});

describe('what follows a task', () => {
  it('takes what it leaves open from the declaration of its own task', async t => {
    const { app, add, testApp } = await setup(t);
    app.task(
      'after',
      { priority: 5, queue: 'later', ignoreResult: true, timeLimit: 3, compression: 'gzip' },
      (x: number) => x,
    );
    const worker = await testApp.startWorker();

    const { id } = await add.applyAsync([1, 2], { link: sig('after') });
    await worker.drain();

    const { args, queue: name, properties, headers } = testApp.sent[1]!;
    assert.deepEqual([args, name, properties.priority], [[3], 'later', 5]);
    assert.deepEqual(
      [headers.parent_id, headers.root_id, headers.ignore_result, headers.timelimit],
      [id, id, true, [3, null]],
    );
    assert.equal(headers.compression, 'application/x-gzip');
  });

  it('keeps what its signature says', async t => {
    const { add, testApp } = await setup(t);
    const link = {
      ...sig('after', [10]),
      options: { queue: 'q', priority: 1, task_id: 'mine', countdown: 30, headers: { a: 1 } },
      kwargs: { more: true },
    };
    const worker = await testApp.startWorker();

    await add.applyAsync([1, 2], { link });
    await worker.drain();

    const { id, args, kwargs, queue: name, eta, properties, headers } = testApp.sent[1]!;
    assert.deepEqual([id, args, kwargs, name], ['mine', [3, 10], { more: true }, 'q']);
    assert.deepEqual(eta, new Date('2026-01-01T12:00:30Z'));
    assert.deepEqual([properties.priority, headers.a], [1, 1]);
  });

  it('runs not before the Date that its signature has', async t => {
    const { add, testApp } = await setup(t);
    const eta = new Date('2030-01-01T00:00:00Z');
    const expires = new Date('2031-01-01T00:00:00Z');
    const worker = await testApp.startWorker();

    await add.applyAsync([1, 2], { link: { ...sig('after'), options: { eta, expires } } });
    await worker.drain();

    assert.deepEqual(testApp.sent[1]?.eta, eta);
    assert.equal(testApp.sent[1]?.headers.expires, '2031-01-01T00:00:00+00:00');
  });

  it('gets nothing of the result when its signature is immutable', async t => {
    const { add, testApp } = await setup(t);
    const worker = await testApp.startWorker();

    await add.applyAsync([1, 2], { link: { ...sig('after', [10]), immutable: true } });
    await worker.drain();

    assert.deepEqual(testApp.sent[1]?.args, [10]);
  });

  it('is the errback after a failure: with the error, or with the id in a message', async t => {
    const { app, testApp } = await setup(t);
    const seen: unknown[][] = [];
    app.task('withError', (request: { id: string }, error: Error, traceback: string) => {
      seen.push([request.id, error.message, traceback.includes('RangeError')]);
    });
    const told: unknown[] = [];
    app.task('withId', (id: string) => void told.push(id));
    const broken = app.task('broken', () => {
      throw new RangeError('no');
    });
    const worker = await testApp.startWorker();

    const { id } = await broken.applyAsync([], {
      linkError: [sig('withError'), sig('withId')],
      link: sig('never'),
    });
    await worker.drain();

    assert.deepEqual(seen, [[id, 'no', true]]);
    assert.deepEqual(told, [id]);
    assert.deepEqual(
      testApp.sent.map(({ task }) => task),
      ['broken', 'withId'],
    );
  });

  it('may fail as an errback without changing how the task ended', async t => {
    const { app, testApp } = await setup(t);
    app.task('withError', (_request: unknown, _error: Error) => {
      throw new Error('errback broken');
    });
    const broken = app.task('broken', () => {
      throw new RangeError('no');
    });
    const worker = await testApp.startWorker();

    const result = await broken.applyAsync([], { linkError: sig('withError') });
    await worker.drain();

    await assert.rejects(result.get({ timeout: 1 }), /^RangeError: no$/m);
    assert.ok(
      worker.log.some(({ message }) =>
        /the errback withError failed: Error\('errback broken'\)/.test(message),
      ),
    );
  });
});

describe('a broker that is away', () => {
  /** A memory broker whose first `failures` messages get lost on the way to it. */
  async function flaky(t: TestContext, failures: number, settings: CeleryConfig = {}) {
    const { app, add, testApp } = await setup(t, { settings });
    const transport = await app[INTERNALS].transport();
    const publish = transport.publish.bind(transport);
    let attempts = 0;
    transport.publish = async (...args) => {
      attempts += 1;
      if (attempts <= failures) throw new OperationalError('gone');
      return publish(...args);
    };
    return { add, testApp, attempts: () => attempts };
  }
  const quick = { intervalStart: 0.001, intervalStep: 0, intervalMax: 0.001 };

  it('is tried again three times', async t => {
    const { add, attempts, testApp } = await flaky(t, 3);

    await add.applyAsync([1, 2], { retryPolicy: quick });

    assert.equal(attempts(), 4);
    assert.equal(testApp.queued(), 1);
  });

  it('fails the call in the end', async t => {
    const { add, attempts } = await flaky(t, 100);

    await assert.rejects(add.applyAsync([1, 2], { retryPolicy: { ...quick, maxRetries: 1 } }), {
      code: 'OPERATIONAL',
    });

    assert.equal(attempts(), 2);
  });

  it('is not tried again with retry: false', async t => {
    const { add, attempts } = await flaky(t, 100);

    await assert.rejects(add.applyAsync([1, 2], { retry: false }), OperationalError);

    assert.equal(attempts(), 1);
  });

  it('is tried again as the settings say', async t => {
    const policy = { max_retries: 2, interval_start: 0, interval_step: 0, interval_max: 0 };
    const one = await flaky(t, 100, { task_publish_retry_policy: policy });
    const other = await flaky(t, 100, { task_publish_retry: false });

    await assert.rejects(one.add.delay(1, 2), OperationalError);
    await assert.rejects(other.add.delay(1, 2), OperationalError);

    assert.deepEqual([one.attempts(), other.attempts()], [3, 1]);
  });
});
