import { ChannelError, ConnectionClosed } from '../../drivers/errors.ts';
import type { ConsumeOptions, Consumer } from '../contract.ts';
import type { Queue } from '../entities.ts';
import { HeldDelivery, type Settlement } from '../virtual/held-delivery.ts';
import { readEnvelope } from '../virtual/read-envelope.ts';
import { bindingsOf, refuseMixedFanout } from '../virtual/routing.ts';
import { self } from './liveness.ts';
import type { SqliteSession, TurnMember } from './session.ts';
import type { ClaimedRow, SqliteStore } from './store.ts';

const GIVEN_AWAY = 'The message had been given to others: this consumer was taken for dead.';

/** Claims in one transaction; more would keep other writers waiting. */
const MAX_CLAIM = 1000;

/** Makes the queue, its bindings and the note of its expiry, as far as they are needed. */
export function declareQueue(store: SqliteStore, queue: Queue): void {
  const { name, exchange, expires } = queue;
  if (exchange.type === 'fanout') return;
  store.createQueue(name);
  for (const each of bindingsOf(queue)) store.bind(each.exchange.name, each.routingKey, name);
  if (expires !== undefined) store.touchQueue(name, expires, Date.now() / 1000);
}

type Row = Pick<ClaimedRow, 'queue' | 'payload'>;
type Held = HeldDelivery<number>;

interface Settled {
  readonly id: number;
  readonly how: Settlement;
}

export class SqliteConsumer implements Consumer, TurnMember {
  readonly holder: number;
  readonly #session: SqliteSession;
  readonly #options: ConsumeOptions;
  readonly #onClose: (consumer: SqliteConsumer) => void;
  readonly #queues = new Map<string, Queue>();
  /** Those that it begins with, so that whoever wants the same meanwhile waits for that. */
  readonly #adding = new Map<string, Promise<void>>();
  /** Names in the order in which they are served next: queues with and without acknowledgement. */
  readonly #order: string[] = [];
  readonly #noAckOrder: string[] = [];
  readonly #held = new Set<Held>();
  #prefetch: number;
  #tags = 0;
  #isStirred = true;
  #settled: Settled[] = [];
  /** Of `#settled`, how many the running transaction has written: these are done when it is committed. */
  #written = 0;
  /** Settled in vain: we had been taken for dead, and somebody else has the message. */
  readonly #tooLate = new Set<number>();
  #heard = 0;
  #broadcasts: Row[] = [];
  /** Got in the running transaction, with a lease and for good; handed on when it is committed. */
  #claimed: ClaimedRow[] = [];
  #taken: ClaimedRow[] = [];
  #closing: Promise<number> | undefined;

  private constructor(
    holder: number,
    session: SqliteSession,
    options: ConsumeOptions,
    onClose: (consumer: SqliteConsumer) => void,
  ) {
    this.holder = holder;
    this.#session = session;
    this.#options = options;
    this.#onClose = onClose;
    this.#prefetch = options.prefetch;
  }

  static async start(
    session: SqliteSession,
    queues: readonly Queue[],
    options: ConsumeOptions,
    onClose: (consumer: SqliteConsumer) => void,
  ): Promise<SqliteConsumer> {
    const holder = await session.write(store => store.addHolder(self));
    const consumer = new SqliteConsumer(holder, session, options, onClose);
    for (const queue of queues) await consumer.addQueue(queue);
    session.enter(consumer);
    return consumer;
  }

  get queues(): readonly string[] {
    return [...this.#queues.keys()];
  }

  get held(): number {
    return this.#held.size;
  }

  setPrefetch(count: number): void {
    this.#prefetch = count;
    this.wake();
    this.#session.wake();
  }

  addQueue(queue: Queue): Promise<void> {
    const { name } = queue;
    const adding = this.#adding.get(name) ?? this.#begin(queue);
    this.#adding.set(name, adding);
    return adding.finally(() => this.#adding.delete(name));
  }

  async #begin(queue: Queue): Promise<void> {
    const { name, exchange } = queue;
    if (this.#queues.has(name)) return;
    refuseMixedFanout(queue, 'SQLite');
    if (exchange.type === 'fanout') {
      const last = await this.#session.write(store => {
        store.broadcasts.subscribe(exchange.name, this.holder);
        return store.broadcasts.last();
      });
      if (this.#fanoutQueues().length === 0) this.#heard = last;
    } else {
      await this.#session.enqueue(store => declareQueue(store, queue));
      (queue.noAck ? this.#noAckOrder : this.#order).push(name);
    }
    this.#queues.set(name, queue);
    this.wake();
    this.#session.wake();
  }

  async cancelQueue(name: string): Promise<void> {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    this.#queues.delete(name);
    for (const order of [this.#order, this.#noAckOrder]) {
      if (order.includes(name)) order.splice(order.indexOf(name), 1);
    }
    const exchange = queue.exchange.name;
    if (queue.exchange.type === 'fanout') {
      if (this.#fanoutQueues().some(other => other.exchange.name === exchange)) return;
      await this.#session.enqueue(store => store.broadcasts.unsubscribe(exchange, this.holder));
    } else if (queue.autoDelete) {
      await this.#session.enqueue(store => store.deleteQueue(name));
    }
  }

  async cancel(): Promise<void> {
    await Promise.all(this.queues.map(name => this.cancelQueue(name)));
  }

  close(): Promise<number> {
    const closing = this.#closing ?? this.#close();
    this.#closing = closing.then(() => 0);
    // the caller of the first close hears of it
    this.#closing.catch(() => {});
    return closing;
  }

  async #close(): Promise<number> {
    try {
      await this.cancel();
      for (const delivery of this.#held) delivery.abandon();
      this.#held.clear();
      // First what was settled: removing the holder puts back everything else.
      if (this.#settled.length > 0) await this.#session.commit();
    } catch (error) {
      if (!this.#session.isGone) throw error;
    } finally {
      this.#session.leave(this);
      this.#onClose(this);
    }
    return await this.#putBack();
  }

  /** What nobody settled is visible again. @returns messages */
  async #putBack(): Promise<number> {
    try {
      return await this.#session.write(store => store.removeHolder(this.holder));
    } catch (error) {
      if (this.#session.isGone) return 0;
      throw error;
    }
  }

  get isWaiting(): boolean {
    return this.#queues.size > this.#order.length || (this.#order.length > 0 && this.#room() > 0);
  }

  get expiring() {
    return [...this.#queues.values()].flatMap(({ name, expires, exchange }) =>
      expires === undefined || exchange.type === 'fanout' ? [] : [{ name, seconds: expires }],
    );
  }

  wake(): void {
    this.#isStirred = true;
  }

  prepare(store: SqliteStore): boolean {
    if (this.#isStirred) this.#listen(store);
    if (this.#settled.length > 0) return true;
    if (!this.#isStirred) return false;
    const open = this.#room() > 0 ? [...this.#order, ...this.#noAckOrder] : this.#noAckOrder;
    this.#isStirred = open.length > 0 && store.hasWaiting(open);
    return this.#isStirred;
  }

  inTransaction(store: SqliteStore): void {
    this.#writeSettled(store);
    if (!this.#isStirred) return;
    const room = this.#order.length > 0 ? Math.min(this.#room(), MAX_CLAIM) : 0;
    if (room > 0) {
      store.enrol(this.holder, self);
      this.#claimed = store.claim(this.#order, room, this.holder);
    }
    if (this.#noAckOrder.length > 0) {
      this.#taken = store.claim(this.#noAckOrder, MAX_CLAIM, undefined);
    }
    const isFull = room > 0 && this.#claimed.length === room;
    this.#isStirred = isFull || this.#taken.length === MAX_CLAIM;
  }

  rolledBack(): void {
    this.#written = 0;
    this.#tooLate.clear();
    this.#claimed = [];
    this.#taken = [];
    this.#isStirred = true;
  }

  afterCommit(): void {
    this.#settled.splice(0, this.#written);
    this.#written = 0;
    const deliveries = [
      ...this.#broadcasts.map(row => this.#give(row)),
      ...this.#taken.map(row => this.#give(row)),
      ...this.#claimed.map(row => this.#lend(row)),
    ];
    this.#broadcasts = [];
    this.#taken = [];
    this.#claimed = [];
    if (deliveries.length === 0) return;
    if (this.#isStirred) this.#session.wake();
    this.#options.onDeliveries(deliveries);
  }

  #listen(store: SqliteStore): void {
    const fanouts = this.#fanoutQueues();
    if (fanouts.length === 0) return;
    for (const { id, exchange, payload } of store.broadcasts.after(this.#heard)) {
      this.#heard = id;
      for (const queue of fanouts) {
        if (queue.exchange.name === exchange) this.#broadcasts.push({ queue: queue.name, payload });
      }
    }
  }

  #writeSettled(store: SqliteStore): void {
    this.#written = this.#settled.length;
    if (this.#written === 0) return;
    const [done, back]: [number[], Settled[]] = [[], []];
    for (const settled of this.#settled) {
      if (settled.how === 'ack' || settled.how === 'drop') done.push(settled.id);
      else back.push(settled);
    }
    if (done.length > 0) this.#noteTooLate(done, store.forget(done, this.holder));
    for (const { id, how } of back) {
      const isBack =
        how === 'putBack'
          ? store.putBack([id], this.holder) > 0
          : store.requeue(id, this.holder, how === 'recount');
      if (!isBack) this.#tooLate.add(id);
    }
  }

  #noteTooLate(wanted: readonly number[], done: readonly number[]): void {
    if (wanted.length === done.length) return;
    const gone = new Set(done);
    for (const id of wanted) if (!gone.has(id)) this.#tooLate.add(id);
  }

  #give({ queue, payload }: Row): Held {
    return new HeldDelivery(this.#nextTag(), readEnvelope(queue, payload), 0);
  }

  #lend({ queue, payload, id }: ClaimedRow): Held {
    const content = readEnvelope(queue, payload);
    const delivery: Held = new HeldDelivery(this.#nextTag(), content, id, this.#settle);
    this.#held.add(delivery);
    return delivery;
  }

  readonly #settle = async (delivery: Held, how: Settlement): Promise<void> => {
    const id = delivery.place;
    this.#held.delete(delivery);
    this.#settled.push({ id, how });
    this.wake();
    await this.#commit();
    if (this.#tooLate.delete(id)) throw new ChannelError(GIVEN_AWAY);
  };

  /** Resolves when what was settled so far is in the file, however long the trouble with it lasts. */
  async #commit(): Promise<void> {
    for (;;) {
      try {
        return await this.#session.commit();
      } catch (error) {
        // The session keeps trying, and what was settled is not forgotten.
        if (this.#closing || error instanceof ConnectionClosed) throw error;
      }
    }
  }

  #nextTag(): string {
    return String(++this.#tags);
  }

  #room(): number {
    return this.#prefetch === 0 ? Number.POSITIVE_INFINITY : this.#prefetch - this.#held.size;
  }

  #fanoutQueues(): Queue[] {
    return [...this.#queues.values()].filter(queue => queue.exchange.type === 'fanout');
  }
}
