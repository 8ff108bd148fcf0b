/**
 * kombu's native delayed delivery on RabbitMQ: names, bindings and routing keys.
 *
 * There is a queue for each power of two. The routing key of a delayed message starts with the
 * binary digits of its delay: a topic exchange per digit sends it through the queue of the digits
 * that are 1, and past the others. Python knows the same names, so every letter counts.
 */

/** Level of the first digit; it waits 2^27 seconds. */
const TOP_LEVEL = 27;
const DIGITS = TOP_LEVEL + 1;

/** More than eight years; who asks for more gets this. */
export const MOST_DELAY = 2 ** DIGITS - 1;

/** Name of both the exchange and the queue of a level. */
const levelName = (level: number) => `celery_delayed_${level}`;

/** Where delayed messages are published to. */
export const DELAY_EXCHANGE = levelName(TOP_LEVEL);
/** What they come out of; the exchanges of an app's queues are bound to it. */
export const DELIVERY_EXCHANGE = 'celery_delayed_delivery';

export type DelayQueueType = 'quorum' | 'classic';

/**
 * One declaration; they are to be made in order, since a binding needs both of its ends. All
 * exchanges are durable topics, all queues durable.
 */
export type TopologyStep =
  | { readonly kind: 'exchange'; readonly name: string }
  | {
      readonly kind: 'queue';
      readonly name: string;
      readonly arguments: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'queueBinding' | 'exchangeBinding';
      readonly destination: string;
      readonly source: string;
      readonly routingKey: string;
    };

/**
 * Everything but the bindings of an app's own exchanges. The last exchange is the last declared:
 * where it is, the rest is.
 */
export function delayTopology(queueType: DelayQueueType): TopologyStep[] {
  const steps: TopologyStep[] = [];
  for (let level = TOP_LEVEL; level >= 0; level--) {
    const name = levelName(level);
    const next = level > 0 ? levelName(level - 1) : DELIVERY_EXCHANGE;
    const routingKey = keyOfDigit(level, '1');
    steps.push(
      { kind: 'exchange', name },
      { kind: 'queue', name, arguments: queueArguments(level, next, queueType) },
      { kind: 'queueBinding', destination: name, source: name, routingKey },
    );
  }
  for (let level = TOP_LEVEL; level > 0; level--) steps.push(passing(level, levelName(level - 1)));
  steps.push({ kind: 'exchange', name: DELIVERY_EXCHANGE }, passing(0, DELIVERY_EXCHANGE));
  return steps;
}

/** Past the queue of a level. */
function passing(level: number, destination: string): TopologyStep {
  const [source, routingKey] = [levelName(level), keyOfDigit(level, '0')];
  return { kind: 'exchangeBinding', destination, source, routingKey };
}

function keyOfDigit(level: number, digit: '0' | '1'): string {
  return `${'*.'.repeat(TOP_LEVEL - level)}${digit}.#`;
}

function queueArguments(level: number, next: string, queueType: DelayQueueType) {
  return {
    'x-queue-type': queueType,
    'x-overflow': 'reject-publish',
    'x-message-ttl': 2 ** level * 1000,
    'x-dead-letter-exchange': next,
    ...(queueType === 'quorum' && { 'x-dead-letter-strategy': 'at-least-once' }),
  };
}

/** With this an app's exchange is bound to `DELIVERY_EXCHANGE`, and its queue to that exchange. */
export function delayedBindingKey(routingKey: string): string {
  return routingKey.startsWith('#') ? routingKey : `#.${routingKey}`;
}

/** @param seconds whole and positive */
export function delayedRoutingKey(seconds: number, routingKey: string): string {
  const digits = Math.min(seconds, MOST_DELAY).toString(2).padStart(DIGITS, '0');
  return `${[...digits].join('.')}.${routingKey}`;
}

const DELAY_EXCHANGES = /^celery_delayed_(\d\d?|delivery)$/;
const DELAYED_KEY = new RegExp(`^(?:[01]\\.){${DIGITS}}(.*)$`, 's');

/** The routing key that a message had before it was delayed; undefined when it was not. */
export function undelayedRoutingKey(exchange: string, routingKey: string): string | undefined {
  if (!exchange.startsWith('celery_delayed_') || !DELAY_EXCHANGES.test(exchange)) return undefined;
  return DELAYED_KEY.exec(routingKey)?.[1];
}
