/**
 * One consumer: what it should consume, and a loop that brings the broker to that.
 *
 * Subscriptions, prefetch count and channel are never changed in place but compared with what
 * is wanted, so that a new channel or connection is no special case: everything is missing.
 */
import { sleep } from '../../../base/time/backoff.ts';
import { ChannelError } from '../../../drivers/errors.ts';
import { type ConsumeOptions, type Consumer, TAKE_NOTHING } from '../../contract.ts';
import type { Queue } from '../../entities.ts';
import type { AmqpChannel } from '../driver.ts';
import { NOT_FOUND, RESOURCE_LOCKED, replyCode } from '../errors.ts';
import { Intake, type IntakeHooks, type QosScope } from './channel-intake.ts';
import type { AmqpDelivery } from './delivery.ts';

export interface ConsumerHost {
  readonly isConnected: boolean;
  openChannel(): Promise<AmqpChannel>;
  /** Whether the broker knows a prefetch count for a whole channel, as RabbitMQ does before version 4. */
  readonly hasChannelQos: boolean;
  declare(queue: Queue): Promise<void>;
  forget(queue: Queue): void;
  putBackCounted(delivery: AmqpDelivery): Promise<void>;
  park(delivery: AmqpDelivery, queue: Queue, seconds: number): Promise<void>;
  toError(error: unknown, doing: string): Error;
  warn(message: string): void;
  /** Consumes again after its channel was lost. */
  onConsuming(): void;
  ended(consumer: AmqpConsumer): void;
}

interface Subscription {
  readonly tag: string;
  /** Its prefetch count; 0 is no limit. Only means something with scope `consumer`. */
  readonly limit: number;
}

interface Entry {
  readonly queue: Queue;
  /** Several add up to the prefetch count where the broker counts for each of them. */
  subscriptions: Subscription[];
  isDeclared: boolean;
  wanted: boolean;
  /** The broker delivers nothing of it, although it should. */
  isMissing: boolean;
  /** Why it could not be consumed; it is tried again after a pause. */
  error: Error | undefined;
}

/** What to do about the subscriptions of a queue: end all there are, make one. */
interface Plan {
  readonly endAll: boolean;
  readonly limit: number | undefined;
}

/** More subscriptions of one queue than this are replaced by a new one. */
const MOST_SUBSCRIPTIONS = 4;
/** Waits of a queue that cannot be consumed, in seconds. */
const FIRST_RETRY = 1;
const LONGEST_RETRY = 30;

/** Of a queue that others declare it is not known; a count for each consumer suits all. */
const isQuorum = ({ queueArguments, noDeclare }: Queue) =>
  noDeclare === true ||
  queueArguments['x-queue-type'] === 'quorum' ||
  queueArguments['x-queue-type'] === 'stream';

export class AmqpConsumer implements Consumer {
  readonly #host: ConsumerHost;
  readonly #hooks: IntakeHooks;
  readonly #entries = new Map<string, Entry>();
  readonly #ending = new AbortController();
  #prefetch: number;
  /** As the broker knows it, with scope `channel`; saying it again would cost a round trip. */
  #qos: number | undefined;
  #intake: Intake | undefined;
  #needsConsumerQos = false;
  /** There is more than one queue, or there will be: these need one count for all of them. */
  #isShared: boolean;
  /**
   * With scope `consumer`: more could be taken than the subscriptions bring, which is looked at
   * again when they have brought some.
   */
  #hasSpareRoom = false;
  #isDirty = false;
  #loop: Promise<void> | undefined;
  /** The channel was lost since all was well, so that consuming again is news. */
  #isRecovering = false;
  /** Between two tries of something that failed, and how many there were in a row. */
  #isWaiting = false;
  #retries = 0;
  #isCancelled = false;
  #closing: Promise<number> | undefined;

  constructor(host: ConsumerHost, options: ConsumeOptions, isShared: boolean) {
    this.#host = host;
    this.#isShared = isShared;
    this.#prefetch = options.prefetch;
    this.#hooks = {
      onDeliveries: deliveries => {
        options.onDeliveries(deliveries);
        if (this.#hasSpareRoom) this.#touch();
      },
      onCancelled: (name, tag) => this.#cancelledByBroker(name, tag),
      onSettled: intake => this.#settled(intake),
      onLost: (intake, error) => this.#lost(intake, error),
      putBackCounted: delivery => host.putBackCounted(delivery),
      park: (delivery, queue, seconds) => host.park(delivery, queue, seconds),
    };
  }

  get queues(): readonly string[] {
    return [...this.#entries.values()].filter(entry => entry.wanted).map(entry => entry.queue.name);
  }

  get missing(): readonly string[] {
    const missing = [...this.#entries.values()].filter(entry => entry.wanted && entry.isMissing);
    return missing.map(entry => entry.queue.name);
  }

  get held(): number {
    return this.#intake?.held ?? 0;
  }

  get unanswered(): number {
    return this.#intake?.unanswered ?? 0;
  }

  get isRecovering(): boolean {
    return this.#isRecovering;
  }

  setPrefetch(count: number): void {
    if (count === this.#prefetch) return;
    this.#prefetch = count;
    this.#touch();
  }

  async addQueue(queue: Queue): Promise<void> {
    // one that is about to be left goes by its name, and takes a new one of that name with it
    if (this.#entries.get(queue.name)?.wanted === false) await this.#reconciled();
    if (this.#entries.get(queue.name)?.wanted) return;
    const entry: Entry = {
      queue,
      subscriptions: [],
      isDeclared: false,
      wanted: true,
      isMissing: true,
      error: undefined,
    };
    entry.error = await this.#declareFirst(entry);
    const known = this.#entries.get(queue.name);
    // another call was faster
    if (known?.wanted) return this.#reconciled();
    if (known) entry.subscriptions = known.subscriptions;
    this.#entries.set(queue.name, entry);
    if (isQuorum(queue)) this.#needsConsumerQos = true;
    if (this.#entries.size > 1) this.#isShared = true;
    this.#touch();
    await this.#reconciled();
    const { error } = entry;
    if (!error || replyCode(error.cause) === RESOURCE_LOCKED) return;
    this.#entries.delete(queue.name);
    throw error;
  }

  /**
   * A queue that only one connection may use can still belong to one of ours that is dead,
   * until the broker notices: that is tried again. Any other refusal is thrown.
   */
  async #declareFirst(entry: Entry): Promise<Error | undefined> {
    try {
      await this.#host.declare(entry.queue);
      entry.isDeclared = true;
      return undefined;
    } catch (error) {
      if (replyCode((error as Error).cause) !== RESOURCE_LOCKED) throw error;
      return error as Error;
    }
  }

  async cancelQueue(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (!entry) return;
    entry.wanted = false;
    this.#touch();
    await this.#reconciled();
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    this.#touch();
    await this.#reconciled();
  }

  close(): Promise<number> {
    if (this.#closing) return this.#closing.then(() => 0);
    this.#closing = this.#close();
    return this.#closing;
  }

  /** A queue turned out to be one without prefetch counts for channels, as quorum queues are. */
  countPerConsumer(): void {
    this.#needsConsumerQos = true;
  }

  /** There is a new connection. Resolves when everything is consumed again, or cannot be for now. */
  async recover(): Promise<void> {
    this.#isRecovering = true;
    this.#touch();
    await this.#reconciled();
  }

  async #close(): Promise<number> {
    await this.cancel();
    this.#ending.abort();
    const count = (await this.#intake?.close()) ?? 0;
    this.#intake = undefined;
    this.#entries.clear();
    this.#host.ended(this);
    return count;
  }

  /** Something differs from what is wanted, or may. */
  #touch(): void {
    this.#isDirty = true;
    // a smaller prefetch count must reach the broker before the acks that make room
    this.#intake?.holdBack();
    this.#loop ??= Promise.resolve()
      .then(() => this.#reconcile())
      .finally(() => {
        this.#loop = undefined;
        if (this.#isDirty && this.#host.isConnected && !this.#ending.signal.aborted) this.#touch();
        else this.#intake?.release();
      });
  }

  /** Resolves when the broker has been told what is wanted, or cannot be for now. */
  async #reconciled(): Promise<void> {
    while (this.#loop) await this.#loop;
  }

  async #reconcile(): Promise<void> {
    while (this.#isDirty && !this.#ending.signal.aborted) {
      this.#isDirty = false;
      this.#hasSpareRoom = false;
      if (!this.#host.isConnected) return;
      try {
        const intake = await this.#currentIntake();
        if (!intake) return;
        await this.#adjust(intake);
      } catch (error) {
        // without a connection `recover` follows when there is a new one
        if (!this.#host.isConnected) return;
        // with a new channel everything is tried again at once, other trouble can wait
        if (!this.#isDirty) return void this.#retryLater(error as Error);
      }
    }
    this.#finish();
  }

  #finish(): void {
    const failed = [...this.#entries.values()].filter(entry => entry.error);
    if (failed.length > 0) {
      void this.#retryLater();
      return;
    }
    this.#retries = 0;
    if (this.#isRecovering && this.#intake && !this.#isCancelled) {
      this.#isRecovering = false;
      this.#host.onConsuming();
    }
  }

  /** A count for a whole channel costs the broker much more, and is only needed for several queues. */
  get #scope(): QosScope {
    const perChannel = this.#isShared && this.#host.hasChannelQos && !this.#needsConsumerQos;
    return perChannel ? 'channel' : 'consumer';
  }

  async #currentIntake(): Promise<Intake | undefined> {
    const scope = this.#scope;
    if (this.#intake?.scope === scope || (this.#intake && this.#intake.held > 0)) {
      return this.#intake;
    }
    if (this.#isCancelled && !this.#intake) return undefined;
    const old = this.#intake;
    // it is closed, not lost
    this.#intake = undefined;
    await old?.close();
    const channel = await this.#host.openChannel();
    this.#intake = new Intake(channel, scope, this.#hooks);
    this.#qos = undefined;
    for (const entry of this.#entries.values()) entry.subscriptions = [];
    return this.#intake;
  }

  async #adjust(intake: Intake): Promise<void> {
    const count = this.#prefetch;
    if (intake.scope === 'channel' && count !== TAKE_NOTHING && count !== this.#qos) {
      await intake.setQos(count);
      this.#qos = count;
    }
    for (const entry of [...this.#entries.values()]) {
      if (entry.error && entry.wanted) continue;
      await this.#adjustEntry(intake, entry);
      entry.isMissing = entry.error !== undefined;
      const { name } = entry.queue;
      if (!entry.wanted && this.#entries.get(name) === entry) this.#entries.delete(name);
    }
  }

  async #adjustEntry(intake: Intake, entry: Entry): Promise<void> {
    const plan = this.#plan(intake, entry);
    let { limit } = plan;
    if (plan.endAll && entry.subscriptions.length > 0) {
      await this.#ask(async () => {
        for (const { tag } of entry.subscriptions) await intake.unsubscribe(tag);
      }, entry);
      entry.subscriptions = [];
      ({ limit } = this.#plan(intake, entry));
    }
    if (limit !== undefined) await this.#ask(() => this.#subscribe(intake, entry, limit), entry);
  }

  #plan(intake: Intake, { queue, wanted, subscriptions }: Entry): Plan {
    const takesNothing = this.#prefetch === TAKE_NOTHING && !queue.noAck;
    if (!wanted || this.#isCancelled || takesNothing) return { endAll: true, limit: undefined };
    const isCounted = intake.scope === 'consumer' && !queue.noAck;
    if (isCounted && this.#prefetch > 0) return this.#planCounted(intake, queue, subscriptions);
    const hasLimit = isCounted && subscriptions.some(({ limit }) => limit > 0);
    const isMissing = subscriptions.length === 0;
    return { endAll: hasLimit, limit: isMissing ? 0 : undefined };
  }

  /**
   * The broker counts for each subscription, and forgets those that were ended: what these
   * brought and is held still has to be counted here.
   */
  #planCounted(intake: Intake, queue: Queue, subscriptions: readonly Subscription[]): Plan {
    const tags = new Set(subscriptions.map(({ tag }) => tag));
    const { live, orphans } = intake.heldOf(queue.name, tags);
    const allowed = subscriptions.reduce((sum, { limit }) => sum + limit, 0);
    const isUnlimited = subscriptions.some(({ limit }) => limit === 0);
    const room = this.#prefetch - allowed - orphans;
    // while the subscriptions can bring more than that, it can wait
    const isWorthIt = room > 0 && (orphans === 0 || room >= allowed - live);
    if (room > 0 && !isWorthIt) this.#hasSpareRoom = true;
    const endAll =
      isUnlimited || (room < 0 && allowed > 0) || (isWorthIt && tags.size >= MOST_SUBSCRIPTIONS);
    return { endAll, limit: isWorthIt && !endAll ? room : undefined };
  }

  async #subscribe(intake: Intake, entry: Entry, limit: number): Promise<void> {
    const { queue } = entry;
    if (!entry.isDeclared) await this.#host.declare(queue);
    entry.isDeclared = true;
    if (intake.scope === 'consumer') await intake.setQos(limit);
    await intake.subscribe(queue, tag => entry.subscriptions.push({ tag, limit }));
  }

  /** With scope `consumer`: what an ended subscription had brought took room that a new one may use now. */
  #settled(intake: Intake): void {
    if (intake !== this.#intake || this.#prefetch <= 0) return;
    const hasRoom = [...this.#entries.values()].some(({ queue, subscriptions }) => {
      const allowed = subscriptions.reduce((sum, { limit }) => sum + limit, 0);
      return !queue.noAck && allowed < this.#prefetch;
    });
    if (hasRoom) this.#touch();
  }

  /** A refusal is the queue's trouble; that the channel went with it is noticed elsewhere. */
  async #ask(question: () => Promise<void>, entry: Entry): Promise<void> {
    try {
      await question();
    } catch (error) {
      const known = this.#host.toError(
        error,
        `consuming queue ${JSON.stringify(entry.queue.name)}`,
      );
      if (!(known instanceof ChannelError)) throw known;
      entry.error = known;
      // deleted while it had no subscription, of which the broker would have told the end
      if (replyCode(error) === NOT_FOUND) this.#host.forget(entry.queue);
    }
  }

  #cancelledByBroker(name: string, tag: string): void {
    const entry = this.#entries.get(name);
    if (!entry?.wanted || this.#isCancelled) return;
    entry.subscriptions = entry.subscriptions.filter(subscription => subscription.tag !== tag);
    entry.isDeclared = false;
    entry.isMissing = true;
    this.#host.forget(entry.queue);
    this.#host.warn(
      `The broker ended the subscription to queue ${JSON.stringify(name)}, which was deleted or has moved; consuming it anew.`,
    );
    this.#isRecovering = true;
    this.#touch();
  }

  #lost(intake: Intake, error: Error): void {
    if (this.#intake !== intake) return;
    this.#intake = undefined;
    this.#isRecovering = true;
    for (const entry of this.#entries.values()) {
      entry.subscriptions = [];
      entry.isDeclared = false;
      entry.isMissing = true;
    }
    if (this.#closing) return;
    const known = this.#host.toError(error, 'consuming');
    if (!(known instanceof ChannelError)) return; // the connection went, and comes back
    const refused = [...this.#entries.values()].some(entry => entry.error);
    if (!refused) this.#host.warn(`A channel was lost and is opened again. ${known.message}`);
    this.#touch();
  }

  async #retryLater(cause?: Error): Promise<void> {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const errors = [cause, ...[...this.#entries.values()].map(({ error }) => error)];
    const delay = Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** this.#retries++);
    for (const error of errors) {
      if (error) this.#host.warn(`${error.message} Trying again in ${delay} s.`);
    }
    try {
      await sleep(delay, undefined, this.#ending.signal);
    } catch {
      return; // closed
    } finally {
      this.#isWaiting = false;
    }
    for (const entry of this.#entries.values()) entry.error = undefined;
    this.#touch();
  }
}
