import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  binding,
  broadcast,
  DEFAULT_EXCHANGE,
  exchange,
  isBroadcast,
  queue,
  workerDirect,
} from '../../../../src/messaging/entities.ts';
import { unusedOptions } from '../../../../src/messaging/unused-options.ts';
import {
  bindingMatches,
  bindingsOf,
  priorityStep,
  refuseMixedFanout,
} from '../../../../src/messaging/virtual/routing.ts';

const ALL = exchange('all', 'fanout');

describe('a queue of a broker without exchanges', () => {
  for (const [words, given] of [
    ['one broadcast', queue('q', { exchange: ALL })],
    [
      'two others',
      queue('q', { bindings: [binding(exchange('a')), binding(exchange('b', 'topic'))] }),
    ],
    [
      'a broadcast, and its own name',
      queue('q', { exchange: DEFAULT_EXCHANGE, bindings: [binding(ALL)] }),
    ],
  ] as const) {
    test(`may be fed by ${words}`, () => {
      assert.doesNotThrow(() => refuseMixedFanout(given, 'Redis'));
    });
  }

  for (const [words, given, why] of [
    [
      'a broadcast and another',
      queue('q', { exchange: ALL, bindings: [binding(exchange('a'))] }),
      /has a fanout exchange and another binding, which Redis cannot do/,
    ],
    [
      'two broadcasts',
      queue('q', { bindings: [binding(ALL), binding(exchange('more', 'fanout'))] }),
      /which Redis cannot do; use two queues\.$/,
    ],
    [
      'headers',
      queue('q', { exchange: exchange('h', 'headers') }),
      /^ChannelError: Redis has no headers exchanges \(exchange "h"\)/,
    ],
    [
      'headers beside others',
      queue('q', { bindings: [binding(exchange('a')), binding(exchange('h', 'headers'))] }),
      /no headers exchanges/,
    ],
  ] as const) {
    test(`cannot be fed by ${words}`, () => {
      assert.throws(() => refuseMixedFanout(given, 'Redis'), why);
    });
  }

  test('has its bindings but the one that needs none', () => {
    const given = queue('q', { exchange: DEFAULT_EXCHANGE, bindings: [binding(ALL, 'k')] });

    assert.deepEqual(
      bindingsOf(given).map(({ exchange: { name }, routingKey }) => [name, routingKey]),
      [['all', 'k']],
    );
  });
});

describe('a binding', () => {
  for (const [type, key, routingKey, fits] of [
    ['direct', 'a', 'a', true],
    ['direct', 'a.*', 'a.b', false],
    ['fanout', 'a', 'b', true],
    ['topic', '#', '', true],
    ['topic', '#', 'a.b.c', true],
    ['topic', 'a.*', 'a.b', true],
    ['topic', 'a.*', 'a', false],
    ['topic', '*.b', 'a.b', true],
    ['topic', 'a+b', 'a+b', true],
    ['topic', 'a+b', 'aab', false],
    ['topic', 'a.b', 'axb', false],
    ['topic', '(', '(', true],
  ] as const) {
    test(`of a ${type} exchange with ${key} ${fits ? 'fits' : 'does not fit'} ${JSON.stringify(routingKey)}`, () => {
      assert.equal(bindingMatches(type, key, routingKey), fits);
    });
  }

  test('goes on to fit however many others were asked for', () => {
    for (let n = 0; n < 1100; n++) bindingMatches('topic', `k${n}.*`, 'x');

    assert.equal(bindingMatches('topic', 'k0.*', 'k0.a'), true);
  });
});

describe('the class of a priority', () => {
  for (const [priority, step] of [
    [0, 0],
    [2, 0],
    [3, 3],
    [5.9, 3],
    [8, 6],
    [9, 9],
    [255, 9],
    [-3, 0],
    ['7', 6],
    ['high', 0],
    [null, 0],
    [undefined, 0],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, 9],
    [{}, 0],
  ] as const) {
    test(`is ${step} for ${typeof priority} ${String(priority)}`, () => {
      assert.equal(priorityStep(priority), step);
    });
  }
});

describe('a queue', () => {
  test('for all workers is one of each, under a name that nobody else has', () => {
    const [one, other] = [broadcast('news'), broadcast('news')];

    assert.notEqual(one.name, other.name);
    assert.deepEqual([one.alias, one.exchange.type, one.exchange.name], ['news', 'fanout', 'news']);
    assert.deepEqual([one.routingKey, one.autoDelete, isBroadcast(one)], ['', true, true]);
    assert.equal(isBroadcast(queue('news')), false);
  });

  test('for all workers may have a name that was chosen', () => {
    const { name, alias, autoDelete } = broadcast('news', { name: 'mine', autoDelete: false });

    assert.deepEqual([name, alias, autoDelete], ['mine', 'news', false]);
  });

  test('of one worker has Celery’s name for it', () => {
    const { name, exchange: to, routingKey } = workerDirect('w@h');

    assert.deepEqual([name, to.name, routingKey], ['w@h.dq2', 'C.dq2', 'w@h']);
    assert.throws(() => workerDirect(''), { name: 'TypeError' });
  });

  for (const [words, options, expected] of [
    ['its own name', {}, ['q', 'q']],
    ['a key of the default exchange', { routingKey: 'k' }, ['', 'k']],
    ['its bindings alone', { bindings: [binding(ALL, 'k')] }, ['all', 'k']],
    ['an exchange', { exchange: exchange('e') }, ['e', 'q']],
    ['a fanout, which needs no key', { exchange: ALL }, ['all', '']],
    ['nothing else when null was given', { exchange: null, routingKey: null }, ['q', 'q']],
  ] as const) {
    test(`is bound by ${words}`, () => {
      const made = queue('q', options as Parameters<typeof queue>[1]);

      assert.deepEqual([made.exchange.name, made.routingKey], expected);
    });
  }
});

describe('an option of the broker that does nothing', () => {
  test('is told by name, with the one that was meant', () => {
    assert.deepEqual(unusedOptions({ sep: ':', spe: 1, ack_emulation: true }, ['sep'], 'Redis'), [
      'Unknown broker_transport_options.spe is ignored. Did you mean sep?',
      'broker_transport_options.ack_emulation has no effect with Redis.',
    ]);
    assert.deepEqual(unusedOptions({}, ['sep'], 'Redis'), []);
  });
});
