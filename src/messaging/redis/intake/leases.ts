/**
 * Keeps the messages of one consumer its own, and gives back those of dead ones.
 *
 * Owns the consumer's heartbeat and the renewal of its leases in `unacked_index`. Every
 * consumer also watches the others: whose heartbeat has stopped is dead, and its messages
 * return to their lists at once instead of after the visibility timeout.
 */
import { timerMs } from '../../../base/time/seconds.ts';
import type { ScriptedRedis } from '../scripts.ts';
import type { RedisSession } from '../server-session.ts';
import { buryInboxes } from './inboxes.ts';
import type { LeasedIntake } from './leased-intake.ts';
import { giveBackTags } from './restore.ts';

const BEAT_EVERY = 2;
/**
 * Seconds by the server's clock, on which all agree, after which a heartbeat is overdue, and after
 * which it is dead.
 */
const OVERDUE_AFTER = 4;
const DEAD_AFTER = 10;
/**
 * An overdue heartbeat must also stand still while we look on, over so many of our own beats:
 * when the server was stopped or restarted, everybody's is old at first.
 */
const STANDSTILLS = 3;
/** Seconds between two of our beats beyond which we were asleep ourselves and saw nothing. */
const OVERSLEPT = 2 * BEAT_EVERY;
/** Shortest pause between renewals: a third of a tiny visibility timeout would keep the server busy. */
const MIN_RENEW_EVERY = 0.1;
const RENEW_CHUNK = 500;

interface Observed {
  readonly beat: string;
  readonly standstills: number;
}

/** Seconds; the clock on the wall, since the other one stands still while a computer sleeps. */
const now = () => Date.now() / 1000;

export class Leases {
  readonly #session: RedisSession;
  readonly #id: string;
  readonly #intake: LeasedIntake;
  readonly #observed = new Map<string, Observed>();
  #timers: NodeJS.Timeout[] = [];
  #beating = false;
  #registered = false;
  #lastBeat = 0;
  #renewedAt = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(session: RedisSession, consumerId: string, intake: LeasedIntake) {
    this.#session = session;
    this.#id = consumerId;
    this.#intake = intake;
  }

  /**
   * Registers the consumer: to be called on every new connection before the first claim,
   * since nobody looks after the messages of a consumer without a heartbeat.
   */
  async register(): Promise<void> {
    this.#observed.clear();
    await this.#beat();
    await this.renew();
    if (this.#timers.length > 0 || this.#stopped) return;
    const renewEvery = Math.max(MIN_RENEW_EVERY, this.#session.options.visibilityTimeout / 3);
    this.#timers = [
      this.#every(BEAT_EVERY, () => this.#beat()),
      this.#every(renewEvery, () => this.renew()),
    ];
  }

  /**
   * Ends the heartbeat; call it after everything held was put back, since nobody looks after the
   * messages of a consumer without one.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    const { link, keys } = this.#session;
    await link.client
      ?.tsceleryForget(keys.consumers, keys.held(this.#id), keys.inboxes(this.#id), this.#id, '')
      .catch(() => {});
  }

  #every(seconds: number, work: () => Promise<void>): NodeJS.Timeout {
    const tick = () => {
      if (this.#session.link.client) work().catch(error => this.#session.report(error));
    };
    return setInterval(tick, timerMs(seconds));
  }

  /** Whether a lease may have run out because this process, or its connection, stood still. */
  get overslept(): boolean {
    return now() - this.#renewedAt > this.#session.options.visibilityTimeout;
  }

  async renew(): Promise<void> {
    const at = now();
    const tags = this.#intake.heldTags();
    for (let i = 0; i < tags.length; i += RENEW_CHUNK) {
      const client = await this.#session.link.connect();
      const chunk = tags.slice(i, i + RENEW_CHUNK);
      const renewed = await client.tsceleryRenew(this.#session.keys.unackedIndex, ...chunk);
      if (Number(renewed) < chunk.length) this.#intake.suspect();
    }
    this.#renewedAt = at;
  }

  async #beat(): Promise<void> {
    if (this.#beating || this.#stopped) return;
    this.#beating = true;
    try {
      const client = await this.#session.link.connect();
      const expected = this.#intake.expected;
      let reply = await this.#sendBeat(client);
      if (reply.length === 0) {
        this.#intake.expel();
        this.#registered = false;
        reply = await this.#sendBeat(client);
        await this.#intake.reconcile({ redelivered: true });
        this.#intake.resume();
      }
      this.#registered = true;
      await this.#intake.checkInboxes();
      const [now, count, ...overdue] = reply as [string, number, ...string[]];
      if (count > Math.max(expected, this.#intake.expected)) await this.#intake.reconcile();
      for (const [id, beat] of this.#dead(Number(now), overdue)) await this.#bury(id, beat);
    } finally {
      this.#beating = false;
    }
  }

  #sendBeat(client: ScriptedRedis): Promise<unknown[]> {
    const { keys } = this.#session;
    return client.tsceleryBeat(
      keys.consumers,
      keys.held(this.#id),
      this.#id,
      OVERDUE_AFTER,
      this.#registered ? '1' : '0',
    ) as Promise<unknown[]>;
  }

  /**
   * Of the overdue (`[id, heartbeat, …]`) those that are dead; remembers what it sees, since one
   * look does not tell that a heartbeat stands still.
   */
  #dead(now: number, beats: readonly string[]): [id: string, beat: string][] {
    const monotonic = performance.now() / 1000;
    if (monotonic - this.#lastBeat > OVERSLEPT) this.#observed.clear();
    this.#lastBeat = monotonic;
    const dead: [string, string][] = [];
    const seen = new Set<string>();
    for (let i = 0; i < beats.length; i += 2) {
      const [id, beat] = [beats[i]!, beats[i + 1]!];
      seen.add(id);
      const before = this.#observed.get(id);
      const standstills = before?.beat === beat ? before.standstills + 1 : 0;
      this.#observed.set(id, { beat, standstills });
      const silent = standstills >= STANDSTILLS && now - Number(beat) > DEAD_AFTER;
      if (silent && id !== this.#id) dead.push([id, beat]);
    }
    for (const id of this.#observed.keys()) if (!seen.has(id)) this.#observed.delete(id);
    return dead;
  }

  async #bury(id: string, beat: string): Promise<void> {
    const { link, keys } = this.#session;
    const client = await link.connect();
    const heldKey = keys.held(id);
    // what it took last goes back before what it held for longer, which is to be first in line
    const taken = await buryInboxes(this.#session, { id, beat });
    if (taken < 0) return;
    const tags = await client.smembers(heldKey);
    const held = await giveBackTags(this.#session, tags, {
      ...{ heldKey, redelivered: true, counted: true },
      deadConsumer: { id, beat },
    });
    await client.tsceleryForget(keys.consumers, heldKey, keys.inboxes(id), id, beat);
    const count = held + taken;
    if (count > 0) this.#session.emit({ type: 'restored', count, consumer: id });
  }
}
