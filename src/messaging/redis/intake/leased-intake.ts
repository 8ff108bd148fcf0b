/**
 * The taking side of a consumer whose messages must be acknowledged.
 *
 * One script call at a time carries what was settled since the last one and asks for as much
 * as there is room for; what arrives meanwhile joins the next call. The broker knows every
 * message that is out by its tag and by this consumer's held set, so nothing here is lost
 * with the process, and a claim whose reply got lost is found again by `reconcile`.
 */
import { ConnectionClosed } from '../../../drivers/errors.ts';
import type { Arrival } from '../arrival-wait.ts';
import { ArrivalWatch } from '../arrival-watch.ts';
import type { RedisSession } from '../server-session.ts';
import { type Claimed, Claims } from './claims.ts';
import { type RedisDelivery, type Settler, tagNumber, type Verdict } from './delivery.ts';
import { Inboxes } from './inboxes.ts';
import { giveBackTags, putBackHeld, putBackUnseen, requeue, unleased } from './restore.ts';
import type { ServingOrder } from './serving-order.ts';
import { givenAway, type Settlement, Settlements, unheard } from './settlements.ts';
import { Unsettled } from './unsettled.ts';

/** Tags settled or messages claimed by one script call; Lua's `unpack` ends at about 8000. */
const MAX_BATCH = 1000;
/** Seconds before a turn is tried again after the server refused it. */
const REFUSED_PAUSE = 1;

export interface LeaseKeeper {
  /** Whether leases may have run out unseen, as while the computer slept. */
  readonly overslept: boolean;
  renew(): Promise<void>;
}

export interface LeasedIntakeOptions {
  readonly session: RedisSession;
  readonly consumerId: string;
  readonly order: ServingOrder;
  readonly prefetch: number;
  readonly onDeliveries: (deliveries: RedisDelivery[]) => void;
  readonly acksOnArrival: ((delivery: RedisDelivery) => boolean) | undefined;
  /** The server says that this consumer was taken for dead: it has to register again. */
  readonly onExpelled: () => void;
  readonly leases: () => LeaseKeeper;
}

export class LeasedIntake implements Settler {
  readonly #session: RedisSession;
  readonly #id: string;
  readonly #heldKey: string;
  readonly #order: ServingOrder;
  readonly #options: LeasedIntakeOptions;
  readonly #arrivals: ArrivalWatch;
  readonly #inboxes: Inboxes;
  readonly #claims: Claims;
  readonly #unsettled = new Unsettled();
  readonly #unconfirmed = new Settlements();
  #prefetch: number;
  #hungry = true;
  /** Claims are allowed: the connection is up and its orphans were put back. */
  #ready = false;
  #cancelled = false;
  #closing = false;
  /** Somebody may have taken from us what we hold: a renewal found too little of it. */
  #isSuspicious = false;
  #scheduled = false;
  #turn: Promise<void> | undefined;
  #puttingBack: Promise<unknown> = Promise.resolve();
  #pause: NodeJS.Timeout | undefined;

  constructor(options: LeasedIntakeOptions) {
    this.#session = options.session;
    this.#id = options.consumerId;
    this.#heldKey = options.session.keys.held(options.consumerId);
    this.#order = options.order;
    this.#prefetch = options.prefetch;
    this.#options = options;
    this.#inboxes = new Inboxes(options);
    this.#claims = new Claims({ ...options, settler: this, sources: this.#inboxes.sources });
    this.#arrivals = new ArrivalWatch({
      link: options.session.waitLink,
      onWake: next => this.wake(next),
      taking: this.#inboxes,
    });
  }

  get held(): number {
    return this.#unsettled.size;
  }

  /** Tags the server should have for us, as far as we know; when it has more there are orphans. */
  get expected(): number {
    return this.#unsettled.size + this.#unconfirmed.size;
  }

  heldTags(): string[] {
    return this.#unsettled.tags();
  }

  setPrefetch(count: number): void {
    this.#prefetch = count;
    this.#schedule();
  }

  /** Look again: something may have arrived, or a queue was added. */
  wake(next?: Arrival): void {
    this.#claims.saw(next);
    if (next?.isTaken) this.#inboxes.took(next.list);
    this.#hungry = true;
    this.#schedule();
  }

  suspend(): void {
    this.#ready = false;
    this.#arrivals.disarm();
    this.#inboxes.suspend();
  }

  resume(): void {
    this.#ready = true;
    this.wake();
  }

  settle(delivery: RedisDelivery, verdict: Verdict): Promise<void> {
    if (!this.#unsettled.delete(delivery)) {
      const closed = new ConnectionClosed(`The consumer of ${delivery.queue} was closed.`);
      return unheard(Promise.reject(delivery.lost ? givenAway() : closed));
    }
    this.#schedule();
    return this.#unconfirmed.add(delivery, verdict);
  }

  /**
   * Puts back what the server thinks we hold but we never saw: claims whose reply was lost
   * with a connection, or what was ours before we were taken for dead (`redelivered`). Returns
   * how many there were.
   */
  async reconcile({ redelivered } = { redelivered: false }): Promise<number> {
    const { from, isUnderWay } = this.#claims;
    const client = await this.#session.link.connect();
    const tags = await client.smembers(this.#heldKey);
    const known = new Set([...this.#unsettled.tags(), ...this.#unconfirmed.tags()]);
    const orphans = tags.filter(tag => !known.has(tag) && tagNumber(tag) < from);
    const prompt = this.#claims.unheardOf;
    if (!isUnderWay) this.#claims.forgetUnheardOf();
    if (orphans.length === 0) return 0;
    if (prompt && orphans.includes(prompt.tag)) {
      const isHeld = await client.hexists(this.#session.keys.unacked, prompt.tag);
      if (!isHeld) {
        orphans.splice(orphans.indexOf(prompt.tag), 1);
        this.#deliverPrompt(prompt);
      }
    }
    // What nobody was given is not marked as delivered before.
    return giveBackTags(this.#session, orphans, { heldKey: this.#heldKey, redelivered });
  }

  /**
   * Others have been given what we hold: nothing of it may be settled, or started, here. Takes
   * nothing until `resume`.
   */
  expel(): void {
    const count = this.expected;
    this.suspend();
    this.#loseAll(this.#unsettled.inOrder());
    this.#unconfirmed.lose('all');
    if (count > 0) this.#session.lost(count, this.#id);
  }

  /** Look what is still ours before anything else is settled. */
  suspect(): void {
    this.#isSuspicious = true;
  }

  #loseAll(deliveries: readonly RedisDelivery[]): void {
    for (const delivery of deliveries) {
      delivery.lost = true;
      this.#unsettled.delete(delivery);
    }
  }

  /** With each heartbeat: what came into an inbox without our knowledge is claimed, or given back. */
  async checkInboxes(): Promise<void> {
    try {
      if (await this.#inboxes.check()) this.wake();
    } catch (error) {
      this.#session.report(error);
    }
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    this.#arrivals.disarm();
    await this.#arrivals.endTakes();
    await this.quiet();
    // without a connection it is done at the end, or by others
    await this.#inboxes.close().catch(error => this.#session.report(error));
  }

  /** Queues were removed from the order: nothing more is taken from them. */
  async queuesRemoved(): Promise<void> {
    await this.#arrivals.endTakes(this.#order.lists.keys);
    await this.quiet();
    await this.#inboxes.closeCancelled().catch(error => this.#session.report(error));
  }

  /** Resolves when the call on its way is over, and what it brought for no one is back. */
  async quiet(): Promise<void> {
    await this.#turn;
    await this.#puttingBack;
  }

  async close(): Promise<number> {
    this.#closing = true;
    await this.cancel();
    await this.#arrivals.close();
    clearTimeout(this.#pause);
    this.#pause = undefined;
    try {
      await this.#session.link.connect();
      await this.reconcile();
      for (let left = Number.POSITIVE_INFINITY; this.#unconfirmed.size < left; ) {
        left = this.#unconfirmed.size;
        await (this.#turn ?? this.#runTurn());
      }
      await this.#puttingBack;
      await this.#inboxes.close();
      return await this.#putBackHeld();
    } catch {
      // The broker is gone. Others return what we hold when our heartbeat has stopped.
      return 0;
    } finally {
      this.#unsettled.clear();
      const why = 'The consumer was closed before Redis could confirm.';
      this.#unconfirmed.giveUp(new ConnectionClosed(why));
    }
  }

  async #putBackHeld(): Promise<number> {
    const held = this.#unsettled.inOrder();
    this.#unsettled.clear();
    return putBackHeld(this.#session, this.#heldKey, held);
  }

  #schedule(): void {
    if (this.#scheduled || this.#turn || this.#pause || !this.#ready) return;
    this.#scheduled = true;
    // After the I/O callbacks of this turn of the event loop, so that their acks travel together.
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#turn && this.#ready && !this.#pause) this.#startTurn();
    });
  }

  #startTurn(): void {
    if (this.#hasWork) void this.#runTurn();
    else this.#armWaits();
  }

  get #hasWork(): boolean {
    return this.#unconfirmed.waiting + this.#wanted() > 0 || this.#inboxes.mayHold;
  }

  #runTurn(): Promise<void> {
    this.#turn = this.#oneTurn().finally(() => {
      this.#turn = undefined;
      if (!this.#hasWork) return this.#armWaits();
      this.#schedule();
      // what is still to be settled is no reason to hear later of what comes
      if (this.#mayWait && !this.#hungry) this.#arrivals.arm(this.#order.lists.keys);
    });
    return this.#turn;
  }

  async #oneTurn(): Promise<void> {
    const leases = this.#options.leases();
    if (leases.overslept || this.#isSuspicious) {
      await this.#dropLost(leases).catch(error => this.#session.report(error));
    }
    const batch = this.#unconfirmed.take(MAX_BATCH);
    try {
      await Promise.all([this.#settleAndClaim(batch.acks), this.#requeue(batch.requeues)]);
      if (this.#inboxes.mayHold && this.#wanted() === 0) await this.#inboxes.giveBack();
    } catch (error) {
      this.#claims.over();
      this.#inboxes.unclaimed();
      this.#unconfirmed.putBack(batch);
      this.#hungry = true;
      if (this.#session.report(error)) this.#pauseTurns();
    }
  }

  /** Forgets what somebody took from us when its lease had run out. */
  async #dropLost(leases: LeaseKeeper): Promise<void> {
    if (leases.overslept) await leases.renew();
    this.#isSuspicious = false;
    const held = this.#unsettled.inOrder();
    const tags = [...held.map(({ tag }) => tag), ...this.#unconfirmed.certainTags()];
    const gone = await unleased(this.#session, tags);
    if (gone.size === 0) return;
    this.#loseAll(held.filter(({ tag }) => gone.has(tag)));
    this.#unconfirmed.lose(gone);
    this.#session.lost(gone.size, this.#id);
  }

  /** The server answers but refuses: out of memory, a script that runs for ever, no permission. */
  #pauseTurns(): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#schedule();
    }, REFUSED_PAUSE * 1000);
  }

  #wanted(): number {
    if (!this.#hungry || this.#cancelled || !this.#ready || this.#order.size === 0) return 0;
    const room = this.#prefetch === 0 ? MAX_BATCH : this.#prefetch - this.#unsettled.size;
    return Math.max(0, Math.min(room, MAX_BATCH, this.#claims.affordable));
  }

  #armWaits(): void {
    if (!this.#mayWait) this.#arrivals.disarm();
    else if (!this.#hungry) this.#arrivals.arm(this.#order.lists.keys);
  }

  get #mayWait(): boolean {
    const hasRoom = this.#prefetch === 0 || this.#prefetch > this.#unsettled.size;
    return this.#ready && !this.#cancelled && hasRoom && this.#order.size > 0;
  }

  async #settleAndClaim(acks: readonly Settlement[]): Promise<void> {
    const want = this.#wanted();
    if (acks.length + want === 0) return;
    const { client } = this.#session.link;
    if (!client) throw new ConnectionClosed('not connected');
    const tags = acks.map(entry => entry.delivery.tag);
    if (want > 0) this.#inboxes.claiming();
    const reply = await this.#claims.run(client, tags, want);
    if (reply === 'expelled') {
      this.#claims.over();
      this.expel();
      if (!this.#closing) this.#options.onExpelled();
      return;
    }
    this.#confirm(acks, reply.settled);
    if (want > 0) this.#deliver(reply, want);
    this.#claims.over();
    if (reply.races.length > 0) await this.#inboxes.raced(reply.races);
  }

  #confirm(acks: readonly Settlement[], settled: number): void {
    const certain = acks.every(entry => !entry.uncertain);
    if (certain && settled < acks.length) this.#session.tookBack(acks.length - settled, this.#id);
    this.#unconfirmed.confirm(acks);
  }

  #deliver({ deliveries, isFirstAcked, isDrained }: Claimed, want: number): void {
    const isWanted = ({ queue }: RedisDelivery) => !this.#cancelled && this.#order.has(queue);
    if (isFirstAcked) this.#ackedOnArrival(deliveries[0]!);
    const unwanted = deliveries.filter(delivery => !isWanted(delivery));
    const wanted = unwanted.length > 0 ? deliveries.filter(isWanted) : deliveries;
    if (!isDrained) this.#inboxes.unclaimed();
    this.#hungry = deliveries.length >= want || this.#inboxes.mayHold;
    if (deliveries.length > 0) this.#order.served(new Set(deliveries.map(({ queue }) => queue)));
    if (unwanted.length > 0) this.#putBack(unwanted);
    if (wanted.length === 0) return;
    this.#arrivals.found();
    for (const delivery of wanted) if (!delivery.settled) this.#unsettled.add(delivery);
    this.#pass(wanted);
  }

  #pass(deliveries: RedisDelivery[]): void {
    try {
      this.#options.onDeliveries(deliveries);
    } catch (error) {
      // A bug of ours must not look like trouble with the broker.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #ackedOnArrival(delivery: RedisDelivery): void {
    delivery.ackedOnArrival();
    this.#unconfirmed.addRest(delivery);
  }

  /** Its claim went through although the reply got lost. */
  #deliverPrompt(delivery: RedisDelivery): void {
    this.#ackedOnArrival(delivery);
    if (this.#cancelled) this.#putBack([delivery]);
    else this.#pass([delivery]);
  }

  /** Taken by a claim that was on its way when its queue was cancelled. */
  #putBack(deliveries: readonly RedisDelivery[]): void {
    const held = deliveries.filter(({ settled }) => !settled);
    for (const delivery of held) this.#unsettled.add(delivery);
    const back = putBackUnseen(this.#session, this.#heldKey, deliveries);
    this.#puttingBack = Promise.all([this.#puttingBack, back]).then(
      () => {
        for (const delivery of held) this.#unsettled.delete(delivery);
      },
      () => {}, // close() puts them back
    );
  }

  async #requeue(entries: readonly Settlement[]): Promise<void> {
    if (entries.length === 0) return;
    await requeue(this.#session, this.#heldKey, entries);
    this.#unconfirmed.confirm(entries);
    this.#hungry = true;
  }
}
