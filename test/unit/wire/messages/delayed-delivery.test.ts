import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  DELAY_EXCHANGE,
  DELIVERY_EXCHANGE,
  delayedBindingKey,
  delayedRoutingKey,
  delayTopology,
  MOST_DELAY,
  type TopologyStep,
  undelayedRoutingKey,
} from '../../../../src/wire/messages/delayed-delivery.ts';

const TRACE = new URL(
  '../../../golden/amqp-5.6.3/traces/quorum_native_delayed_delivery_frames.jsonl',
  import.meta.url,
);

interface Frame {
  readonly dir: string;
  readonly method?: string;
  readonly args?: Record<string, unknown>;
}

const frames = readFileSync(TRACE, 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line) as Frame);

const sent = (method: string) =>
  frames.filter(frame => frame.dir === 'C' && frame.method === method).map(frame => frame.args!);

/** What the worker declared, in order and without what it declared for its own queue. */
function declared(): TopologyStep[] {
  const steps: TopologyStep[] = [];
  for (const { dir, method, args = {} } of frames) {
    if (dir !== 'C') continue;
    const [routingKey, durable] = [args.routing_key as string, args.durable];
    if (method === 'exchange.declare') {
      assert.deepEqual([args.type, durable, args.auto_delete], ['topic', true, false]);
      steps.push({ kind: 'exchange', name: args.exchange as string });
    } else if (method === 'queue.declare') {
      assert.equal(durable, true);
      steps.push({ kind: 'queue', name: args.queue as string, arguments: untagged(args) });
    } else if (method === 'queue.bind') {
      const [destination, source] = [args.queue as string, args.exchange as string];
      steps.push({ kind: 'queueBinding', destination, source, routingKey });
    } else if (method === 'exchange.bind') {
      const [destination, source] = [args.destination as string, args.source as string];
      if (destination === 'celery') continue;
      steps.push({ kind: 'exchangeBinding', destination, source, routingKey });
    }
  }
  return steps;
}

function untagged(args: Record<string, unknown>): Record<string, unknown> {
  const fields = Object.entries(args.arguments as Record<string, { v: unknown }>);
  return Object.fromEntries(fields.map(([name, { v }]) => [name, v]));
}

describe('native delayed delivery', () => {
  it('is declared step by step as a Celery 5.6 worker declares it', () => {
    const [ours, theirs] = [delayTopology('quorum'), declared()];

    // a worker declares the entrance once more when it publishes
    const again = theirs.slice(ours.length);
    assert.deepEqual(theirs.slice(0, ours.length), ours);
    for (const step of again) assert.ok(ours.some(known => isSame(known, step)));
    const order = (step: TopologyStep | undefined) =>
      step?.kind === 'queue' ? Object.keys(step.arguments) : [];
    ours.forEach((step, at) => {
      assert.deepEqual(order(step), order(theirs[at]));
    });
  });

  it('has queues that the classic type can have, when that is asked for', () => {
    const queues = delayTopology('classic').filter(step => step.kind === 'queue');

    assert.equal(queues.length, 28);
    for (const { arguments: args } of queues) {
      assert.equal(args['x-queue-type'], 'classic');
      assert.ok(!('x-dead-letter-strategy' in args));
    }
  });

  it('uses the routing keys that Celery 5.6 publishes with', () => {
    const keys = sent('basic.publish').map(({ exchange, routing_key: key }) => [exchange, key]);

    assert.deepEqual(keys, [
      [DELAY_EXCHANGE, delayedRoutingKey(5, 'celery')],
      [DELAY_EXCHANGE, delayedRoutingKey(1, 'celery')],
      [DELAY_EXCHANGE, delayedRoutingKey(2, 'celery')],
    ]);
  });

  it('binds an exchange as Celery 5.6 does', () => {
    const own = sent('exchange.bind').find(({ destination }) => destination === 'celery');

    assert.equal(own?.source, DELIVERY_EXCHANGE);
    assert.equal(own?.routing_key, delayedBindingKey('celery'));
    assert.equal(delayedBindingKey('#.log'), '#.log');
  });

  it('waits as long as it can when it should wait longer', () => {
    assert.equal(delayedRoutingKey(MOST_DELAY + 5, 'k'), `${'1.'.repeat(28)}k`);
    assert.equal(delayedRoutingKey(MOST_DELAY, 'k'), `${'1.'.repeat(28)}k`);
  });

  it('tells the original routing key of every message that Celery 5.6 got late', () => {
    const delivered = frames.filter(frame => frame.method === 'basic.deliver');

    assert.equal(delivered.length, 3);
    for (const { args } of delivered) {
      const { exchange, routing_key: key } = args as { exchange: string; routing_key: string };
      assert.equal(undelayedRoutingKey(exchange, key), 'celery');
    }
  });

  it('leaves other messages alone, whatever their routing keys look like', () => {
    const key = delayedRoutingKey(5, 'a.b');

    assert.equal(undelayedRoutingKey('celery_delayed_3', key), 'a.b');
    assert.equal(undelayedRoutingKey('orders', key), undefined);
    assert.equal(undelayedRoutingKey('celery_delayed_orders', key), undefined);
    assert.equal(undelayedRoutingKey(DELIVERY_EXCHANGE, 'a.b'), undefined);
  });
});

function isSame(a: TopologyStep, b: TopologyStep): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
