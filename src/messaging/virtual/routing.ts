/** How kombu's virtual transports route and rank messages; brokers of our own do the same. */

import { ChannelError, Unroutable } from '../../drivers/errors.ts';
import type { Exchange, ExchangeType, Queue, QueueBinding } from '../entities.ts';

/** kombu's default `priority_steps`: priorities 0-2, 3-5, 6-8 and 9 are each one class. */
export const PRIORITY_STEPS = [0, 3, 6, 9] as const;

/** The class a message is served in; lower is earlier. Anything but a number counts as 0, as in kombu. */
export function priorityStep(priority: unknown): number {
  const number = typeof priority === 'number' || typeof priority === 'string' ? +priority : 0;
  const clamped = Math.min(9, Math.max(0, Math.trunc(number || 0)));
  return PRIORITY_STEPS.findLast(step => step <= clamped) ?? 0;
}

/** The regular expression kombu makes of a topic binding key; `*` may span words, as there. */
export function topicPattern(bindingKey: string): string {
  const words = bindingKey.split('.').map(word => {
    if (word === '*') return '.*?[^\\.]';
    if (word === '#') return '.*?';
    return word.replace(/[^\p{L}\p{N}]/gu, '\\$&');
  });
  return `^${words.join('\\.')}$`;
}

export function bindingMatches(type: ExchangeType, bindingKey: string, routingKey: string) {
  if (type === 'fanout') return true;
  return type === 'topic' ? compiled(bindingKey).test(routingKey) : bindingKey === routingKey;
}

/** Every way into a queue but that of the nameless exchange, which needs no binding. */
export function bindingsOf({ exchange, routingKey, bindings = [] }: Queue): QueueBinding[] {
  return [{ exchange, routingKey }, ...bindings].filter(each => each.exchange.name !== '');
}

/** @throws ChannelError for what AMQP can do and a virtual transport cannot */
export function refuseHeaders({ type, name }: Exchange, transport: string): void {
  if (type !== 'headers') return;
  throw new ChannelError(
    `${transport} has no headers exchanges (exchange ${JSON.stringify(name)}); use direct, topic or fanout, or RabbitMQ.`,
  );
}

/**
 * A fanout exchange gives to whoever listens and keeps nothing, so it cannot feed a queue that
 * others feed too.
 * @throws ChannelError for such a queue, and for headers exchanges
 */
export function refuseMixedFanout(queue: Queue, transport: string): void {
  const bindings = bindingsOf(queue);
  for (const { exchange } of bindings) refuseHeaders(exchange, transport);
  if (bindings.length < 2 || bindings.every(({ exchange }) => exchange.type !== 'fanout')) return;
  throw new ChannelError(
    `Queue ${JSON.stringify(queue.name)} has a fanout exchange and another binding, which ${transport} cannot do; use two queues.`,
  );
}

export function unroutable({ name }: Exchange, routingKey: string): Unroutable {
  return new Unroutable(
    `No queue for a message to exchange ${JSON.stringify(name)} with routing key ${JSON.stringify(routingKey)}.`,
  );
}

const patterns = new Map<string, RegExp>();
const MAX_PATTERNS = 1000;

function compiled(bindingKey: string): RegExp {
  let pattern = patterns.get(bindingKey);
  if (pattern === undefined) {
    if (patterns.size >= MAX_PATTERNS) patterns.clear();
    pattern = new RegExp(topicPattern(bindingKey));
    patterns.set(bindingKey, pattern);
  }
  return pattern;
}
