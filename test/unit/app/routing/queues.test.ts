import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Queues } from '../../../../src/app/routing/queues.ts';
import { Router } from '../../../../src/app/routing/router.ts';
import { Settings } from '../../../../src/app/settings/settings.ts';
import type { CeleryConfig } from '../../../../src/app/settings/tables/table.ts';
import {
  binding,
  broadcast,
  exchange,
  type Queue,
  queue,
  workerDirect,
} from '../../../../src/messaging/entities.ts';
import { bindingsOf } from '../../../../src/messaging/virtual/routing.ts';

const queuesOf = (config: CeleryConfig) => new Queues(new Settings(config, { env: {} }));
const ways = (each: Queue) =>
  bindingsOf(each).map(({ exchange, routingKey }) => `${exchange.name} ${routingKey}`);

describe('queues made by hand', () => {
  test('with bindings and no exchange, a queue has these bindings only', () => {
    const media = exchange('media', 'topic');
    const made = queue('av', { bindings: [binding(media, 'video.#'), binding(media, 'audio.#')] });
    assert.deepEqual(ways(made), ['media video.#', 'media audio.#']);
  });

  test('with an exchange too, the bindings are further ones', () => {
    const made = queue('q', { exchange: exchange('own'), bindings: [binding(exchange('x'), 'k')] });
    assert.deepEqual(ways(made), ['own q', 'x k']);
  });

  test('a broadcast queue is a new queue each time, of a fanout exchange with the name given', () => {
    const [one, two] = [broadcast('news'), broadcast('news')];
    assert.match(one.name, /^bcast\.[0-9a-f-]{36}$/);
    assert.notEqual(one.name, two.name);
    assert.deepEqual(
      [one.exchange.name, one.exchange.type, one.autoDelete, one.alias],
      ['news', 'fanout', true, 'news'],
    );
  });

  test("a worker's own queue is named after its node", () => {
    const made = workerDirect('w1@host');
    assert.deepEqual([made.name, ...ways(made)], ['w1@host.dq2', 'C.dq2 w1@host']);
  });
});

describe('declared queues', () => {
  test('keys may be written in camelCase, and exchanges as entities', () => {
    const queues = queuesOf({
      task_queues: [
        {
          name: 'feeds',
          exchange: exchange('news', 'topic'),
          routingKey: 'feed.#',
          maxPriority: 10,
          messageTtl: 60,
          maxLength: 5,
          queueArguments: { 'x-queue-type': 'quorum' },
        } as never,
      ],
    });
    const feeds = queues.get('feeds');
    assert.deepEqual(ways(feeds), ['news feed.#']);
    assert.deepEqual(
      [feeds.maxPriority, feeds.messageTtl, feeds.maxLength, feeds.queueArguments],
      [10, 60, 5, { 'x-queue-type': 'quorum' }],
    );
  });

  test('a declaration without routing key has the name of its queue as key', () => {
    const queues = queuesOf({
      task_default_routing_key: 'other',
      task_queues: { mail: {}, video: { exchange: 'media' } },
    });
    assert.deepEqual(ways(queues.get('mail')), ['celery mail']);
    assert.deepEqual(ways(queues.get('video')), ['media video']);
    assert.deepEqual(ways(queuesOf({ task_queues: ['mail'] }).get('mail')), ['celery mail']);
  });

  test('several bindings can be declared', () => {
    const bindings = [
      { exchange: 'media', exchange_type: 'topic', routing_key: 'video.#' },
      { exchange: 'raw' },
    ] as const;
    const queues = queuesOf({
      task_queues: { av: { bindings }, more: { exchange: 'own', bindings } },
    });
    assert.deepEqual(ways(queues.get('av')), ['media video.#', 'raw av']);
    assert.deepEqual(ways(queues.get('more')), ['own more', 'media video.#', 'raw more']);
    assert.equal(queues.get('av').exchange.type, 'topic');
  });

  test('an unknown key of a binding is an error that names the nearest', () => {
    assert.throws(
      () => queuesOf({ task_queues: { q: { bindings: [{ exchnge: 'x' } as never] } } }),
      {
        code: 'IMPROPERLY_CONFIGURED',
        message: /unknown key "exchnge".*exchange/,
      },
    );
  });

  test('a broadcast queue is found, selected and excluded by the name people know', () => {
    const all = { task_queues: ['celery', broadcast('news')], task_create_missing_queues: false };
    const queues = queuesOf(all);
    assert.equal(queues.get('news').alias, 'news');
    assert.deepEqual(queues.names, ['celery', 'news']);
    queues.select(['news']);
    assert.deepEqual(
      queues.consumed.map(({ alias }) => alias),
      ['news'],
    );
    const others = queuesOf(all);
    others.deselect(['news', 'nobody knows this']);
    assert.deepEqual(
      others.consumed.map(({ name }) => name),
      ['celery'],
    );
  });

  test('a largest priority among the arguments is not overwritten', () => {
    const queues = queuesOf({
      task_queue_max_priority: 10,
      task_queues: { a: { queue_arguments: { 'x-max-priority': 3 } }, b: {} },
    });
    assert.deepEqual(
      [queues.get('a').maxPriority, queues.get('b').maxPriority, queues.get('new').maxPriority],
      [undefined, 10, 10],
    );
  });

  test('a queue added to a selection is consumed too', () => {
    const queues = queuesOf({ task_queues: ['a', 'b'] });
    queues.select(['a']);
    queues.selectAdd(workerDirect('w@h'));
    assert.deepEqual(
      queues.consumed.map(({ name }) => name),
      ['a', 'w@h.dq2'],
    );
  });

  test('queues that callers make up are forgotten in the end, declared ones are not', () => {
    const queues = queuesOf({ task_queues: ['celery', 'mail'] });
    queues.selectAdd('chosen');
    for (let i = 0; i < 30_000; i++) assert.equal(queues.get(`user.${i}`).name, `user.${i}`);

    assert.ok(queues.names.length <= 10_003, `${queues.names.length}`);
    assert.equal(queues.has('user.0'), false);
    assert.equal(queues.get('user.29999'), queues.get('user.29999'));
    for (const name of ['celery', 'mail', 'chosen']) assert.equal(queues.has(name), true);
  });
});

describe('a queue with a routing key and no exchange', () => {
  const settings: CeleryConfig = {
    task_default_exchange: 'tasks',
    task_default_exchange_type: 'topic',
  };
  const tasks = exchange('tasks', 'topic');

  test('is bound to the default exchange of the app, written by hand or as data', () => {
    const byHand = queuesOf({ ...settings, task_queues: [queue('q', { routingKey: 'task.#' })] });
    const asData = queuesOf({ ...settings, task_queues: { q: { routing_key: 'task.#' } } });

    assert.deepEqual(byHand.get('q').exchange, tasks);
    assert.equal(byHand.get('q').routingKey, 'task.#');
    assert.deepEqual(byHand.get('q'), asData.get('q'));
  });

  test('is bound so too when a call names it', () => {
    const router = new Router(queuesOf(settings), 'celery', null);
    const options = { queue: queue('q', { routingKey: 'task.#' }) };

    const route = router.route({ name: 't', args: [], options });

    assert.deepEqual(route.queue?.exchange, tasks);
    assert.deepEqual(route.exchange, tasks);
  });
});
