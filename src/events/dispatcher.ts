import { checkArgument, map, name as nonEmpty } from '../base/option-kinds.ts';
import { type Clock, systemClock } from '../base/time/clock.ts';
import type { LamportClock } from '../base/time/lamport.ts';
import type { Transport } from '../messaging/contract.ts';
import {
  buildEventMessage,
  type EventFields,
  type EventStamp,
  eventGroup,
  eventMessage,
  eventOf,
  eventRoutingKey,
  TASK_BATCH,
  utcOffset,
} from '../wire/messages/event.ts';
import { createEventBatch, type EventBatch } from '../wire/messages/event-batch.ts';
import { eventExchange } from './entities.ts';
import { Outbox } from './outbox.ts';

/** Events of one list. Celery has 24: each message costs as much as ten of the events in it. */
const MOST_IN_BATCH = 128;
const BATCH_KEY = eventRoutingKey(TASK_BATCH);
/** Seconds for which the time zone's offset counts as known: it changes with summer time only. */
const OFFSET_AGE = 60;
/** Seconds for the last events when a dispatcher is closed, since nobody is to wait for events. */
const LAST_EVENTS = 1;

export interface EventDispatcherOptions {
  readonly hostname: string;
  /** Groups that are sent: `worker`, `task` or others; undefined is all. */
  readonly groups?: readonly string[] | undefined;
  /** `event_exchange` */
  readonly exchange: string;
  /** `event_serializer` */
  readonly serializer: string;
  readonly lamport: LamportClock;
  /** For the times that events tell. */
  readonly clock: Clock;
  /** For waits, which are about what really happens. */
  readonly timers?: Clock;
  transport(): Promise<Transport>;
  onClose?(): void;
  warn(text: string): void;
}

/**
 * Sends events. Whatever the broker does, nothing here throws for it, and nobody waits: events
 * wait while it is away, up to 10 000 of them, and are lost beyond that, with a warning once a
 * minute. Celery: `EventDispatcher`.
 */
export class EventDispatcher {
  readonly hostname: string;
  readonly #options: EventDispatcherOptions;
  readonly #outbox: Outbox;
  readonly #groups: Set<string> | undefined;
  readonly #batch: EventBatch;
  #isFlushDue = false;
  #offset = 0;
  #offsetAt = Number.NEGATIVE_INFINITY;

  /** @internal */
  constructor(options: EventDispatcherOptions) {
    const { groups, hostname, timers = systemClock, transport, warn } = options;
    this.hostname = hostname;
    this.#options = options;
    this.#groups = groups && new Set(groups);
    this.#batch = createEventBatch(options.serializer);
    this.#outbox = new Outbox({
      clock: timers,
      warn,
      publish: async (message, routingKey) => {
        const broker = await transport();
        const exchange = eventExchange(options.exchange, broker);
        await broker.publish(message, { exchange, routingKey });
      },
    });
  }

  /** @internal Events that nobody gets. */
  get dropped(): number {
    return this.#outbox.dropped;
  }

  /** Whether events of this group are sent. */
  sends(group: string): boolean {
    return this.#groups === undefined || this.#groups.has(group);
  }

  /** Send events of this group too. Returns whether that is new. */
  enable(group: string): boolean {
    if (this.sends(group)) return false;
    this.#groups?.add(group);
    return true;
  }

  /** Send none of this group. Returns whether that is new. */
  disable(group: string): boolean {
    return this.#groups?.delete(group) ?? false;
  }

  /**
   * Send one event, if those of its group are sent.
   *
   * @param type `group-what`; what State knows about are `task-…` and `worker-…`
   * @param fields of it, besides those that every event has: values of the serializer
   * @throws TypeError for a type or fields that are none, EncodeError for a value that cannot be written
   */
  send(type: string, fields: EventFields = {}): void {
    checkArgument(type, nonEmpty, 'The type of an event');
    checkArgument(fields, map, 'The fields of an event');
    if (!this.sends(eventGroup(type))) return;
    const event = eventOf(type, this.#stamp(), fields);
    this.#outbox.put(buildEventMessage(event, this.#options), eventRoutingKey(type), 1);
  }

  /** Who tells, and when: now. Ticks the logical clock. */
  #stamp(): EventStamp {
    const { clock, hostname, lamport } = this.#options;
    const timestamp = clock.now();
    if (timestamp - this.#offsetAt > OFFSET_AGE) {
      this.#offset = utcOffset(new Date().getTimezoneOffset());
      this.#offsetAt = timestamp;
    }
    const utcoffset = this.#offset;
    return { hostname, utcoffset, pid: process.pid, clock: lamport.tick(), timestamp };
  }

  /** @internal Stamp an event, and send it together with others of this turn of the event loop. */
  collect(type: string, fields: EventFields): void {
    this.#batch.add(type, this.#stamp(), fields);
    if (this.#batch.size >= MOST_IN_BATCH) this.#flush();
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      setImmediate(() => {
        this.#isFlushDue = false;
        this.#flush();
      });
    }
  }

  /** The broker can be reached again: what waits is sent now. */
  resume(): void {
    this.#outbox.resume();
  }

  /** Resolves when the broker has what was sent, or after so many seconds. */
  async flush(seconds = LAST_EVENTS): Promise<void> {
    this.#flush();
    await this.#outbox.drained(seconds);
  }

  /** `flush`, and forget what the broker has not taken then. Idempotent. */
  async close(seconds = LAST_EVENTS): Promise<void> {
    await this.flush(seconds);
    this.#outbox.close();
    this.#options.onClose?.();
  }

  #flush(): void {
    const { size } = this.#batch;
    if (size === 0) return;
    const message = eventMessage(this.#batch.take(), this.#options);
    this.#outbox.put(message, BATCH_KEY, size);
  }
}
