/**
 * Brings events to the broker without ever being in anybody's way: what the broker does not take
 * in time waits, within bounds, and is lost beyond them. Nothing here rejects.
 */
import { Fifo } from '../base/collections/fifo.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import type { Clock, Timer } from '../base/time/clock.ts';
import { Occasionally } from '../base/time/occasionally.ts';
import type { Message } from '../wire/messages/message.ts';

/** Events that may wait, those on their way included, and characters of them. */
const MOST_EVENTS = 10_000;
const MOST_CHARACTERS = 16 * 1024 ** 2;
/** Messages on their way at once. */
const MOST_ON_THE_WAY = 100;
/**
 * Seconds until the next attempt after the broker could not be reached, and after it refused, as it
 * would again.
 */
const PAUSE = 1;
const REFUSED_PAUSE = 30;

export interface OutboxPorts {
  readonly clock: Clock;
  /** Rejects with a `recoverable` error when it may be tried again. */
  publish(message: Message, routingKey: string): Promise<void>;
  warn(text: string): void;
}

interface Parcel {
  readonly message: Message;
  readonly routingKey: string;
  readonly count: number;
  /** Tells what was put before all was forgotten: it must not be taken off the counts again. */
  readonly era: number;
}

export class Outbox {
  readonly #ports: OutboxPorts;
  readonly #waiting = new Fifo<Parcel>();
  readonly #lost: Occasionally;
  /** Could not be sent, and go first. */
  #again: Parcel[] = [];
  #onTheWay = 0;
  #events = 0;
  #characters = 0;
  #era = 0;
  #pause: Timer | undefined;
  #isRefused = false;
  #isClosed = false;
  #lastRefusal: string | undefined;
  #dropped = 0;
  #empty: Deferred<void> | undefined;

  constructor(ports: OutboxPorts) {
    this.#ports = ports;
    this.#lost = new Occasionally(ports.clock);
  }

  /** Events that nobody gets: there was no room for them, or the broker refused them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param count events in the message */
  put(message: Message, routingKey: string, count: number): void {
    if (this.#isClosed) return;
    const size = message.body.length;
    const isFull = this.#events + count > MOST_EVENTS || this.#characters + size > MOST_CHARACTERS;
    if (this.#isRefused || isFull) {
      this.#dropped += count;
      if (isFull) this.#lose(count);
      return;
    }
    this.#events += count;
    this.#characters += size;
    this.#waiting.push({ message, routingKey, count, era: this.#era });
    this.#pump();
  }

  /** The broker can be reached again, as far as anybody knows. */
  resume(): void {
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#isRefused = false;
    this.#pump();
  }

  /** Resolves when nothing waits, or after so many seconds. */
  async drained(seconds: number): Promise<void> {
    if (this.#events === 0) return;
    this.#empty ??= deferred();
    const patience = this.#ports.clock.after(seconds, this.#empty.resolve);
    await this.#empty.promise;
    patience.cancel();
    this.#empty = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#pause?.cancel();
    this.#forgetAll();
  }

  #forgetAll(): void {
    this.#era += 1;
    this.#waiting.clear();
    this.#again = [];
    this.#events = 0;
    this.#characters = 0;
    this.#empty?.resolve();
  }

  #pump(): void {
    while (!this.#pause && this.#onTheWay < MOST_ON_THE_WAY) {
      const next = this.#again.shift() ?? this.#waiting.shift();
      if (!next) return;
      void this.#send(next);
    }
  }

  async #send(parcel: Parcel): Promise<void> {
    this.#onTheWay += 1;
    try {
      await this.#ports.publish(parcel.message, parcel.routingKey);
      this.#lastRefusal = undefined;
      this.#forget(parcel);
    } catch (error) {
      this.#failed(parcel, error as Error & { recoverable?: boolean });
    }
    this.#onTheWay -= 1;
    this.#pump();
  }

  #failed(parcel: Parcel, error: Error & { recoverable?: boolean }): void {
    if (this.#isClosed) return;
    if (error.recoverable) {
      if (parcel.era !== this.#era) return;
      this.#again.push(parcel);
      this.#wait(PAUSE);
      return;
    }
    this.#dropped += parcel.era === this.#era ? this.#events : 0;
    // whatever comes after it would be refused, too
    this.#forgetAll();
    this.#isRefused = true;
    this.#wait(REFUSED_PAUSE);
    // the same words once
    if (error.message !== this.#lastRefusal) this.#ports.warn(`Events are off: ${error.message}`);
    this.#lastRefusal = error.message;
  }

  #wait(seconds: number): void {
    this.#pause?.cancel();
    this.#pause = this.#ports.clock.after(seconds, () => this.resume(), { unref: true });
  }

  #forget({ message, count, era }: Parcel): void {
    if (era !== this.#era) return;
    this.#events -= count;
    this.#characters -= message.body.length;
    if (this.#events === 0) this.#empty?.resolve();
  }

  #lose(count: number): void {
    const lost = this.#lost.count(count);
    if (lost === 0) return;
    this.#ports.warn(`${lost} events were lost: the broker does not take them in time.`);
  }
}
