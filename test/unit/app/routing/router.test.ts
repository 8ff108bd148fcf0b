import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskRoutes } from '../../../../src/app/options/route-types.ts';
import { Queues } from '../../../../src/app/routing/queues.ts';
import { Router } from '../../../../src/app/routing/router.ts';
import { Settings } from '../../../../src/app/settings/settings.ts';
import type { CeleryConfig } from '../../../../src/app/settings/tables/table.ts';
import { broadcast, exchange, queue } from '../../../../src/messaging/entities.ts';

function setup(config: CeleryConfig = {}) {
  const conf = new Settings(config, { env: {} });
  const queues = new Queues(conf);
  const router = new Router(queues, conf.task_default_queue, conf.task_routes);
  const route = (name: string, options: Record<string, unknown> = {}, args: unknown[] = []) =>
    router.route({ name, args, options });
  return { queues, router, route, queueOf: (name: string) => route(name).queue?.name };
}

describe('route', () => {
  test('a task without route goes to the default queue through the nameless exchange', () => {
    const { route } = setup({ task_default_queue: 'main' });

    const { queue: target, exchange: to, routingKey } = route('tasks.add');

    assert.deepEqual([target?.name, to.name, routingKey], ['main', '', 'main']);
  });

  test('an exact name comes before patterns, patterns in the order they are written', () => {
    const { queueOf } = setup({
      task_routes: { 'feed.*': 'feeds', 'feed.im?ort': 'never', 'feed.urgent': { queue: 'fast' } },
    });

    assert.equal(queueOf('feed.urgent'), 'fast');
    assert.equal(queueOf('feed.import'), 'feeds');
    assert.equal(queueOf('xfeed.import'), 'celery');
    assert.equal(queueOf('feed.'), 'celery');
  });

  test('the question mark of a pattern stands for one character', () => {
    const { queueOf } = setup({ task_routes: { 'a.?': 'one' } });

    assert.equal(queueOf('a.b'), 'one');
    assert.equal(queueOf('a.bc'), 'celery');
  });

  test('lists hold pairs, regular expressions, maps and functions, asked in turn', () => {
    const routes: TaskRoutes = [
      ['a.exact', 'pair'],
      [/^video\.(encode|cut)$/g, { queue: 'video' }],
      { 'b.*': 'map' },
      name => (name.startsWith('c.') ? 'function' : null),
      new Map([[/./, 'rest']]),
    ];
    const { queueOf } = setup({ task_routes: routes });

    assert.equal(queueOf('a.exact'), 'pair');
    assert.equal(queueOf('video.cut'), 'video');
    assert.equal(queueOf('video.cut'), 'video', 'the second time as well');
    assert.equal(queueOf('b.x'), 'map');
    assert.equal(queueOf('c.x'), 'function');
    assert.equal(queueOf('d.x'), 'rest');
  });

  test('a list of lists of pairs, as in Celery, is read too', () => {
    const { queueOf } = setup({ task_routes: [[['feed.*', 'feeds']]] });

    assert.equal(queueOf('feed.x'), 'feeds');
  });

  test('a function hears of name, arguments, options and task', () => {
    const heard: unknown[][] = [];
    const { route } = setup({
      task_routes: (...call: unknown[]) => {
        heard.push(call);
        return { queue: 'q' };
      },
    });

    route('t', { priority: 3 }, [1, 2]);

    assert.deepEqual(heard, [['t', [1, 2], {}, { priority: 3 }, undefined]]);
  });

  test('options of the call win over the route, undefined and null do not', () => {
    const { route } = setup({
      task_routes: { t: { queue: 'q', priority: 5, serializer: 'yaml', time_limit: 9 } },
    });

    const { queue: target, options } = route('t', {
      priority: 1,
      serializer: undefined,
      queue: null,
    });

    assert.equal(target?.name, 'q');
    assert.deepEqual(options, { priority: 1, serializer: 'yaml', timeLimit: 9 });
  });

  test('a call that names its queue takes no part of the route address', () => {
    const { route } = setup({
      task_routes: { t: { queue: 'q', exchange: 'e', routing_key: 'k', priority: 5 } },
    });

    const { queue: target, exchange: to, routingKey, options } = route('t', { queue: 'mine' });

    assert.deepEqual([target?.name, to.name, routingKey], ['mine', '', 'mine']);
    assert.deepEqual(options, { priority: 5 });
  });

  test('what the declaration of a task says comes before a route', () => {
    const { router } = setup({
      task_routes: { t: { queue: 'routed', priority: 5, compression: 'gzip' } },
    });
    const defaults = { queue: 'declared', priority: 1, serializer: 'yaml' };
    const route = (name: string) => router.route({ name, args: [], options: {}, defaults });

    assert.equal(route('t').queue?.name, 'declared');
    assert.deepEqual(route('t').options, { priority: 1, serializer: 'yaml', compression: 'gzip' });
    assert.equal(route('other').queue?.name, 'declared');
  });

  test('a topic queue is reached through its exchange with the key of the call', () => {
    const { route } = setup({
      task_queues: { media: { exchange: 'media', exchange_type: 'topic', routing_key: 'media.#' } },
      task_routes: { t: { queue: 'media', routing_key: 'media.video' } },
    });

    const { exchange: to, routingKey } = route('t');
    const other = route('t', { routingKey: 'media.audio' });

    assert.deepEqual([to.name, to.type, routingKey], ['media', 'topic', 'media.video']);
    assert.equal(other.routingKey, 'media.audio');
  });

  test('an explicit exchange and routing key need no queue', () => {
    const { route } = setup();

    const {
      queue: target,
      exchange: to,
      routingKey,
    } = route('t', {
      exchange: 'e',
      exchangeType: 'topic',
      routingKey: 'k',
    });

    assert.equal(target, undefined);
    assert.deepEqual([to.name, to.type, routingKey], ['e', 'topic', 'k']);
  });

  test('an exchange given by name has the type that the queues declare', () => {
    const { route } = setup({
      task_queues: { media: { exchange: 'media', exchange_type: 'topic', routing_key: 'media.#' } },
    });

    const explicit = route('t', { exchange: 'media', routingKey: 'media.a' });
    const typed = route('t', { exchange: 'media', exchangeType: 'fanout', routingKey: 'x' });

    assert.deepEqual([explicit.exchange.type, typed.exchange.type], ['topic', 'fanout']);
  });

  test('a fanout exchange needs no routing key; any other that is not the default one does', () => {
    const { route } = setup({
      task_queues: { a: { exchange: 'fx', exchange_type: 'fanout' }, b: { exchange: 'direct' } },
    });

    const { exchange: to, routingKey } = route('t', { exchange: 'fx' });

    assert.deepEqual([to.name, to.type, routingKey], ['fx', 'fanout', 'celery']);
    assert.deepEqual(route('t', { queue: 'a' }).routingKey, 'celery');
    assert.throws(() => route('t', { exchange: 'direct' }), /without a routing key/);
    assert.throws(() => route('t', { exchange: 'unknown' }), /without a routing key/);
    assert.equal(route('t', { exchange: 'celery' }).queue?.name, 'celery');
  });

  test('a broadcast goes to its exchange by the name people know, and declares no queue', () => {
    const { route } = setup({
      task_queues: ['celery', broadcast('news')],
      task_routes: { 'news.*': 'news' },
    });

    const { queue: target, exchange: to, routingKey } = route('news.flash');

    assert.equal(target, undefined);
    assert.deepEqual([to.name, to.type, routingKey], ['news', 'fanout', 'celery']);
  });

  test('objects and classes with a method routeForTask, or route_for_task, are routers', () => {
    class ByPrefix {
      readonly #queue = 'from-class';
      routeForTask(name: string) {
        return name.startsWith('class.') ? this.#queue : undefined;
      }
    }
    const { queueOf } = setup({
      task_routes: [
        ByPrefix,
        { routeForTask: name => (name === 'object' ? 'from-object' : null) },
        { route_for_task: () => ({ queue: 'celerys' }) },
      ],
    });

    assert.equal(queueOf('class.x'), 'from-class');
    assert.equal(queueOf('object'), 'from-object');
    assert.equal(queueOf('other'), 'celerys');
  });

  test('something that is no router is refused', () => {
    assert.throws(() => setup({ task_routes: [5] as never }), {
      code: 'IMPROPERLY_CONFIGURED',
      message: /a router is a map, a list of .* pairs, a function, .* but 5 was given/,
    });
    assert.throws(
      () => setup({ task_routes: { t: 5 as never } }).route('t'),
      /The route of task "t"/,
    );
  });
});

describe('a slip in a route', () => {
  const slips: readonly (readonly [object, RegExp])[] = [
    [{ queu: 'feeds' }, /no option "queu"\. Did you mean "queue"\?/],
    [{ routing_kye: 'x' }, /no option "routing_kye"\. Did you mean "routing_key"\?/],
    [{ queue: 5 }, /queue must be a queue or its name, got 5/],
    [
      { priority: 1, retry_policy: { max_retrys: 1 } },
      /no "maxRetrys"\. Did you mean "maxRetries"/,
    ],
  ];

  test('is an error when the routes are read, whatever form they have', () => {
    for (const [target, message] of slips) {
      const forms: readonly unknown[] = [
        { 'feed.*': target },
        { feed: target },
        [[/^feed/, target]],
        new Map([[/^feed/, target]]),
        [() => null, [['feed', target]]],
      ];
      for (const task_routes of forms) {
        const refused = { code: 'IMPROPERLY_CONFIGURED', message };
        assert.throws(() => setup({ task_routes: task_routes as never }), refused);
      }
    }
  });

  test('is an error when a function returns it', () => {
    for (const [target, message] of slips) {
      const { route } = setup({ task_routes: (() => target) as never });
      assert.throws(() => route('feed.import'), { code: 'IMPROPERLY_CONFIGURED', message });
    }
  });

  test('in the name of a queue is an error when the routes are read and queues are not created', () => {
    const task_queues = ['feeds'];
    const task_routes = { 'feed.*': 'feds' };
    assert.throws(
      () => setup({ task_queues, task_routes, task_create_missing_queues: false }),
      /Queue "feds" is not in task_queues \(feeds\)\. Did you mean "feeds"\?/,
    );
  });

  test('does not lie in a retry policy as the settings write it', () => {
    const target = { retry_policy: { max_retries: 1, interval_start: 0 } };
    const { route } = setup({ task_routes: { t: target } as never });

    assert.deepEqual(route('t').options, { retryPolicy: { maxRetries: 1, intervalStart: 0 } });
  });
});

describe('queues', () => {
  test('unset, there is the default queue with exchange and key of its name', () => {
    const { queues } = setup({ task_default_queue: 'main' });

    assert.deepEqual(queues.names, ['main']);
    assert.deepEqual(queues.get('main').exchange, exchange('main'));
    assert.equal(queues.get('main').routingKey, 'main');
  });

  test('declared in a list or a map, they take what they leave out from the defaults', () => {
    const { queues } = setup({
      task_default_exchange: 'tasks',
      task_default_exchange_type: 'topic',
      task_default_routing_key: 'task.default',
      task_queues: ['a', { name: 'b', binding_key: 'b.#', max_priority: 9 }, queue('c')],
    });

    assert.deepEqual(queues.names, ['a', 'b', 'c']);
    assert.deepEqual(queues.get('a').exchange, exchange('tasks', 'topic'));
    assert.equal(queues.get('a').routingKey, 'a');
    assert.equal(queues.get('b').routingKey, 'b.#');
    assert.equal(queues.get('b').maxPriority, 9);
    assert.equal(queues.get('c').exchange.name, 'c');
  });

  test('unknown ones are created with a direct exchange, an own key and the type configured', () => {
    const { queues } = setup({ task_create_missing_queue_type: 'quorum' });

    const created = queues.get('new');

    assert.deepEqual(created.exchange, exchange('new'));
    assert.deepEqual(created.queueArguments, { 'x-queue-type': 'quorum' });
    assert.equal(queues.get('new'), created);
  });

  test('unknown ones are an error that names the nearest when none may be created', () => {
    const { queues } = setup({
      task_create_missing_queues: false,
      task_queues: ['video', 'audio'],
    });

    assert.throws(() => queues.get('vidoe'), {
      code: 'QUEUE_NOT_FOUND',
      message: 'Queue "vidoe" is not in task_queues (video, audio). Did you mean "video"?',
    });
  });

  test('get the largest priority configured, unless they set one', () => {
    const { queues } = setup({
      task_queue_max_priority: 10,
      task_queues: { a: {}, b: { max_priority: 5 } },
    });

    assert.deepEqual([queues.get('a').maxPriority, queues.get('b').maxPriority], [10, 5]);
    assert.equal(queues.get('new').maxPriority, 10);
  });

  test('selected ones are the only ones consumed, excluded ones are not', () => {
    const { queues } = setup({ task_queues: ['a', 'b', 'c'] });
    const consumed = () => queues.consumed.map(each => each.name);

    assert.deepEqual(consumed(), ['a', 'b', 'c']);
    queues.select(['b', 'new', 'c']);
    assert.deepEqual(consumed(), ['b', 'new', 'c']);
    queues.deselect(['c', 'nobody']);
    assert.deepEqual(consumed(), ['b', 'new']);
    queues.selectAdd('a');
    assert.deepEqual(consumed(), ['b', 'new', 'a']);
  });

  test('selecting one that may not be created is explained', () => {
    const { queues } = setup({ task_create_missing_queues: false });

    assert.throws(() => queues.select(['nosuch']), {
      code: 'IMPROPERLY_CONFIGURED',
      message:
        /^Trying to select queue subset of \['nosuch'\], but queue 'nosuch' isn't defined in the `task_queues` setting\./,
    });
  });

  test('wrong declarations are named', () => {
    assert.throws(() => setup({ task_queues: { a: { routng_key: 'x' } as never } }), {
      message: 'task_queues, queue "a": unknown key "routng_key". Did you mean "routing_key"?',
    });
    assert.throws(
      () => setup({ task_queues: { a: { exchange_type: 'topik' as never } } }),
      /"topik" is no exchange type. Did you mean "topic"\?/,
    );
  });
});
