/** What workers hear of each other: who is there, and who is to do what only one should do. */
import type { Logger } from '../../base/logger.ts';
import { printable } from '../../base/text/printable.ts';
import type { Clock } from '../../base/time/clock.ts';
import type { LamportClock } from '../../base/time/lamport.ts';
import { Occasionally } from '../../base/time/occasionally.ts';
import type { EventDispatcher } from '../../events/dispatcher.ts';
import type { Delivery } from '../../messaging/contract.ts';
import { type Event, readEvents } from '../../wire/messages/event.ts';
import { Elections, type ElectionTopics } from './elections.ts';
import { Membership } from './membership.ts';

/** Routing keys of the events that it needs, together and one by one. */
export const GOSSIP_KEY = 'worker.#';
const ELECTION = 'worker.elect';
const HEARTBEAT = 'worker.heartbeat';
export const GOSSIP_KEYS: readonly string[] = [
  'worker.online',
  HEARTBEAT,
  'worker.offline',
  ELECTION,
  'worker.elect.ack',
];
const MOST_NAME = 255;

export interface GossipOptions {
  /** Full node name. */
  readonly hostname: string;
  readonly events: EventDispatcher;
  readonly lamport: LamportClock;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Content types that may be decoded. */
  readonly accept: ReadonlySet<string>;
  readonly topics: ElectionTopics;
  isConnected(): boolean;
  /** How often the connection was lost so far. */
  losses(): number;
}

/** Celery: `Gossip`. */
export class Gossip {
  readonly membership: Membership;
  readonly elections: Elections;
  readonly #options: GossipOptions;
  readonly #unreadable: Occasionally;

  constructor(options: GossipOptions) {
    const { clock, events, hostname, isConnected, logger, losses, topics } = options;
    this.#options = options;
    this.#unreadable = new Occasionally(clock);
    this.membership = new Membership({ clock, logger, losses, isListening: isConnected });
    this.elections = new Elections({
      ...{ topics, clock, logger },
      ownId: `${hostname}.${process.pid}`,
      alive: () => this.membership.alive,
      send: (type, fields) => events.send(type, fields),
    });
  }

  start(): void {
    this.membership.start();
  }

  stop(): void {
    this.membership.stop();
    this.elections.stop();
  }

  hear({ message, problem, routingKey }: Delivery): void {
    const { accept, hostname, lamport } = this.#options;
    const from = message.headers.hostname;
    const isOwn = from === hostname && !routingKey.startsWith(ELECTION);
    // nearly all that comes is this, and most of it says nothing new
    if (isOwn || (routingKey === HEARTBEAT && this.membership.beat(from))) {
      lamport.tick();
      return;
    }
    try {
      if (problem) throw problem;
      const bytes = message.body.length;
      for (const event of readEvents(message, accept).events) this.#event(event, bytes);
    } catch (error) {
      this.#left(error as Error);
    }
  }

  #event(event: Event, bytes: number): void {
    const { clock, hostname, lamport } = this.#options;
    lamport.adjust(event.clock);
    if (event.type === 'worker-elect') this.elections.offered(event, bytes);
    else if (event.type === 'worker-elect-ack') this.elections.acknowledged(event);
    else if (event.hostname !== hostname && event.hostname.length <= MOST_NAME) {
      this.membership.event(Object.assign(event, { local_received: clock.now() }));
    }
  }

  #left({ message }: Error): void {
    const count = this.#unreadable.count(1);
    if (count === 0) return;
    const what = count === 1 ? 'A message' : `${count} messages`;
    this.#options.logger.error(
      `${what} with events of workers could not be read: ${printable(message)}`,
    );
  }
}
