/**
 * Elections: several workers are told to do something that one of them is to do. Each offers
 * itself in an event, each acknowledges every offer, and whoever has heard as many
 * acknowledgements as there are others knows the winner: the offer with the lowest logical clock.
 */
import { RecentMap } from '../../base/collections/recent-map.ts';
import type { Logger } from '../../base/logger.ts';
import { printable } from '../../base/text/printable.ts';
import { saferepr } from '../../base/text/saferepr.ts';
import type { Clock, Timer } from '../../base/time/clock.ts';
import type { Event } from '../../wire/messages/event.ts';

/** What the winner does, by topic. Never rejects. */
export type ElectionTopics = Readonly<Record<string, (action: unknown) => Promise<void>>>;

export interface ElectionsOptions {
  /** `<node name>.<pid>`, as others see it. */
  readonly ownId: string;
  readonly topics: ElectionTopics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Other nodes that are alive. */
  alive(): number;
  send(type: string, fields: Readonly<Record<string, unknown>>): void;
}

/** What others offer with; Celery's only version. */
const VERSION = 1;
/** Seconds that acknowledgements wait for the offers of nodes that are alive. */
const PATIENCE = 1;
/** Seconds after which what is not decided is forgotten. */
const DECIDED_WITHIN = 10;
const MOST_ELECTIONS = 1000;
/** Bytes of the offers that are kept, as they came; the oldest elections go first. */
const MOST_BYTES = 16 * 1024 ** 2;
const MOST_ID = 200;
const OFFER_FIELDS = ['id', 'clock', 'hostname', 'pid', 'topic', 'action', 'cver'] as const;

type ElectionId = string | number;

interface Offer {
  readonly clock: number;
  readonly node: string;
  readonly topic: unknown;
  readonly action: unknown;
  /** Of the message that it came in. */
  readonly bytes: number;
}

interface Election {
  readonly id: ElectionId;
  offers: number;
  best: Offer | undefined;
  /** Heard so far; undefined while nobody has told us to take part. */
  acks: number | undefined;
  /** Of our own that are not sent yet; undefined when they need not wait any more. */
  held: number | undefined;
  readonly timers: Timer[];
}

/** Celery: the consensus of `Gossip`. */
export class Elections {
  readonly #options: ElectionsOptions;
  readonly #open = new Map<ElectionId, Election>();
  /** Others may still offer themselves, and are acknowledged. */
  readonly #over = new RecentMap<ElectionId, true>(MOST_ELECTIONS);
  #bytes = 0;

  constructor(options: ElectionsOptions) {
    this.#options = options;
  }

  /** Take part. @throws TypeError for an id that is none */
  elect(id: unknown, topic: unknown, action: unknown): void {
    const { send } = this.#options;
    if (!isId(id)) throw new TypeError(`election: ${saferepr(id)} is no id of an election`);
    this.#over.delete(id);
    this.#election(id).acks = 0;
    send('worker-elect', { id, topic, action, cver: VERSION });
  }

  /**
   * Somebody offers itself; this node, too.
   *
   * @param bytes of the message
   */
  offered(event: Event, bytes: number): void {
    const missing = OFFER_FIELDS.find(field => event[field] === undefined);
    if (missing !== undefined) {
      this.#options.logger.error(`election request missing field '${missing}'`);
      return;
    }
    const { id, clock, hostname, pid, topic, action } = event;
    if (!isId(id) || !Number.isFinite(clock)) return;
    const offer = { clock, node: `${hostname}.${pid}`, topic, action, bytes };
    if (this.#over.has(id)) this.#acknowledge(id, 1);
    else this.#consider(this.#election(id), offer);
  }

  #consider(election: Election, offer: Offer): void {
    election.offers += 1;
    if (election.best === undefined || goesBefore(offer, election.best)) {
      this.#keep(election, offer);
    }
    if (election.held === undefined) {
      this.#acknowledge(election.id, 1);
      return;
    }
    election.held += 1;
    // Celery's workers fail when the acknowledgements come before the second offer
    if (election.offers > this.#options.alive()) this.#release(election);
  }

  #keep(election: Election, offer: Offer): void {
    this.#bytes += offer.bytes - (election.best?.bytes ?? 0);
    election.best = offer;
    for (const oldest of this.#open.values()) {
      if (this.#bytes <= MOST_BYTES || oldest === election) return;
      this.#forget(oldest);
    }
  }

  /** Somebody has heard of an offer. */
  acknowledged({ id }: Event): void {
    const election = isId(id) ? this.#open.get(id) : undefined;
    if (election?.acks === undefined) return;
    election.acks += 1;
    const { best, acks } = election;
    if (best === undefined || acks < this.#options.alive()) return;
    this.#forget(election);
    this.#over.set(election.id, true);
    this.#decide(election.id, best);
  }

  /** Forget those that are not decided. */
  stop(): void {
    for (const election of this.#open.values()) this.#forget(election);
  }

  #decide(id: ElectionId, { node, topic, action }: Offer): void {
    const { logger, ownId, topics } = this.#options;
    const name = printable(saferepr(id));
    if (node !== ownId) {
      logger.info(`node ${printable(node)} elected for ${name}`);
      return;
    }
    logger.info(`I won the election ${name}`);
    if (typeof topic === 'string' && Object.hasOwn(topics, topic)) void topics[topic]!(action);
    else logger.error(`Unknown election topic ${printable(saferepr(topic))}`);
  }

  #election(id: ElectionId): Election {
    const known = this.#open.get(id);
    if (known) return known;
    for (const oldest of this.#open.values()) {
      if (this.#open.size < MOST_ELECTIONS) break;
      this.#forget(oldest);
    }
    const made: Election = { id, offers: 0, best: undefined, acks: undefined, held: 0, timers: [] };
    const { clock } = this.#options;
    made.timers.push(
      clock.after(PATIENCE, () => this.#release(made), { unref: true }),
      clock.after(DECIDED_WITHIN, () => this.#giveUp(made), { unref: true }),
    );
    this.#open.set(id, made);
    return made;
  }

  #release(election: Election): void {
    const { held = 0, id } = election;
    election.held = undefined;
    this.#acknowledge(id, held);
  }

  /** Once for each offer, as Celery does. */
  #acknowledge(id: ElectionId, times: number): void {
    for (let n = 0; n < times; n++) this.#options.send('worker-elect-ack', { id });
  }

  #giveUp(election: Election): void {
    const { acks, id } = election;
    this.#forget(election);
    if (acks === undefined) return;
    const { alive, logger } = this.#options;
    logger.warning(
      `election ${printable(saferepr(id))} was not decided: ${acks} of ${alive()} acknowledgements came within ${DECIDED_WITHIN} seconds`,
    );
  }

  #forget({ best, id, timers }: Election): void {
    for (const timer of timers) timer.cancel();
    if (this.#open.delete(id)) this.#bytes -= best?.bytes ?? 0;
  }
}

function isId(value: unknown): value is ElectionId {
  return typeof value === 'number' || (typeof value === 'string' && value.length <= MOST_ID);
}

/** By logical clock, then by node name and pid. */
function goesBefore(a: Offer, b: Offer): boolean {
  return a.clock < b.clock || (a.clock === b.clock && a.node < b.node);
}
