/**
 * The lease of a leader that RabbitMQ elected, which lasts as long as the channel.
 *
 * Owns: the channel, and the messages of the election's queue: each says what was claimed last of
 * some entries. All are held unacknowledged, so that they go back when the channel ends. One whose
 * entries were claimed again is acknowledged; what is left of old ones is written anew, because
 * brokers end a channel that holds a message for long.
 */
import { randomUUID } from 'node:crypto';
import { type Deferred, deferred } from '../../base/deferred.ts';
import { within } from '../../base/time/within.ts';
import { OperationalError } from '../../drivers/errors.ts';
import type { AmqpConfirmChannel, AmqpMessage } from '../../messaging/amqp/driver.ts';
import { LeadershipLost } from '../../schedule-stores/errors.ts';
import type { Claim, Lease, Remembered } from './contract.ts';
import { Memory } from './memory-of-claims.ts';

export interface AmqpLeaseOptions {
  readonly queue: string;
  /** Seconds for an answer of the broker. */
  readonly seconds: number;
  readonly toError: (error: unknown, doing: string) => Error;
}

/** Entries of one message. */
const PART = 500;
/** Brokers count half an hour. */
const REWRITE_AFTER_MS = 300_000;
/** Messages that hold little: more of them than entries are worth being put together. */
const SPARE_RECORDS = 1000;

/** What a message of the queue says. */
interface Page {
  /** Where its publisher finds it again. */
  readonly id: string;
  readonly token: number;
  /** Counted by the leader: of two that tell of one entry the later one holds. */
  readonly sequence: number;
  readonly records: readonly Remembered[];
}

/** A message that is in the queue, or on its way to it. */
interface Kept {
  readonly sequence: number;
  /** Entries of which it tells the last. */
  readonly names: Set<string>;
  /** How many it told of. */
  readonly size: number;
  readonly since: number;
  isOnDisk: boolean;
  /** Once the broker has given it to us. */
  message: AmqpMessage | undefined;
}

export class AmqpLease implements Lease {
  token = 0;
  remembered: ReadonlyMap<string, Remembered> = new Map();
  readonly #channel: AmqpConfirmChannel;
  readonly #options: AmqpLeaseOptions;
  #memory = new Memory(new Map());
  /** What was in the queue before us, until the state is ours. */
  readonly #inherited: { readonly message: AmqpMessage; readonly page: Page | undefined }[] = [];
  #begun: { readonly id: string; readonly seen: Deferred<void> } | undefined;
  readonly #kept = new Map<string, Kept>();
  /** The message that tells the last of an entry. */
  readonly #newest = new Map<string, Kept>();
  /** It stays for its token, were it to tell of no entry. */
  #newestPage: string | undefined;
  #last: Promise<void> = Promise.resolve();
  #records = 0;
  #sequence = 0;
  #isOver = false;

  constructor(channel: AmqpConfirmChannel, options: AmqpLeaseOptions) {
    this.#channel = channel;
    this.#options = options;
    let why: unknown = new OperationalError('The channel to the broker was closed.');
    channel.on('error', error => {
      why = error;
    });
    channel.once('close', () => {
      this.#isOver = true;
      this.#begun?.seen.reject(why);
    });
  }

  /** Rejects with the broker's 403 when another one leads. */
  async begin(): Promise<void> {
    const { queue } = this.#options;
    const marker: Page = { id: randomUUID(), token: 0, sequence: 0, records: [] };
    const seen = deferred();
    seen.promise.catch(() => {});
    this.#begun = { id: marker.id, seen };
    await this.#answer('consuming', done =>
      this.#channel.consume(
        queue,
        message => {
          if (message) this.#arrived(message);
          // the queue was deleted, or its node is gone
          else void this.release();
        },
        { exclusive: true },
        error => done(error),
      ),
    );
    // behind everything that was in the queue, also what has just gone back to it
    await this.#publish(marker);
    await this.#inTime('reading the queue', seen.promise);
    this.#begun = undefined;
    const pages = this.#inherited.flatMap(({ page }) => page ?? []);
    const latest = Math.max(0, ...pages.map(({ token }) => token));
    // no smaller than the time, so that it rises even when the queue is a new one
    this.token = Math.max(latest + 1, Date.now());
    this.remembered = lastOf(pages);
    this.#memory = new Memory(this.remembered);
    await this.#rewrite();
    for (const { message } of this.#inherited.splice(0)) this.#channel.ack(message);
  }

  async renew(): Promise<boolean> {
    if (this.#isOver) return false;
    try {
      // answered: the channel, and with it the lease, was there
      await this.#answer('renewing the lease', done =>
        this.#channel.checkQueue(this.#options.queue, error => done(error)),
      );
      await this.#inTurn(async () => this.#isWorthRewriting() && this.#rewrite());
      return !this.#isOver;
    } catch {
      await this.release();
      return false;
    }
  }

  async claim(claims: readonly Claim[], sent: readonly string[]): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#isOver) throw lost();
      const changes = this.#memory.changes(claims, sent);
      if (changes.length === 0) return;
      try {
        await this.#write(changes);
      } catch (cause) {
        // whether it was kept is not known, and the channel is of no use any more
        await this.release();
        throw lost(cause);
      }
      this.#memory.keep(changes);
    });
  }

  async forget(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    await this.#inTurn(async () => {
      if (this.#isOver) return;
      this.#memory.forget(names);
      for (const name of names) this.#supersede(name, undefined);
      await this.#rewrite().catch(() => this.release());
    });
  }

  async release(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const closed = new Promise<void>(resolve => {
      try {
        this.#channel.close(() => resolve());
      } catch {
        resolve(); // it had ended before
      }
    });
    await within(this.#options.seconds, closed);
  }

  #arrived(message: AmqpMessage): void {
    const page = pageOf(message);
    const kept = page && this.#kept.get(page.id);
    if (kept) {
      kept.message = message;
      this.#settle(page.id, kept);
      return;
    }
    this.#inherited.push({ message, page });
    if (page && page.id === this.#begun?.id) this.#begun.seen.resolve();
  }

  /** One after the other: what is written later is newer. */
  #inTurn(work: () => Promise<unknown>): Promise<void> {
    const done = this.#last.then(async () => void (await work()));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Messages of `records`; resolves when the broker has them on disk. */
  async #write(records: readonly Remembered[]): Promise<void> {
    const pages: Page[] = [];
    // an empty one tells the token
    for (let at = 0; at === 0 || at < records.length; at += PART) {
      this.#sequence += 1;
      pages.push({
        id: randomUUID(),
        token: this.token,
        sequence: this.#sequence,
        records: records.slice(at, at + PART),
      });
    }
    for (const page of pages) this.#keep(page);
    await Promise.all(pages.map(page => this.#publish(page)));
    // only now may what they replace go
    for (const page of pages) {
      const kept = this.#kept.get(page.id)!;
      kept.isOnDisk = true;
      for (const name of kept.names) this.#supersede(name, kept);
    }
    this.#newestPage = pages.at(-1)?.id ?? this.#newestPage;
    for (const [id, kept] of this.#kept) this.#settle(id, kept);
  }

  #keep({ id, sequence, records }: Page): void {
    this.#records += records.length;
    this.#kept.set(id, {
      sequence,
      names: new Set(records.map(({ name }) => name)),
      size: records.length,
      since: performance.now(),
      isOnDisk: false,
      message: undefined,
    });
  }

  #supersede(name: string, by: Kept | undefined): void {
    const before = this.#newest.get(name);
    // two that were under way at once: the later one holds
    if (before && by && before.sequence > by.sequence) {
      by.names.delete(name);
      return;
    }
    if (before !== by) before?.names.delete(name);
    if (by) this.#newest.set(name, by);
    else this.#newest.delete(name);
  }

  /** Acknowledges a message that says nothing any more. */
  #settle(id: string, kept: Kept): void {
    if (kept.names.size > 0 || !kept.isOnDisk || id === this.#newestPage) return;
    if (!kept.message || this.#isOver) return;
    this.#kept.delete(id);
    this.#records -= kept.size;
    this.#channel.ack(kept.message);
  }

  #isWorthRewriting(): boolean {
    if (this.#records > 2 * this.#newest.size + SPARE_RECORDS) return true;
    const limit = performance.now() - REWRITE_AFTER_MS;
    for (const { since } of this.#kept.values()) if (since < limit) return true;
    return false;
  }

  #rewrite(): Promise<void> {
    return this.#write(this.#memory.all);
  }

  #publish(page: Page): Promise<void> {
    const { queue } = this.#options;
    const body = Buffer.from(JSON.stringify(page));
    const properties = { persistent: true, contentType: 'application/json' };
    return this.#answer('writing to the queue', done =>
      this.#channel.sendToQueue(queue, body, properties, error => done(error as Error | null)),
    );
  }

  #answer(doing: string, ask: (done: (error: Error | null) => void) => void): Promise<void> {
    const answered = new Promise<void>((resolve, reject) => {
      ask(error => (error ? reject(error) : resolve()));
    });
    return this.#inTime(doing, answered);
  }

  async #inTime(doing: string, answered: Promise<void>): Promise<void> {
    const { seconds, toError } = this.#options;
    if (!(await within(seconds, answered)))
      throw toError(new Error(`no answer within ${seconds} s`), doing);
  }
}

const lost = (cause?: unknown) =>
  new LeadershipLost('The broker has taken the lead from this beat: nothing more is sent here.', {
    cause,
  });

/** Undefined for what we did not write. */
function pageOf({ content }: AmqpMessage): Page | undefined {
  try {
    const { id, token, sequence, records } = JSON.parse(content.toString()) as Partial<Page>;
    const isWhole =
      typeof id === 'string' &&
      Number.isSafeInteger(token) &&
      Number.isSafeInteger(sequence) &&
      Array.isArray(records);
    if (!isWhole) return undefined;
    const read = records.flatMap(each => Memory.from(each) ?? []);
    return { id, token: token!, sequence: sequence!, records: read };
  } catch {
    return undefined;
  }
}

function lastOf(pages: readonly Page[]): Map<string, Remembered> {
  const found = new Map<string, Remembered>();
  const inOrder = [...pages].sort((a, b) => a.token - b.token || a.sequence - b.sequence);
  for (const { records } of inOrder) for (const each of records) found.set(each.name, each);
  return found;
}
