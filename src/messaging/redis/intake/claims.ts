/**
 * The claims of one consumer: which tags their messages get, and which message is acknowledged
 * by the call that claims it.
 */
import type { Arrival } from '../arrival-wait.ts';
import type { ScriptedRedis } from '../scripts.ts';
import type { RedisSession } from '../server-session.ts';
import { RedisDelivery, type Settler, type Source } from './delivery.ts';
import type { Lists, ServingOrder } from './serving-order.ts';
import { type ClaimReply, settleAndClaim } from './settle-and-claim.ts';

/** A claim asks for fewer messages when they are large: a thousand of 1 MB would come as one reply of 1 GB. */
const MAX_CLAIM_CHARACTERS = 8_000_000;
const NOBODY = Number.POSITIVE_INFINITY;

export interface ClaimsOptions {
  readonly session: RedisSession;
  readonly consumerId: string;
  readonly order: ServingOrder;
  /** Where to claim from: the lists of the order, with the inboxes of the consumer. */
  readonly sources: (lists: Lists) => Lists;
  readonly acksOnArrival: ((delivery: RedisDelivery) => boolean) | undefined;
  /** Where the deliveries are settled. */
  readonly settler: Settler;
}

export interface Claimed {
  /** How many of the acks were of messages that were still ours. */
  readonly settled: number;
  /** Oldest first. */
  readonly deliveries: RedisDelivery[];
  /** The first of them was acknowledged by the claim; only the held set has its tag. */
  readonly isFirstAcked: boolean;
  /** The inboxes among the sources have nothing any more. */
  readonly isDrained: boolean;
  readonly races: readonly Race[];
}

/** Something was seen in a list; whether it was still there for our claim. */
export interface Race {
  readonly list: string;
  readonly isWon: boolean;
}

const NO_RACES: readonly Race[] = [];

/** A list that the claim did not come to, since others gave all that was wanted, tells nothing. */
function racesOf(looked: ReadonlySet<string>, got: readonly RedisDelivery[], want: number): Race[] {
  const lists = new Set(got.map(({ list }) => list));
  const races = [...looked].map(list => ({ list, isWon: lists.has(list) }));
  return got.length < want ? races : races.filter(({ isWon }) => isWon);
}

export class Claims {
  readonly #options: ClaimsOptions;
  readonly #heldKey: string;
  #nextTag = 1;
  #averageLength = 1000;
  /** The message that was next in its list when a wait ended: it may be acknowledged by its claim. */
  #next: Arrival | undefined;
  /** The lists in which something was seen since the last claim, and was not taken. */
  #looked = new Set<string>();
  /** That message, which the claim that is on its way may bring. */
  #seen: RedisDelivery | undefined;
  #unheardOf: RedisDelivery | undefined;
  #from = NOBODY;

  constructor(options: ClaimsOptions) {
    this.#options = options;
    this.#heldKey = options.session.keys.held(options.consumerId);
  }

  /** The number of the first tag of the claim on its way: from there on, tags that nobody knows are no orphans yet. */
  get from(): number {
    return this.#from;
  }

  get isUnderWay(): boolean {
    return this.#from !== NOBODY;
  }

  /** Acknowledged on arrival by a claim whose reply is not here; its tag in the held set will tell. */
  get unheardOf(): RedisDelivery | undefined {
    return this.#unheardOf;
  }

  /** Most messages to ask for at their present size. */
  get affordable(): number {
    return Math.ceil(MAX_CLAIM_CHARACTERS / this.#averageLength);
  }

  /** A wait ended, and this was the message to be taken next, if it saw one. */
  saw(next: Arrival | undefined): void {
    this.#next = next;
    // a claim on its way may itself be what took it
    if (next && !next.isTaken && !this.isUnderWay) this.#looked.add(next.list);
  }

  forgetUnheardOf(): void {
    this.#unheardOf = undefined;
  }

  /** What the claim brought is known to the consumer, or the claim failed. */
  over(): void {
    this.#from = NOBODY;
  }

  /**
   * Settles tags and claims up to `want` messages. `over` must follow. Resolves with `expelled`
   * when the consumer was taken for dead: nothing was done then.
   */
  async run(
    client: ScriptedRedis,
    acks: readonly string[],
    want: number,
  ): Promise<Claimed | 'expelled'> {
    const { session, consumerId, order } = this.#options;
    const lists = this.#options.sources(order.lists);
    const first = this.#nextTag;
    this.#nextTag += want;
    const claims = want > 0;
    this.#from = claims ? first : NOBODY;
    const looked = this.#looked;
    if (claims && looked.size > 0) this.#looked = new Set();
    const prompt = claims ? this.#promptly(first) : undefined;
    this.#unheardOf = prompt;
    const reply = await settleAndClaim(client, {
      ...{ keys: session.keys, heldKey: this.#heldKey, consumerId, acks, want, first },
      lists: claims ? lists : undefined,
      prompt: prompt?.raw,
    });
    this.#unheardOf = undefined;
    if (reply === 'expelled') return reply;
    const { settled, isFirstAcked } = reply;
    this.#warnOf(reply.unreadable, lists);
    const deliveries = this.#read(reply.claimed, first, lists);
    const races = claims && looked.size > 0 ? racesOf(looked, deliveries, want) : NO_RACES;
    const last = reply.claimed.at(-1)?.list;
    // they come first
    const isDrained =
      deliveries.length < want || last === undefined || lists.keys[last] === lists.homes[last];
    return { settled, isFirstAcked, deliveries, isDrained, races };
  }

  /** The message seen while waiting, if it may be acknowledged when it is claimed. */
  #promptly(number: number): RedisDelivery | undefined {
    const next = this.#next;
    this.#next = undefined;
    this.#seen = undefined;
    const { acksOnArrival, consumerId, order, settler } = this.#options;
    if (!next || !acksOnArrival) return undefined;
    const { list, text } = next;
    const queue = order.lists.queues[order.lists.keys.indexOf(list)];
    if (queue === undefined) return undefined;
    const delivery = new RedisDelivery(text, `${consumerId}-${number}`, { queue, list }, settler);
    this.#seen = delivery;
    return acksOnArrival(delivery) ? delivery : undefined;
  }

  #warnOf(unreadable: ClaimReply['unreadable'], { keys }: Lists): void {
    for (const { list, error } of unreadable) {
      this.#options.session.warn(`Cannot read the list ${keys[list]}: ${error}`);
    }
  }

  #read(claimed: ClaimReply['claimed'], first: number, lists: Lists): RedisDelivery[] {
    return claimed.map(({ list, text }, i) => {
      this.#averageLength += (text.length - this.#averageLength) / 16;
      const source = { queue: lists.queues[list]!, list: lists.homes[list]! };
      return this.#delivery(text, `${this.#options.consumerId}-${first + i}`, source);
    });
  }

  /** That of the message seen is made already. */
  #delivery(text: string, tag: string, source: Source): RedisDelivery {
    const seen = this.#seen;
    const isSeen = seen?.tag === tag && seen.list === source.list && seen.raw === text;
    return isSeen ? seen : new RedisDelivery(text, tag, source, this.#options.settler);
  }
}
