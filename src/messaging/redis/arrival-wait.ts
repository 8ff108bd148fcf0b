/**
 * Waiting for one list to get something.
 *
 * Looking: `BLMOVE q q RIGHT RIGHT t` blocks until the list has an element and then moves it from
 * its end to its end: nothing changes, whatever happens to us meanwhile. Whoever is blocked behind
 * us gets the element, though, before we can claim it. Taking: `BLMOVE q inbox RIGHT LEFT t` moves
 * it into a list of our own, in the turn that Redis gives to blocked clients. Either blocks its
 * connection, hence one small connection per list.
 */
import { sleep } from '../../base/time/backoff.ts';
import { isReply } from '../../drivers/redis/replies.ts';
import { Link, type LinkOptions } from './link.ts';
import type { ScriptedRedis } from './scripts.ts';

/** Seconds one look lasts; the watchdog destroys the socket after three times as long. */
export const WAIT_SECONDS = 4;
/**
 * Seconds one take lasts. As long as a wait of kombu's: who waits again is last in line, so with a
 * longer wait we would be first more often than Python. It also is how long a server moves something
 * for a consumer that is gone without a word.
 */
const TAKE_SECONDS = 1;
/** Seconds until a take that was told to end counts as cut off. */
const TAKE_ENDS_WITHIN = TAKE_SECONDS + 0.5;
const ERROR_PAUSE_MS = 1000;

export interface Arrival {
  readonly list: string;
  readonly text: string;
  /** It is in the inbox now; otherwise it is where it was, or with somebody who was quicker. */
  readonly isTaken: boolean;
}

/** What is needed to take; without it waits only look. */
export interface TakingPorts {
  /** Where to take what comes into this list; undefined to look. */
  readonly inboxOf: (list: string) => string | undefined;
  /** Ends what blocks the client of this id, if the server lets us. */
  readonly unblock: (clientId: number) => void;
  /** Nobody knows what became of a take from this list: its connection ended, or was left. */
  readonly onTakeCutOff: (list: string) => void;
}

export interface ArrivalWaitOptions {
  readonly link: Pick<LinkOptions, 'makeClient' | 'connectTimeout' | 'toError'>;
  /**
   * There may be something now, or there was. Comes once per `arm`, and now and then without one: a
   * take that was to end may still bring something.
   */
  readonly onWake: (arrival?: Arrival) => void;
  readonly taking?: TakingPorts | undefined;
}

export class ArrivalWait {
  readonly #key: string;
  readonly #link: Link;
  readonly #options: ArrivalWaitOptions;
  readonly #onUnsupported: () => void;
  #wanted = false;
  #waiting = false;
  #loop: Promise<void> | undefined;
  /** A take blocks the connection. */
  #isTaking = false;
  /** The id by which that can be ended, until it is told to. */
  #blocked: number | undefined;
  #known: { readonly client: ScriptedRedis; readonly id: number | undefined } | undefined;
  #closed = false;
  #pause: NodeJS.Timeout | undefined;

  constructor(key: string, options: ArrivalWaitOptions, onUnsupported: () => void) {
    this.#key = key;
    this.#options = options;
    this.#onUnsupported = onUnsupported;
    this.#link = new Link({
      ...options.link,
      needed: () => this.#wanted,
      onUp: () => this.#start(),
    });
  }

  arm(): void {
    this.#wanted = true;
    if (this.#waiting || this.#pause) return;
    if (this.#link.client) this.#start();
    else this.#link.heal();
  }

  /** A look may go on, since it changes nothing; a take ends. */
  disarm(): void {
    this.#wanted = false;
    if (this.#blocked === undefined) return;
    this.#options.taking?.unblock(this.#blocked);
    this.#blocked = undefined;
  }

  /** As `disarm`; resolves when nothing will be taken any more, as far as can be known. */
  async endTake(): Promise<void> {
    this.disarm();
    if (!this.#isTaking) return;
    const heard = new AbortController();
    const late = sleep(TAKE_ENDS_WITHIN, undefined, heard.signal).then(
      () => this.#options.taking?.onTakeCutOff(this.#key),
      () => {},
    );
    await Promise.race([this.#loop, late]);
    heard.abort();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pause);
    await this.endTake();
    await this.#link.close();
  }

  #start(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#loop = this.#wait();
  }

  async #wait(): Promise<void> {
    try {
      while (this.#wanted) {
        const { client } = this.#link;
        if (!client) return;
        const arrival = await this.#next(client);
        if (!arrival) continue;
        this.#wanted = false;
        this.#options.onWake(arrival);
      }
    } catch (error) {
      this.#failed(error as Error);
    } finally {
      this.#waiting = false;
    }
  }

  async #next(client: ScriptedRedis): Promise<Arrival | undefined> {
    const list = this.#key;
    const inbox = this.#options.taking?.inboxOf(list);
    const isTaken = inbox !== undefined;
    const text = isTaken
      ? await this.#take(client, inbox)
      : await client.blmove(list, list, 'RIGHT', 'RIGHT', WAIT_SECONDS);
    return text === null ? undefined : { list, text, isTaken };
  }

  async #take(client: ScriptedRedis, inbox: string): Promise<string | null> {
    const id = await this.#idOf(client);
    if (!this.#wanted) return null;
    this.#isTaking = true;
    this.#blocked = id;
    try {
      return await client.blmove(this.#key, inbox, 'RIGHT', 'LEFT', TAKE_SECONDS);
    } catch (error) {
      if (!isReply(error)) this.#options.taking?.onTakeCutOff(this.#key);
      throw error;
    } finally {
      this.#isTaking = false;
      this.#blocked = undefined;
    }
  }

  /** Undefined when the server does not tell: a take then ends by itself. */
  async #idOf(client: ScriptedRedis): Promise<number | undefined> {
    if (this.#known?.client !== client) {
      const id = await client.client('ID').catch((error: Error) => {
        if (isReply(error)) return undefined;
        throw error;
      });
      this.#known = { client, id };
    }
    return this.#known?.id;
  }

  #failed(error: Error): void {
    // A lost connection heals by itself, and the link calls #start again.
    if (this.#closed || !isReply(error)) return;
    if (/unknown command/i.test(error.message)) {
      this.#onUnsupported();
      return;
    }
    // Anything from "not a list" to "still loading": look again a little later.
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (!this.#wanted) return;
      this.#wanted = false;
      this.#options.onWake();
    }, ERROR_PAUSE_MS);
  }
}
