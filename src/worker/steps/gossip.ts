import { INTERNALS } from '../../app/app-internals.ts';
import type { Service } from '../../base/service.ts';
import { eventExchange, eventQueue } from '../../events/entities.ts';
import { bindingMatches } from '../../messaging/virtual/routing.ts';
import type { WorkerParts } from '../assembly.ts';
import { SideConsumer } from '../control/side-consumer.ts';
import { GOSSIP_KEY, GOSSIP_KEYS } from '../events/gossip.ts';

/** Seconds; the broker deletes the queue when the connection ends. */
const GOODBYE_SECONDS = 5;

/**
 * Undefined when it is switched off, or the broker cannot do it. On Redis each kind of event is heard by
 * name: a user with an ACL of its prefix may not use patterns.
 */
export function createGossip(parts: WorkerParts): Service | undefined {
  const { app, gossip, link, logger, stopping, transport } = parts;
  if (!gossip) return undefined;
  const { exchange, queue } = app[INTERNALS].eventQueues();
  const from = eventExchange(exchange, transport);
  const keys = from.type === 'fanout' ? GOSSIP_KEYS : [GOSSIP_KEY];
  const queues = keys.map(key => eventQueue(from, key, queue));
  const keyOf = new Map(queues.map(({ name, routingKey }) => [name, routingKey]));
  const consumer = new SideConsumer({
    ...{ transport, logger, queues },
    what: 'Gossip',
    onDelivery(delivery) {
      const key = keyOf.get(delivery.queue) ?? '';
      // without `fanout_patterns` Redis gives everything to each
      if (bindingMatches('topic', key, delivery.routingKey)) gossip.hear(delivery);
    },
  });
  let isStopped = false;
  return {
    async start() {
      await link.insist(() => consumer.start());
      if (!isStopped) gossip.start();
    },
    async stop() {
      isStopped = true;
      gossip.stop();
      const { farewell } = stopping;
      await farewell.say('that nobody listens to other workers', consumer.stop(), GOODBYE_SECONDS);
    },
  };
}
